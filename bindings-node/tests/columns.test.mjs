import assert from 'node:assert/strict';
import test from 'node:test';
import { memory, messages, refused } from './support.mjs';

test('columns are typed arrays and validity', async (t) => {
  const db = await memory(t);
  await messages(db, 10);
  const { length, columns, meta } = await db.columns('SELECT * FROM messages ORDER BY id');
  assert.equal(length, 10);
  assert.deepEqual(Object.keys(columns), ['id', 'body', 'score', 'flag']);
  assert.deepEqual(columns.id.data, BigInt64Array.from({ length: 10 }, (_, i) => BigInt(i)));
  assert.equal(columns.id.validity, null);
  assert.equal(columns.id.type, 'BIGINT');
  assert.deepEqual(columns.score.data, Float64Array.from({ length: 10 }, (_, i) => i / 2));
  const { offsets, data } = columns.body;
  const texts = Array.from({ length: 10 }, (_, i) => new TextDecoder().decode(data.subarray(offsets[i], offsets[i + 1])));
  assert.equal(texts[7], 'message 7');
  assert.equal(columns.flag.nullCount, 3);
  assert.deepEqual(Array.from({ length: 10 }, (_, i) => (columns.flag.validity[i >> 3] >> (i & 7)) & 1), [1, 1, 0, 1, 1, 0, 1, 1, 0, 1]);
  assert.equal(columns.flag.data[0] & 1, 1);
  assert.equal(typeof meta.zeroCopy, 'boolean');
});

test('many batches become one array for each column', async (t) => {
  const db = await memory(t);
  await messages(db, 150_000);
  const { length, columns } = await db.columns('SELECT id, score FROM messages ORDER BY id');
  assert.equal(length, 150_000);
  assert.equal(columns.id.data.length, 150_000);
  assert.equal(columns.id.data[149_999], 149_999n);
  assert.equal(columns.score.data[149_999], 74_999.5);
});

test('dates, decimals, embeddings and UUIDs', async (t) => {
  const db = await memory(t);
  await db.exec("CREATE SHARED TABLE v (id BIGINT PRIMARY KEY, e EMBEDDING(2)); INSERT INTO v VALUES (1, '[1, 2]')");
  const { columns } = await db.columns(`SELECT DATE '1970-01-11' AS d, CAST(1.5 AS DECIMAL(10, 2)) AS n,
    e, CAST('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' AS UUID) AS u,
    to_timestamp(1) AS at, NULL AS nothing FROM v`);
  assert.deepEqual(columns.d.data, Int32Array.of(10));
  assert.deepEqual(columns.n.data, BigUint64Array.of(150n, 0n));
  assert.deepEqual([columns.e.stride, columns.e.data], [2, Float32Array.of(1, 2)]);
  assert.equal(columns.u.stride, 16);
  assert.equal(columns.u.data[0], 0xa0);
  assert.ok(columns.at.data instanceof BigInt64Array);
  assert.equal(columns.nothing.data, null);
});

test('nested types say where else they can be read', async (t) => {
  const db = await memory(t);
  const error = await refused(() => db.columns('SELECT make_array(1, 2) AS list'), '0A000');
  assert.match(error.message, /"list"/);
});

test('an empty result has its columns', async (t) => {
  const db = await memory(t);
  await messages(db);
  const { length, columns } = await db.columns('SELECT * FROM messages WHERE id > 99');
  assert.equal(length, 0);
  assert.equal(columns.id.data.length, 0);
  assert.deepEqual(columns.body.offsets, Int32Array.of(0));
});
