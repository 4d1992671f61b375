'use strict';

const native = require('./native.cjs');
const { Appender } = require('./appender.cjs');
const { Running, call, now, options, text } = require('./call.cjs');
const { KalamError, invalid } = require('./error.cjs');
const { appended, parameterSets } = require('./input.cjs');
const { int64Form, rowsOf } = require('./rows.cjs');
const { Answers, Statement } = require('./statement.cjs');

/** Older versions of Node have no symbol for it. */
const asyncDispose = Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose');

/** Whether a transaction can be run again: another commit was first. */
const retryable = (error) => error instanceof KalamError && error.sqlstate === '40001';

/** The settings of a database as text, as SET takes them. */
function settings(config) {
  const entries = Object.entries(config ?? {});
  return Object.fromEntries(entries.map(([key, value]) => [key, String(value)]));
}

/** What one user does with a database. */
class Database {
  #native;
  #defaults;
  #running = new Running();
  #isTransaction = false;

  constructor(connection, defaults) {
    this.#native = connection;
    this.#defaults = defaults;
  }

  async #call(given, start) {
    const { signal } = options(given);
    return await call(this.#running, signal, start);
  }

  #answers(sql) {
    const execute = (params, form, { signal, timeoutMs }) =>
      call(this.#running, signal, (stop) =>
        this.#native.execute(text(sql, 'sql'), params, form, timeoutMs, stop));
    return new Answers(execute, this.#defaults);
  }

  #derived(connection) {
    return new Database(connection, this.#defaults);
  }

  query(sql, params, given) { return this.#answers(sql).query(params, given); }
  get(sql, params, given) { return this.#answers(sql).get(params, given); }
  run(sql, params, given) { return this.#answers(sql).run(params, given); }
  columns(sql, params, given) { return this.#answers(sql).columns(params, given); }
  arrow(sql, params, given) { return this.#answers(sql).arrow(params, given); }
  ipc(sql, params, given) { return this.#answers(sql).ipc(params, given); }
  stream(sql, params, given) { return this.#answers(sql).stream(params, given); }

  async exec(sql, given) {
    await this.#answers(sql).run(undefined, given);
  }

  async runMany(sql, sets, given) {
    text(sql, 'sql');
    const rowsAffected = await this.#call(given, (stop) =>
      this.#native.executeMany(sql, parameterSets(sets), stop));
    return { rowsAffected };
  }

  async prepare(sql) {
    text(sql, 'sql');
    const statement = await this.#call(undefined, () => this.#native.prepare(sql));
    return new Statement(statement, this.#defaults, this.#running);
  }

  async append(table, data, given) {
    text(table, 'table');
    const { mode = 'append', arrow = this.#defaults.arrow } = options(given);
    return await this.#call(given, (stop) => {
      const read = appended(data, arrow);
      // Without a row there are no columns either.
      if (Array.isArray(read) && read.length === 0) return this.#native.user && 0;
      return this.#native.append(table, read, text(mode, 'mode'), stop);
    });
  }

  appender(table, given) {
    return new Appender(text(table, 'table'), options(given), (rows, chosen) =>
      this.append(table, rows, chosen));
  }

  /**
   * Runs `body` in a transaction of a session of its own, so that nothing else gets into it.
   * What it returns is returned after the commit; what it throws rolls back.
   */
  async transaction(body, given) {
    const { isolation, retries = 0, signal } = options(given);
    if (typeof body !== 'function') throw invalid('transaction() takes a function');
    if (this.#isTransaction) {
      throw new KalamError('a transaction is open', {
        code: 'InvalidStatement',
        sqlstate: '25001',
        hint: 'use SAVEPOINT and ROLLBACK TO for a part of it',
      });
    }
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#attempt(body, isolation, signal);
      } catch (error) {
        if (attempt >= retries || !retryable(error)) throw error;
      }
    }
  }

  async #attempt(body, isolation, signal) {
    signal?.throwIfAborted();
    const session = this.#derived(now(() => this.#native.duplicate()));
    session.#isTransaction = true;
    const connection = session.#native;
    try {
      await call(undefined, undefined, () => connection.begin(isolation));
      const value = await body(session);
      await session.#running.idle();
      await call(undefined, undefined, () => connection.end(true));
      return value;
    } finally {
      // Rolls back what was not committed.
      await session.close();
    }
  }

  async connect(given) {
    const { user, role, password, namespace, readOnly } = given ?? {};
    return this.#derived(await this.#call(undefined, () =>
      this.#native.connect({ user, role, password, namespace, readOnly })));
  }

  async asUser(user) {
    text(user, 'user');
    return this.#derived(await this.#call(undefined, () => this.#native.asUser(user)));
  }

  async useNamespace(namespace) {
    text(namespace, 'namespace');
    await this.#call(undefined, () => this.#native.useNamespace(namespace));
  }

  async flush(table, given) {
    if (table !== undefined && table !== null) text(table, 'table');
    const batches = await this.#call(given, (stop) => this.#native.flush(table, stop));
    return this.#rows(batches);
  }

  async explain(sql, params, given) {
    text(sql, 'sql');
    const { analyze = false } = options(given);
    const batches = await this.#call(given, (stop) =>
      this.#native.explain(sql, params, analyze === true, stop));
    return this.#rows(batches).map((row) => Object.values(row).join(' ')).join('\n');
  }

  #rows(batches) {
    return now(() => rowsOf(batches, int64Form(this.#defaults.int64)));
  }

  interrupt() { now(() => this.#native.interrupt()); }

  async progress() {
    const pair = await call(undefined, undefined, () => this.#native.progress());
    if (pair === null) return null;
    return { rowsDone: pair[0], rowsTotal: pair[1] < 0 ? null : pair[1] };
  }

  get user() { return now(() => this.#native.user); }
  get role() { return now(() => this.#native.role); }
  get namespace() { return now(() => this.#native.namespace); }
  get readOnly() { return now(() => this.#native.readOnly); }
  get transactionStatus() { return now(() => this.#native.transactionStatus); }
  get isOpen() { return this.#native.isOpen; }

  async close() {
    const idle = this.#running.idle();
    const closing = this.#native.close();
    await idle;
    await closing;
  }

  [asyncDispose]() { return this.close(); }
}

async function open(path = ':memory:', given = {}) {
  text(path, 'path');
  const { user, role, password, namespace, readOnly, config, int64 = 'bigint', arrow } = given ?? {};
  int64Form(int64);
  const connection = await call(undefined, undefined, () =>
    native.open(path, { user, role, password, namespace, readOnly, config: settings(config) }));
  return new Database(connection, { int64, arrow });
}

async function restore(backup, path, given) {
  const { signal } = options(given);
  await call(undefined, signal, (stop) => native.restore(text(backup, 'backup'), text(path, 'path'), stop));
}

module.exports = { Database, open, restore };
