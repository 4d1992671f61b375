'use strict';
// What append() and runMany() take, as names and columns in turn, or as bytes of Arrow IPC.

const { checked } = require('./arrow.cjs');
const { invalid } = require('./error.cjs');

const isObject = (value) => typeof value === 'object' && value !== null;
const isColumn = (value) => Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));

/** A table of arrow-js, whichever copy of it made the table. */
const isTable = (data) => Array.isArray(data.batches) && isObject(data.schema) && 'numRows' in data;

/** Columns of rows: a row without a key has NULL there. */
function pivot(rows) {
  const columns = new Map();
  let count = 0;
  for (const row of rows) {
    if (!isObject(row) || Array.isArray(row) || ArrayBuffer.isView(row)) {
      throw invalid(`row ${count + 1} is no object`, 'pass rows as objects whose keys are columns');
    }
    for (const name of Object.keys(row)) {
      let values = columns.get(name);
      if (values === undefined) columns.set(name, (values = new Array(count).fill(null)));
      values.push(row[name]);
    }
    count++;
    for (const values of columns.values()) if (values.length < count) values.push(null);
  }
  if (count > 0 && columns.size === 0) throw invalid('the rows have no column');
  return [...columns].flat(1);
}

/** The data of an append for the compiled half. */
function appended(data, arrow) {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (data instanceof Uint8Array) return data;
  if (!isObject(data)) {
    throw invalid(
      `data of type ${data === null ? 'null' : typeof data} cannot be appended`,
      'pass rows, {column: array}, a Table of apache-arrow, or bytes of Arrow IPC',
    );
  }
  if (isTable(data)) {
    const ipc = checked(arrow).tableToIPC(data, 'stream');
    return ipc;
  }
  if (typeof data[Symbol.iterator] === 'function') return pivot(data);
  return columnPairs(data);
}

function columnPairs(columns) {
  const pairs = [];
  for (const [name, values] of Object.entries(columns)) {
    if (!isColumn(values)) {
      throw invalid(`column "${name}" is neither an array nor a typed array`);
    }
    pairs.push(name, values);
  }
  if (pairs.length === 0) throw invalid('there is no column to append');
  return pairs;
}

/** Sets of parameters for the compiled half: an array of sets, or columns by name. */
function parameterSets(sets) {
  if (isObject(sets) && typeof sets[Symbol.iterator] === 'function') return Array.from(sets);
  if (isObject(sets)) return { columns: columnPairs(sets) };
  throw invalid('sets of parameters are no array', 'pass [[1, "a"], [2, "b"]] or {name: array}');
}

module.exports = { appended, parameterSets };
