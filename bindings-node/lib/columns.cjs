'use strict';
// Columns as typed arrays, without any library.

const { Meta, Reader } = require('./arrow.cjs');

const typedArrays = {
  Int8Array, Int16Array, Int32Array, BigInt64Array,
  Uint8Array, Uint16Array, Uint32Array, BigUint64Array,
  Float32Array, Float64Array,
};

/** The buffers of a column as typed arrays, by the form that the compiled half names. */
function items(form, reader) {
  const { length, nullCount, validity, buffers } = reader.array();
  const column = { length, nullCount, validity: validity ? new Uint8Array(validity) : null };
  const [kind, stride, inner] = form.split(' ');
  switch (kind) {
    case 'text':
      column.offsets = new Int32Array(buffers[0], 0, length + 1);
      column.data = new Uint8Array(buffers[1]);
      break;
    case 'large-text':
      column.offsets = new BigInt64Array(buffers[0], 0, length + 1);
      column.data = new Uint8Array(buffers[1]);
      break;
    case 'fixed':
      column.stride = Number(stride);
      column.data = inner ? items(inner, reader).data : new Uint8Array(buffers[0]);
      break;
    case 'none':
      column.data = null;
      break;
    default:
      column.data = new typedArrays[kind](buffers[0]);
  }
  return column;
}

/** The columns of batches, which are handed out, by name. */
function columnsOf(batches, zeroCopy = true) {
  const { names, types } = batches;
  const [forms, layout, addresses, buffers] = batches.exportGathered(zeroCopy);
  const reader = new Reader(layout, buffers);
  const length = reader.rows();
  const columns = Object.create(null);
  names.forEach((name, place) => {
    columns[name] = { type: types[place], ...items(forms[place], reader) };
  });
  return { length, columns, meta: new Meta(addresses) };
}

module.exports = { columnsOf };
