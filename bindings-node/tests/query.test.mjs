import assert from 'node:assert/strict';
import test from 'node:test';
import { memory, messages, refused } from './support.mjs';

test('rows are objects whose keys are the columns', async (t) => {
  const db = await memory(t);
  await messages(db);
  assert.deepEqual(await db.query('SELECT * FROM messages ORDER BY id'), [
    { id: 0n, body: 'message 0', score: 0, flag: true },
    { id: 1n, body: 'message 1', score: 0.5, flag: false },
    { id: 2n, body: 'message 2', score: 1, flag: null },
  ]);
});

test('rows can be arrays, and then names may repeat', async (t) => {
  const db = await memory(t);
  const sql = 'SELECT 1 AS a, 2 AS b UNION ALL SELECT 3, 4 ORDER BY 1';
  assert.deepEqual(await db.query(sql, [], { rows: 'array' }), [[1n, 2n], [3n, 4n]]);
  await refused(() => db.query(sql, [], { rows: 'list' }), '22023');
});

test('many rows come through typed arrays with the same values', async (t) => {
  const db = await memory(t);
  await messages(db, 20_000);
  const rows = await db.query('SELECT * FROM messages ORDER BY id');
  assert.equal(rows.length, 20_000);
  for (const place of [0, 1, 8191, 8192, 19_999]) {
    const flag = place % 3 === 2 ? null : place % 2 === 0;
    assert.deepEqual(rows[place], { id: BigInt(place), body: `message ${place}`, score: place / 2, flag });
  }
});

test('get gives the first row or undefined', async (t) => {
  const db = await memory(t);
  await messages(db);
  assert.equal((await db.get('SELECT body FROM messages WHERE id = ?', [1])).body, 'message 1');
  assert.equal(await db.get('SELECT body FROM messages WHERE id = ?', [99]), undefined);
});

test('run tells how many rows changed', async (t) => {
  const db = await memory(t);
  await messages(db);
  assert.deepEqual(await db.run('UPDATE messages SET score = 9 WHERE id < 2'), { rowsAffected: 2 });
  assert.deepEqual(await db.run('SELECT 1'), { rowsAffected: 0 });
  const returned = await db.query('DELETE FROM messages WHERE id = 0 RETURNING body');
  assert.deepEqual(returned, [{ body: 'message 0' }]);
});

test('exec runs several statements', async (t) => {
  const db = await memory(t);
  await db.exec('CREATE SHARED TABLE t (id BIGINT PRIMARY KEY); INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)');
  assert.deepEqual(await db.get('SELECT count(*) AS n FROM t'), { n: 2n });
});

test('parameters by position and by name', async (t) => {
  const db = await memory(t);
  assert.deepEqual(await db.get('SELECT $2 AS b, $1 AS a', [1, 'x']), { b: 'x', a: 1n });
  assert.deepEqual(await db.get('SELECT :name AS name', { name: 'x' }), { name: 'x' });
  await refused(() => db.query('SELECT ?', [1, 2]), '42P02');
  await refused(() => db.query('SELECT ?'), '42P02');
  await refused(() => db.query('SELECT 1', 'text'), '22023');
  await refused(() => db.query('SELECT 1', new Date()), '22023');
});

test('integers of 64 bits come as asked', async (t) => {
  const db = await memory(t);
  const [small, large] = ['SELECT 42 AS n', 'SELECT 9007199254740993 AS n'];
  assert.deepEqual(await db.get(small), { n: 42n });
  assert.deepEqual(await db.get(small, [], { int64: 'number' }), { n: 42 });
  assert.deepEqual(await db.get(small, [], { int64: 'string' }), { n: '42' });
  assert.deepEqual(await db.get(large), { n: 9007199254740993n });
  assert.deepEqual(await db.get(large, [], { int64: 'string' }), { n: '9007199254740993' });
  const error = await refused(() => db.get(large, [], { int64: 'number' }), '22003');
  assert.match(error.hint, /bigint/);
  await messages(db, 100);
  const rows = await db.query('SELECT id FROM messages ORDER BY id', [], { int64: 'number' });
  assert.deepEqual(rows.slice(98), [{ id: 98 }, { id: 99 }]);
  await refused(() => db.query('SELECT 1', [], { int64: 'float' }), '22023');
});

test('names are properties, whatever they are', async (t) => {
  const db = await memory(t);
  const row = await db.get('SELECT 1 AS "__proto__", 2 AS "a b", 3 AS "constructor", 4 AS "0", 5 AS "\u2028\'`"');
  assert.deepEqual(Object.keys(row).sort(), ['0', '__proto__', 'a b', 'constructor', '\u2028\'`']);
  assert.equal(Object.getPrototypeOf(row), Object.prototype);
  assert.equal(Object.getOwnPropertyDescriptor(row, '__proto__').value, 1n);
});

test('explain tells the plan, flush what was written', async (t) => {
  const db = await memory(t);
  await messages(db);
  assert.match(await db.explain('SELECT * FROM messages WHERE id = ?', [1]), /\S/);
  assert.match(await db.explain('SELECT count(*) FROM messages', [], { analyze: true }), /\S/);
  const [flushed] = await db.flush('messages');
  assert.ok(Object.keys(flushed).length > 0);
  assert.ok(Array.isArray(await db.flush()));
  await refused(() => db.flush('nothing'), '42P01');
});

test('two queries of one session run side by side', async (t) => {
  const db = await memory(t);
  await messages(db, 1000);
  const sums = await Promise.all(
    Array.from({ length: 40 }, (_, n) => db.get('SELECT sum(score) AS s FROM messages WHERE id < ?', [n])),
  );
  sums.forEach(({ s }, n) => assert.equal(s ?? 0, (n * Math.max(n - 1, 0)) / 4));
});

test('progress is null when nothing is at work', async (t) => {
  const db = await memory(t);
  assert.equal(await db.progress(), null);
});
