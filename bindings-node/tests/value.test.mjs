import assert from 'node:assert/strict';
import test from 'node:test';
import { memory, refused } from './support.mjs';

const one = async (db, sql, params) => (await db.get(`SELECT ${sql} AS v`, params)).v;

test('SQL values as JavaScript values', async (t) => {
  const db = await memory(t);
  assert.equal(await one(db, 'NULL'), null);
  assert.equal(await one(db, 'true'), true);
  assert.equal(await one(db, 'CAST(7 AS SMALLINT)'), 7);
  assert.equal(await one(db, 'CAST(7 AS INT)'), 7);
  assert.equal(await one(db, 'CAST(7 AS BIGINT)'), 7n);
  assert.equal(await one(db, 'CAST(1.5 AS DOUBLE)'), 1.5);
  assert.equal(await one(db, "'größe 😀'"), 'größe 😀');
  assert.equal(await one(db, 'CAST(12.50 AS DECIMAL(10, 2))'), '12.50');
  assert.equal(await one(db, "DATE '2024-02-29'"), '2024-02-29');
  assert.equal(await one(db, "CAST('2024-02-29T12:34:56Z' AS DATETIME)").then(Number), Date.UTC(2024, 1, 29, 12, 34, 56));
  assert.match(await one(db, "TIME '12:34:56'"), /^12:34:56/);
  assert.deepEqual(await one(db, "CAST(x'00ff10' AS BYTES)"), Uint8Array.of(0, 255, 16));
  const uuid = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11';
  assert.equal(await one(db, `CAST('${uuid}' AS UUID)`), uuid);
  assert.deepEqual(await one(db, 'make_array(1, NULL, 3)'), [1n, null, 3n]);
  const { months, days, nanoseconds } = await one(db, "INTERVAL '1 month 2 days 3 seconds'");
  assert.deepEqual([months, days, nanoseconds], [1, 2, 3_000_000_000n]);
});

test('values go in and come back', async (t) => {
  const db = await memory(t);
  await db.exec(`CREATE SHARED TABLE v (id BIGINT PRIMARY KEY, b BOOLEAN, i BIGINT, u DECIMAL(38, 0), d DOUBLE,
    s TEXT, at DATETIME, x BYTES, e EMBEDDING(3), j JSON)`);
  const at = new Date('2026-11-26T12:00:00.123Z');
  const row = {
    id: 1n, b: true, i: 9007199254740993n, u: '12345678901234567890123456789', d: 1.25,
    s: 'text', at, x: Uint8Array.of(1, 2, 3), e: Float32Array.of(1, 2, 3), j: '{"a":1}',
  };
  await db.run('INSERT INTO v VALUES (:id, :b, :i, :u, :d, :s, :at, :x, :e, :j)', { ...row, u: 12345678901234567890123456789n });
  assert.deepEqual(await db.get('SELECT * FROM v'), row);
  await db.append('v', [{ ...row, id: 2, u: null, e: [4, 5.5, 6], x: Buffer.from('abc') }]);
  const second = await db.get('SELECT * FROM v WHERE id = 2');
  assert.deepEqual(second.e, Float32Array.of(4, 5.5, 6));
  assert.deepEqual(second.x, new Uint8Array(Buffer.from('abc')));
  await db.flush('v');
  assert.deepEqual(await db.get('SELECT * FROM v WHERE id = 1'), row);
});

test('each kind of typed array and buffer goes in', async (t) => {
  const db = await memory(t);
  const bytes = Uint8Array.of(9, 8, 7);
  assert.deepEqual(await one(db, '?', [bytes.buffer]), bytes);
  assert.deepEqual(await one(db, '?', [new DataView(bytes.buffer, 1)]), bytes.subarray(1).slice());
  assert.deepEqual(await one(db, '?', [Uint8ClampedArray.of(1)]), Uint8Array.of(1));
  for (const array of [Int8Array.of(1, 2), Int16Array.of(1, 2), Uint16Array.of(1, 2), Int32Array.of(1, 2), Uint32Array.of(1, 2), Float64Array.of(1, 2)]) {
    assert.deepEqual(Array.from(await one(db, '?', [array])), [1, 2], array.constructor.name);
  }
  assert.deepEqual(Array.from(await one(db, '?', [BigInt64Array.of(1n, 2n)])), [1n, 2n]);
  assert.deepEqual(Array.from(await one(db, '?', [BigUint64Array.of(1n, 2n)])), [1n, 2n]);
});

test('numbers: whole ones are integers, unsafe ones are refused', async (t) => {
  const db = await memory(t);
  assert.equal(await one(db, '?', [3]), 3n);
  assert.equal(await one(db, '?', [3.5]), 3.5);
  assert.equal(await one(db, '?', [Number.MAX_SAFE_INTEGER]), 9007199254740991n);
  const error = await refused(() => one(db, '?', [2 ** 53]), '22003');
  assert.match(error.hint, /BigInt/);
  await refused(() => one(db, '?', [-(2 ** 60)]), '22003');
  assert.equal(await one(db, '?', [1e300]), 1e300);
  assert.ok(Object.is(await one(db, '?', [-0]), -0));
  assert.equal(await one(db, '?', [2n ** 63n]), 2n ** 63n);
  assert.equal(await one(db, '?', [-(2n ** 63n)]), -(2n ** 63n));
  assert.equal(await one(db, '?', [10n ** 37n]), String(10n ** 37n));
  await refused(() => one(db, '?', [10n ** 38n]), '22003');
  await refused(() => one(db, '?', [2n ** 200n]), '22003');
});

test('NaN is a DOUBLE and nothing else', async (t) => {
  const db = await memory(t);
  await db.exec('CREATE SHARED TABLE n (id BIGINT PRIMARY KEY, d DOUBLE)');
  await db.run('INSERT INTO n VALUES (1, ?)', [NaN]);
  assert.ok(Number.isNaN((await db.get('SELECT d FROM n')).d));
  await refused(() => db.run('INSERT INTO n VALUES (?, 1)', [NaN]), '22003');
  await refused(() => db.run('INSERT INTO n VALUES (?, 1)', [Infinity]), '22003');
});

test('what has no SQL form is refused', async (t) => {
  const db = await memory(t);
  const wrong = [undefined, Symbol('s'), () => {}, { a: 1 }, new Map(), [[1]], [{}], [undefined], /x/, new Error('x')];
  for (const value of wrong) await refused(() => one(db, '?', [value]), '22023');
  await refused(() => one(db, '?', [[1, 'a']]), '42804');
  await refused(() => one(db, '?', [new Date(NaN)]), '22008');
  await refused(() => one(db, '?', ['\ud800']), '22021');
  assert.equal(await one(db, '?', ['\ufffd']), '\ufffd');
  await refused(() => one(db, ':a', { a: undefined }), '22023');
  await refused(() => db.query(undefined), '22023');
  await refused(() => db.query(Buffer.from('SELECT 1')), '22023');
});
