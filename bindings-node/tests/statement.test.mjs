import assert from 'node:assert/strict';
import test from 'node:test';
import { memory, messages, refused } from './support.mjs';

test('a statement tells its columns and parameters', async (t) => {
  const db = await memory(t);
  await messages(db);
  const statement = await db.prepare('SELECT id, body FROM messages WHERE score > :least AND id = :id');
  assert.deepEqual(statement.columnNames, ['id', 'body']);
  assert.deepEqual(statement.columnTypes, ['BIGINT', 'TEXT']);
  assert.deepEqual([...statement.parameterNames].sort(), ['id', 'least']);
  assert.deepEqual([...statement.parameterTypes].sort(), ['BIGINT', 'DOUBLE']);
});

test('it runs many times, in every form', async (t) => {
  const db = await memory(t);
  await messages(db);
  const statement = await db.prepare('SELECT id, body FROM messages WHERE id >= ? ORDER BY id');
  assert.deepEqual(await statement.query([2]), [{ id: 2n, body: 'message 2' }]);
  assert.deepEqual(await statement.get([1]), { id: 1n, body: 'message 1' });
  assert.equal(await statement.get([9]), undefined);
  assert.deepEqual(statement.getSync([0]), { id: 0n, body: 'message 0' });
  assert.equal(statement.getSync([9]), undefined);
  assert.equal((await statement.columns([0])).length, 3);
  assert.ok((await statement.ipc([0])) instanceof Uint8Array);
  let rows = 0;
  for await (const batch of statement.stream([1])) rows += batch.length;
  assert.equal(rows, 2);
});

test('getSync reads hot and flushed rows by key', async (t) => {
  const db = await memory(t);
  await messages(db, 100);
  const statement = await db.prepare('SELECT body FROM messages WHERE id = ?');
  assert.deepEqual(statement.getSync([42]), { body: 'message 42' });
  await db.flush('messages');
  assert.deepEqual(statement.getSync([42]), { body: 'message 42' });
  assert.equal(statement.getSync([142]), undefined);
  await refused(() => statement.getSync(['x']), '22P02');
  await refused(() => statement.getSync([undefined]), '22023');
  await refused(() => statement.getSync([]), '42P02');
});

test('it writes, for one set and for many', async (t) => {
  const db = await memory(t);
  await messages(db);
  const insert = await db.prepare('INSERT INTO messages (id, body, score) VALUES (?, ?, ?)');
  assert.deepEqual(await insert.run([10, 'ten', 1]), { rowsAffected: 1 });
  assert.deepEqual(await insert.runMany([[11, 'a', 1], [12, 'b', 2]]), { rowsAffected: 2 });
  await refused(() => insert.runMany([[13, 'c', 1], [11, 'again', 1]]), '23505');
  assert.equal(await db.get('SELECT * FROM messages WHERE id = 13'), undefined);
});

test('runMany takes sets by name and columns', async (t) => {
  const db = await memory(t);
  await messages(db);
  const sql = 'INSERT INTO messages (id, body, score) VALUES (:id, :body, :score)';
  assert.deepEqual(await db.runMany(sql, [{ id: 5, body: 'a', score: 1 }]), { rowsAffected: 1 });
  const columns = { id: BigInt64Array.of(6n, 7n), body: ['b', 'c'], score: Float64Array.of(1, 2) };
  assert.deepEqual(await db.runMany(sql, columns), { rowsAffected: 2 });
  const statement = await db.prepare(sql);
  assert.deepEqual(await statement.runMany({ id: [8, 9], body: ['d', 'e'], score: [0.5, 1] }), { rowsAffected: 2 });
  assert.deepEqual(await db.get('SELECT count(*) AS n FROM messages'), { n: 8n });
  await refused(() => db.runMany(sql, 5), '22023');
  await refused(() => db.runMany(sql, { id: 5 }), '22023');
  await refused(() => db.runMany(sql, { id: [1], body: ['a', 'b'], score: [1] }), '22023');
});

test('a statement whose columns changed is refused', async (t) => {
  const db = await memory(t);
  await messages(db);
  const statement = await db.prepare('SELECT * FROM messages');
  await db.exec('ALTER TABLE messages ADD COLUMN more TEXT');
  await refused(() => statement.query(), '0A000');
});

test('what cannot be prepared says so', async (t) => {
  const db = await memory(t);
  await refused(() => db.prepare('SELECT * FROM nothing'), '42P01');
  await refused(() => db.prepare('SELECT 1; SELECT 2'), '22023');
  await refused(() => db.prepare(17), '22023');
});
