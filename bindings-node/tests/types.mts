// Checked by tsc, never run.

import * as arrow from 'apache-arrow';
import kalamdb, { AbortError, type Column, type Database, KalamError, open, restore, version } from 'kalamdb';

const db: Database = await open('/tmp/db', { user: 'alice', config: { threads: 2 }, int64: 'number' });
const rows: { id: bigint; body: string }[] = await db.query<{ id: bigint; body: string }>('SELECT 1', [1, 2n, 'x', null, new Date(), new Uint8Array(1), Float32Array.of(1)]);
const first: { id: bigint } | undefined = await db.get<{ id: bigint }>('SELECT 1', { id: 1 });
const { rowsAffected }: { rowsAffected: number } = await db.run('DELETE FROM t', null, { timeoutMs: 5 });
await db.exec('SELECT 1', { signal: new AbortController().signal });
const table: arrow.Table = await db.arrow('SELECT 1', [], { arrow });
const copied: number = (await db.arrow('SELECT 1', [], { arrow, zeroCopy: false })).meta.copied;
const column: Column | undefined = (await db.columns('SELECT 1')).columns['a'];
for await (const batch of db.stream('SELECT 1', [], { int64: 'string' })) {
  const some: Record<string, unknown>[] = batch.rows();
  const one: arrow.Table = batch.arrow({ arrow });
  void [some, one, batch.length, batch.ipc()];
}
const statement = await db.prepare('SELECT ?');
const read: { id: number } | undefined = statement.getSync<{ id: number }>([1]);
await statement.runMany([[1], [2]]);
await db.runMany('INSERT INTO t VALUES (:id)', { id: [1, 2] });
const appended: number = await db.append('t', [{ id: 1 }], { mode: 'upsert' });
await db.append('t', table, { arrow });
await db.append('t', { id: BigInt64Array.of(1n), body: ['x'] });
const appender = db.appender('t', { batchRows: 10 });
await appender.add({ id: 1 });
const length: number = await db.transaction(async (tx) => (await tx.query('SELECT 1')).length, { isolation: 'serializable', retries: 3 });
const total: number | null | undefined = (await db.progress())?.rowsTotal;
try {
  await using other = await db.asUser('bob');
  await other.useNamespace('x');
} catch (error) {
  if (error instanceof KalamError) void [error.sqlstate, error.position?.line, error.hint];
  if (error instanceof AbortError) void error.code;
}
await restore('/a', '/b');
void [kalamdb.open, version, rows, first, rowsAffected, copied, column, read, appended, length, total];

// @ts-expect-error undefined is no value
await db.query('SELECT ?', [undefined]);
// @ts-expect-error an object is no value
await db.query('SELECT ?', [{ a: 1 }]);
// @ts-expect-error no such form
await db.query('SELECT 1', [], { int64: 'float' });
// @ts-expect-error SQL is text
await db.query(1);
// @ts-expect-error it is made by open()
new kalamdb.Database();
