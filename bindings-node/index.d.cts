/// <reference lib="es2022" />

/** What a parameter may be: `?` and `$1` by position, `:name` by name. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Date
  | ArrayBuffer
  | NodeJS.TypedArray
  | DataView
  | readonly (null | boolean | number | bigint | string | Date)[];
export type Params = readonly Value[] | { readonly [name: string]: Value };

/** What becomes of BIGINT: exact as BigInt or text, or a number, where one beyond 2^53 is an error. */
export type Int64Form = 'bigint' | 'number' | 'string';

/** The module apache-arrow, as far as it is used. */
export interface ArrowModule {
  makeData(props: any): any;
  tableFromIPC(input: any): any;
  tableToIPC(table: any, type?: 'stream' | 'file'): Uint8Array;
  readonly Table: new (...args: any[]) => any;
}
/** The table that an apache-arrow module makes. */
export type TableOf<A extends ArrowModule> = InstanceType<A['Table']> & { readonly meta: Meta };

export interface CallOptions {
  /** Stops the engine when it is aborted; the call rejects with an AbortError. */
  readonly signal?: AbortSignal;
}
export interface StatementOptions extends CallOptions {
  /** How long the statement and its rows are waited for. */
  readonly timeoutMs?: number;
}
export interface QueryOptions extends StatementOptions {
  readonly int64?: Int64Form;
}
export interface RowOptions extends QueryOptions {
  /** Rows as objects (the default), or as arrays. */
  readonly rows?: 'object' | 'array';
}
export interface ColumnOptions extends StatementOptions {
  /** `false`: copies everything. */
  readonly zeroCopy?: boolean;
}
export interface ArrowOptions<A extends ArrowModule = ArrowModule> extends ColumnOptions {
  readonly arrow?: A;
}

/** What was handed out uncopied. */
export interface Meta {
  /** Whether nothing was copied. */
  readonly zeroCopy: boolean;
  /** Buffers that were handed out as they are. */
  readonly external: number;
  /** Buffers that were copied once. */
  readonly copied: number;
  /** Where each buffer lay in the engine's memory; 0n: it was copied. */
  readonly addresses: BigUint64Array;
}

export type ColumnData =
  | Int8Array | Int16Array | Int32Array | BigInt64Array
  | Uint8Array | Uint16Array | Uint32Array | BigUint64Array
  | Float32Array | Float64Array;

/** A column as Arrow lays it out. */
export interface Column {
  /** The SQL type. */
  readonly type: string;
  readonly length: number;
  readonly nullCount: number;
  /** A bit for each value, the lowest first; null: all are valid. */
  readonly validity: Uint8Array | null;
  /** Items, bits of BOOLEAN, or the bytes of texts. */
  readonly data: ColumnData | null;
  /** Where each text begins, and the end. */
  readonly offsets?: Int32Array | BigInt64Array;
  /** Items of each value of a type of fixed length. */
  readonly stride?: number;
}
export interface Columns {
  readonly length: number;
  readonly columns: Readonly<Record<string, Column>>;
  readonly meta: Meta;
}

export interface RunResult {
  /** Rows that were inserted, changed or deleted. */
  readonly rowsAffected: number;
}
export type Row = Record<string, any>;

/** Rows that are there. arrow() and columns() hand their memory out, once. */
export class Batch {
  private constructor();
  readonly length: number;
  readonly columnNames: string[];
  readonly columnTypes: string[];
  rows<T = Row>(options?: { rows?: 'object' | 'array'; int64?: Int64Form }): T[];
  columns(options?: { zeroCopy?: boolean }): Columns;
  arrow<A extends ArrowModule>(options: { arrow: A; zeroCopy?: boolean }): TableOf<A>;
  arrow(options?: { zeroCopy?: boolean }): any;
  ipc(): Uint8Array;
}

/** A statement that was parsed and looked up once. */
export class Statement {
  private constructor();
  query<T = Row>(params?: Params | null, options?: RowOptions): Promise<T[]>;
  get<T = Row>(params?: Params | null, options?: RowOptions): Promise<T | undefined>;
  /** The first row, read on this thread: for lookups by key, which take microseconds. */
  getSync<T = Row>(params?: Params | null): T | undefined;
  run(params?: Params | null, options?: StatementOptions): Promise<RunResult>;
  runMany(sets: ParameterSets, options?: CallOptions): Promise<RunResult>;
  columns(params?: Params | null, options?: ColumnOptions): Promise<Columns>;
  arrow<A extends ArrowModule>(params: Params | null | undefined, options: ArrowOptions<A> & { arrow: A }): Promise<TableOf<A>>;
  arrow(params?: Params | null, options?: ColumnOptions): Promise<any>;
  ipc(params?: Params | null, options?: StatementOptions): Promise<Uint8Array>;
  stream(params?: Params | null, options?: QueryOptions): AsyncGenerator<Batch, void, void>;
  readonly columnNames: string[];
  readonly columnTypes: string[];
  readonly parameterNames: string[];
  /** The SQL type of each parameter; null: any. */
  readonly parameterTypes: (string | null)[];
}

/** Many sets of parameters, or a column of values for each `:name`. */
export type ParameterSets = Iterable<Params> | { readonly [name: string]: readonly Value[] | ColumnData };
/** Rows, columns, a Table of apache-arrow, or bytes of Arrow IPC. */
export type AppendData =
  | Iterable<{ readonly [column: string]: Value }>
  | { readonly [column: string]: readonly Value[] | ColumnData }
  | Uint8Array
  | ArrayBuffer
  | { readonly batches: readonly any[]; readonly schema: any; readonly numRows: number };

export interface AppendOptions extends CallOptions {
  /** What becomes of a row whose key is there: an error, or it is replaced. */
  readonly mode?: 'append' | 'upsert';
  readonly arrow?: ArrowModule;
}

/** Rows that are collected and appended together. */
export class Appender {
  private constructor();
  readonly table: string;
  readonly batchRows: number;
  add(row: { readonly [column: string]: Value }): Promise<void>;
  flush(): Promise<void>;
  /** Appends the rest; how many rows were appended in all. */
  close(): Promise<number>;
  [Symbol.asyncDispose](): Promise<unknown>;
}

export interface TransactionOptions {
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
  /** How often the function runs again when another commit was first (40001). */
  readonly retries?: number;
  readonly signal?: AbortSignal;
}

export type Role = 'anonymous' | 'user' | 'service' | 'dba' | 'system';
export interface ConnectOptions {
  readonly user?: string;
  /** The user logs in and has the role of their account. */
  readonly password?: string;
  readonly role?: Role;
  /** Where names without namespace are looked up. */
  readonly namespace?: string;
  /** Refuses every write. */
  readonly readOnly?: boolean;
}
export interface OpenOptions extends ConnectOptions {
  /** durability, memory_limit, threads, temp_directory, statement_timeout, .. as in SET. */
  readonly config?: Readonly<Record<string, string | number | boolean>>;
  readonly int64?: Int64Form;
  /** The module apache-arrow, for all tables. */
  readonly arrow?: ArrowModule;
}

/** What one user does with a database. */
export class Database {
  private constructor();
  query<T = Row>(sql: string, params?: Params | null, options?: RowOptions): Promise<T[]>;
  /** The first row. */
  get<T = Row>(sql: string, params?: Params | null, options?: RowOptions): Promise<T | undefined>;
  run(sql: string, params?: Params | null, options?: StatementOptions): Promise<RunResult>;
  /** Runs several statements, separated by semicolons. */
  exec(sql: string, options?: StatementOptions): Promise<void>;
  /** Runs a statement for each set of parameters, all or none. */
  runMany(sql: string, sets: ParameterSets, options?: CallOptions): Promise<RunResult>;
  columns(sql: string, params?: Params | null, options?: ColumnOptions): Promise<Columns>;
  arrow<A extends ArrowModule>(sql: string, params: Params | null | undefined, options: ArrowOptions<A> & { arrow: A }): Promise<TableOf<A>>;
  /** With the apache-arrow module that open() was given. */
  arrow(sql: string, params?: Params | null, options?: ColumnOptions): Promise<any>;
  /** The bytes of Arrow IPC. */
  ipc(sql: string, params?: Params | null, options?: StatementOptions): Promise<Uint8Array>;
  stream(sql: string, params?: Params | null, options?: QueryOptions): AsyncGenerator<Batch, void, void>;
  prepare(sql: string): Promise<Statement>;
  /** Appends in one commit; how many rows. */
  append(table: string, data: AppendData, options?: AppendOptions): Promise<number>;
  appender(table: string, options?: AppendOptions & { readonly batchRows?: number }): Appender;
  /** Runs a function in a transaction of its own; what it throws rolls back. */
  transaction<T>(body: (transaction: Database) => Promise<T> | T, options?: TransactionOptions): Promise<T>;
  /** Another session; only one that may do everything connects others without their password. */
  connect(options?: ConnectOptions): Promise<Database>;
  /** A session of another user, for whom the program vouches. */
  asUser(user: string): Promise<Database>;
  useNamespace(namespace: string): Promise<void>;
  /** Moves hot rows of a table, or of all, to files. */
  flush(table?: string | null, options?: CallOptions): Promise<Row[]>;
  explain(sql: string, params?: Params | null, options?: CallOptions & { readonly analyze?: boolean }): Promise<string>;
  /** Stops every statement that is at work. */
  interrupt(): void;
  progress(): Promise<{ readonly rowsDone: number; readonly rowsTotal: number | null } | null>;
  readonly user: string;
  readonly role: Role;
  readonly namespace: string;
  readonly readOnly: boolean;
  readonly transactionStatus: 'idle' | 'active' | 'failed';
  readonly isOpen: boolean;
  /** Refuses further calls and waits for those that run. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Any failure of the database. */
export class KalamError extends Error {
  constructor(message: string, fields?: Partial<Pick<KalamError, 'code' | 'sqlstate' | 'position' | 'hint' | 'detail'>>);
  readonly name: 'KalamError';
  /** What to do about it: 'InvalidStatement', 'NotFound', 'Constraint', 'Conflict', .. */
  readonly code: string;
  readonly sqlstate: string;
  /** Where in the SQL, from 1. */
  readonly position?: { readonly line: number; readonly column: number };
  readonly hint?: string;
  readonly detail?: string;
}
/** What a call rejects with whose signal was aborted; `cause` is the signal's reason. */
export class AbortError extends Error {
  private constructor();
  readonly name: 'AbortError';
  readonly code: 'ABORT_ERR';
}

/** Opens a database directory, creating it if it is missing, or one in memory. */
export function open(path?: string, options?: OpenOptions): Promise<Database>;
/** Makes a new database directory of a backup. */
export function restore(backup: string, path: string, options?: CallOptions): Promise<void>;
export const version: string;
