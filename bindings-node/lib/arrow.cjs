'use strict';
// arrow-js tables over the memory of the engine. apache-arrow is passed in by the program: two
// copies of it do not know each other's tables.

const { invalid } = require('./error.cjs');

/** The module, if it is one that tables can be made with. */
function checked(arrow) {
  if (typeof arrow?.makeData !== 'function' || typeof arrow.tableFromIPC !== 'function') {
    throw invalid(
      'apache-arrow is missing',
      "pass it: db.arrow(sql, params, { arrow: require('apache-arrow') }), or open(path, { arrow })",
    );
  }
  return arrow;
}

/** What was handed out uncopied, and where it lies. */
class Meta {
  #addresses = [];
  /** Buffers that were handed out as they are. */
  external = 0;
  /** Buffers that were copied once. */
  copied = 0;

  add(addresses) {
    this.#addresses.push(addresses);
    for (const address of addresses) {
      if (address === 0n) this.copied++;
      else this.external++;
    }
  }

  /** Whether nothing was copied. */
  get zeroCopy() {
    return this.copied === 0;
  }

  /** Where each buffer lay in the engine's memory; 0n: it was copied. */
  get addresses() {
    const all = new BigUint64Array(this.external + this.copied);
    let place = 0;
    for (const part of this.#addresses) {
      all.set(part, place);
      place += part.length;
    }
    return all;
  }
}

/** Reads the arrays of one batch in the order of Arrow's IPC. */
class Reader {
  constructor(part) {
    this.layout = part[1];
    this.part = part;
    this.node = 0;
    this.buffer = 3;
  }

  next() {
    const node = this.node;
    const [length, nullCount, count] = this.layout.subarray(node, node + 3);
    this.node = node + 3;
    const validity = this.part[this.buffer++];
    const start = this.buffer;
    this.buffer = start + count;
    return { length, nullCount, validity, buffers: this.part.slice(start, this.buffer) };
  }
}

/** The columns of arrow-js that lie over buffers. */
class Columns {
  constructor(arrow) {
    this.arrow = arrow;
    this.Type = arrow.Type;
  }

  data(type, reader) {
    const { length, nullCount, validity, buffers } = reader.next();
    const props = { type, length, nullCount, offset: 0 };
    if (validity) props.nullBitmap = new Uint8Array(validity);
    const { Type } = this;
    switch (type.typeId) {
      case Type.Null:
        return this.arrow.makeData({ type, length, offset: 0 });
      case Type.Utf8:
      case Type.Binary:
        props.valueOffsets = new Int32Array(buffers[0], 0, length + 1);
        props.data = new Uint8Array(buffers[1]);
        break;
      case Type.LargeUtf8:
      case Type.LargeBinary:
        props.valueOffsets = new BigInt64Array(buffers[0], 0, length + 1);
        props.data = new Uint8Array(buffers[1]);
        break;
      case Type.List:
        props.valueOffsets = new Int32Array(buffers[0], 0, length + 1);
        props.child = this.data(type.children[0].type, reader);
        break;
      case Type.Map:
        props.valueOffsets = new Int32Array(buffers[0], 0, length + 1);
        props.child = this.data(type.children[0].type, reader);
        break;
      case Type.FixedSizeList:
        props.child = this.data(type.children[0].type, reader);
        break;
      case Type.Struct:
        props.children = type.children.map((child) => this.data(child.type, reader));
        break;
      case Type.Bool:
      case Type.FixedSizeBinary:
        props.data = new Uint8Array(buffers[0]);
        break;
      default:
        // Of the type's own width; dates, times, timestamps and decimals among them.
        props.data = new type.ArrayType(buffers[0]);
    }
    return this.arrow.makeData(props);
  }

  batch(schema, part) {
    const reader = new Reader(part);
    const children = schema.fields.map((field) => this.data(field.type, reader));
    const type = new this.arrow.Struct(schema.fields);
    const data = this.arrow.makeData({ type, length: part[0], nullCount: 0, children });
    return new this.arrow.RecordBatch(schema, data);
  }
}

/**
 * A table of arrow-js of batches, which are handed out. Its `meta` says what was copied.
 * `schemas` keeps the schema that was read for a module, for other batches of the same result.
 */
function tableOf(batches, arrow, zeroCopy = true, schemas = new Map()) {
  checked(arrow);
  const parts = batches.export(zeroCopy, !schemas.has(arrow));
  const ipc = parts.shift();
  if (ipc !== null) schemas.set(arrow, arrow.tableFromIPC(ipc).schema);
  const schema = schemas.get(arrow);
  const meta = new Meta();
  const columns = new Columns(arrow);
  const made = parts.map((part) => {
    meta.add(part[2]);
    return columns.batch(schema, part);
  });
  const table = made.length ? new arrow.Table(schema, made) : new arrow.Table(schema);
  return Object.defineProperty(table, 'meta', { value: meta });
}

module.exports = { Meta, Reader, checked, tableOf };
