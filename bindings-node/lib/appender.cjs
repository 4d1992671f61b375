'use strict';

const { KalamError, invalid } = require('./error.cjs');

/** Rows that are collected and appended together. */
class Appender {
  #append;
  #options;
  #rows = [];
  #appended = 0;
  #closed = false;

  constructor(table, { batchRows = 10_000, mode, arrow, ...others }, append) {
    if (!Number.isSafeInteger(batchRows) || batchRows < 1) {
      throw invalid(`batchRows is ${String(batchRows)}`, 'pass a number of rows, 1 or more');
    }
    this.table = table;
    this.batchRows = batchRows;
    this.#append = append;
    this.#options = { mode, arrow, ...others };
  }

  /** Takes a row. Await it: it appends when batchRows are together. */
  async add(row) {
    this.#check();
    this.#rows.push(row);
    if (this.#rows.length >= this.batchRows) await this.flush();
  }

  /** Appends what is there, in one commit. What fails stays, to be appended again. */
  async flush() {
    const rows = this.#rows;
    if (rows.length === 0) return;
    this.#rows = [];
    try {
      this.#appended += await this.#append(rows, this.#options);
    } catch (error) {
      this.#rows = rows.concat(this.#rows);
      throw error;
    }
  }

  /** Appends the rest; how many rows were appended in all. */
  async close() {
    if (!this.#closed) {
      await this.flush();
      this.#closed = true;
    }
    return this.#appended;
  }

  [Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')]() {
    return this.close();
  }

  #check() {
    if (!this.#closed) return;
    throw new KalamError('appender is closed', { code: 'Closed', sqlstate: '08003' });
  }
}

module.exports = { Appender };
