'use strict';

const { call, now, options } = require('./call.cjs');
const { int64Form, objectOf, rowsOf } = require('./rows.cjs');
const { tableOf } = require('./arrow.cjs');
const { columnsOf } = require('./columns.cjs');
const { parameterSets } = require('./input.cjs');
const { streamOf } = require('./stream.cjs');

/** How the compiled half answers. */
const Form = Object.freeze({ batches: 0, ipc: 1, stream: 2 });

/**
 * What a text and a prepared statement have in common: the forms that an answer comes in.
 * `execute(params, form, options)` begins a statement and returns its promise.
 */
class Answers {
  constructor(execute, defaults) {
    this.execute = execute;
    this.defaults = defaults;
  }

  async query(params, given) {
    const chosen = options(given);
    const int64 = int64Form(chosen.int64 ?? this.defaults.int64);
    const batches = await this.execute(params, Form.batches, chosen);
    return now(() => {
      const rows = rowsOf(batches, int64, chosen.rows);
      batches.free();
      return rows;
    });
  }

  async get(params, given) {
    const rows = await this.query(params, given);
    return rows[0];
  }

  async run(params, given) {
    const batches = await this.execute(params, Form.batches, options(given));
    const { rowsAffected } = batches;
    batches.free();
    return { rowsAffected: rowsAffected ?? 0 };
  }

  async columns(params, given) {
    const chosen = options(given);
    const batches = await this.execute(params, Form.batches, chosen);
    return now(() => columnsOf(batches, chosen.zeroCopy));
  }

  async arrow(params, given) {
    const chosen = options(given);
    const batches = await this.execute(params, Form.batches, chosen);
    return now(() => tableOf(batches, chosen.arrow ?? this.defaults.arrow, chosen.zeroCopy));
  }

  async ipc(params, given) {
    return await this.execute(params, Form.ipc, options(given));
  }

  async *stream(params, given) {
    const chosen = options(given);
    yield* streamOf(() => this.execute(params, Form.stream, chosen), chosen, this.defaults);
  }
}

/** A statement that was parsed and looked up once, and runs many times. */
class Statement {
  #native;
  #running;
  #answers;
  #int64;
  #names;

  constructor(native, defaults, running) {
    this.#native = native;
    this.#running = running;
    this.#int64 = int64Form(defaults.int64);
    this.#names = native.names;
    const execute = (params, form, { signal, timeoutMs }) =>
      call(running, signal, (stop) => native.execute(params, form, timeoutMs, stop));
    this.#answers = new Answers(execute, defaults);
  }

  query(params, given) { return this.#answers.query(params, given); }
  get(params, given) { return this.#answers.get(params, given); }
  run(params, given) { return this.#answers.run(params, given); }
  columns(params, given) { return this.#answers.columns(params, given); }
  arrow(params, given) { return this.#answers.arrow(params, given); }
  ipc(params, given) { return this.#answers.ipc(params, given); }
  stream(params, given) { return this.#answers.stream(params, given); }

  async runMany(sets, given) {
    const { signal } = options(given);
    const rowsAffected = await call(this.#running, signal, (stop) =>
      this.#native.executeMany(parameterSets(sets), stop));
    return { rowsAffected };
  }

  /** The first row, read on this thread: for lookups by key, which take microseconds. */
  getSync(params) {
    return now(() => {
      const values = this.#native.first(params, this.#int64);
      return values === undefined ? undefined : objectOf(this.#names, values);
    });
  }

  get columnNames() { return this.#names; }
  get columnTypes() { return this.#native.types; }
  get parameterNames() { return this.#native.parameterNames; }
  get parameterTypes() { return this.#native.parameterTypes; }
}

module.exports = { Answers, Form, Statement };
