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
  /** Where each buffer lay in the engine's memory; 0n: it was copied. */
  addresses;
  /** Buffers that were copied once. */
  copied;

  constructor(addresses) {
    this.addresses = addresses;
    this.copied = addresses.reduce((count, address) => count + (address === 0n), 0);
  }

  /** Buffers that were handed out as they are. */
  get external() {
    return this.addresses.length - this.copied;
  }

  /** Whether nothing was copied. */
  get zeroCopy() {
    return this.copied === 0;
  }
}

/** Reads exported batches and their arrays in the order of Arrow's IPC. */
class Reader {
  #layout;
  #buffers;
  #place = 0;
  #buffer = 0;

  constructor(layout, buffers) {
    this.#layout = layout;
    this.#buffers = buffers;
  }

  get done() {
    return this.#place === this.#layout.length;
  }

  /** The number of rows of the batch that begins here. */
  rows() {
    return this.#layout[this.#place++];
  }

  /** The array that begins here; those of its children come next. */
  array() {
    const place = this.#place;
    const [layout, buffers, first] = [this.#layout, this.#buffers, this.#buffer];
    const count = layout[place + 2];
    this.#place = place + 3;
    this.#buffer = first + 1 + count;
    return {
      length: layout[place],
      nullCount: layout[place + 1],
      validity: buffers[first],
      buffers: count === 1 ? [buffers[first + 1]] : buffers.slice(first + 1, first + 1 + count),
    };
  }
}

/** The batches of arrow-js that lie over buffers. */
class Batches {
  constructor(arrow, schema) {
    this.arrow = arrow;
    this.Type = arrow.Type;
    this.schema = schema;
    this.struct = new arrow.Struct(schema.fields);
  }

  data(type, reader) {
    const { length, nullCount, validity, buffers } = reader.array();
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

  next(reader) {
    const length = reader.rows();
    const children = this.schema.fields.map((field) => this.data(field.type, reader));
    const data = this.arrow.makeData({ type: this.struct, length, nullCount: 0, children });
    return new this.arrow.RecordBatch(this.schema, data);
  }
}

/** How many schemas are kept for a module. */
const KEPT_SCHEMAS = 64;

/** The schemas that were read last, by their bytes, for each module that they are of. */
const keptSchemas = new WeakMap();

/** The schema that bytes of Arrow IPC begin with. To read one takes longer than to make a table. */
function schemaOf(arrow, ipc) {
  if (!keptSchemas.has(arrow)) keptSchemas.set(arrow, new Map());
  const kept = keptSchemas.get(arrow);
  const key = Buffer.from(ipc.buffer, ipc.byteOffset, ipc.byteLength).toString('latin1');
  let schema = kept.get(key);
  if (schema === undefined) {
    schema = arrow.tableFromIPC(ipc).schema;
    if (kept.size === KEPT_SCHEMAS) kept.delete(kept.keys().next().value);
    kept.set(key, schema);
  }
  return schema;
}

/**
 * A table of arrow-js of batches, which are handed out. Its `meta` says what was copied.
 * `schemas` keeps the schema that was read for a module, for other batches of the same result.
 */
function tableOf(batches, arrow, zeroCopy = true, schemas = new Map()) {
  checked(arrow);
  const [ipc, layout, addresses, buffers] = batches.export(zeroCopy, !schemas.has(arrow));
  if (ipc !== null) schemas.set(arrow, schemaOf(arrow, ipc));
  const schema = schemas.get(arrow);
  const reader = new Reader(layout, buffers);
  const maker = new Batches(arrow, schema);
  const made = [];
  while (!reader.done) made.push(maker.next(reader));
  const table = made.length ? new arrow.Table(schema, made) : new arrow.Table(schema);
  return Object.defineProperty(table, 'meta', { value: new Meta(addresses) });
}

module.exports = { Meta, Reader, checked, tableOf };
