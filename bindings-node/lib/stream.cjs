'use strict';

const { call, now } = require('./call.cjs');
const { int64Form, rowsOf } = require('./rows.cjs');
const { tableOf } = require('./arrow.cjs');
const { columnsOf } = require('./columns.cjs');

/** Rows of a result that are there, in whatever form they are asked for. */
class Batch {
  #native;
  #defaults;
  #schemas;

  constructor(native, defaults, schemas) {
    this.#native = native;
    this.#defaults = defaults;
    this.#schemas = schemas;
  }

  /** How many rows it has; 0 after its memory was handed out. */
  get length() { return now(() => this.#native.rowCount); }
  get columnNames() { return this.#native.names; }
  get columnTypes() { return this.#native.types; }

  rows({ rows, int64 = this.#defaults.int64 } = {}) {
    return now(() => rowsOf(this.#native, int64Form(int64), rows));
  }

  columns({ zeroCopy } = {}) {
    return now(() => columnsOf(this.#native, zeroCopy));
  }

  arrow({ arrow = this.#defaults.arrow, zeroCopy } = {}) {
    return now(() => tableOf(this.#native, arrow, zeroCopy, this.#schemas));
  }

  ipc() {
    return now(() => this.#native.ipc());
  }
}

/**
 * The batches of a result. The query begins with the first one that is asked for, makes no more
 * than two ahead, and ends when the loop is left.
 */
async function* streamOf(begin, { signal, int64 }, { int64: ownInt64, arrow }) {
  const defaults = { int64: int64 ?? ownInt64, arrow };
  int64Form(defaults.int64);
  const schemas = new Map();
  const stream = await begin();
  try {
    for (;;) {
      const batch = await call(undefined, signal, (stop) => stream.next(stop));
      if (batch === null) return;
      yield new Batch(batch, defaults, schemas);
    }
  } finally {
    stream.close();
  }
}

module.exports = { Batch, streamOf };
