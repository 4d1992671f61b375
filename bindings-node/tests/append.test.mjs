import assert from 'node:assert/strict';
import test from 'node:test';
import * as arrow from 'apache-arrow';
import { memory, messages, refused } from './support.mjs';

const all = (db) => db.query('SELECT id, body, score FROM messages ORDER BY id', [], { int64: 'number' });
const rows = [{ id: 10, body: 'a', score: 1.5 }, { id: 11n, body: 'b', score: 2 }];
const read = [{ id: 10, body: 'a', score: 1.5 }, { id: 11, body: 'b', score: 2 }];

test('rows, from any iterable', async (t) => {
  const db = await memory(t);
  await messages(db, 0);
  assert.equal(await db.append('messages', rows), 2);
  assert.equal(await db.append('messages', (function* () { yield { id: 12, body: 'c', score: 3 }; })()), 1);
  assert.equal(await db.append('messages', []), 0);
  assert.deepEqual(await all(db), [...read, { id: 12, body: 'c', score: 3 }]);
});

test('a row without a key has NULL there', async (t) => {
  const db = await memory(t);
  await messages(db, 0);
  await db.append('messages', [{ id: 1, body: 'a', score: 1 }, { flag: true, id: 2, body: 'b', score: 1 }, { id: 3, body: 'c', score: 1 }]);
  const flags = await db.query('SELECT flag FROM messages ORDER BY id', [], { rows: 'array' });
  assert.deepEqual(flags, [[null], [true], [null]]);
});

test('typed arrays and arrays', async (t) => {
  const db = await memory(t);
  await messages(db, 0);
  const id = BigInt64Array.of(10n, 11n);
  const pending = db.append('messages', { id, body: ['a', 'b'], score: Float64Array.of(1.5, 2) });
  // They were copied: the engine reads what was there.
  id.fill(99n);
  assert.equal(await pending, 2);
  assert.deepEqual(await all(db), read);
});

test('tables of apache-arrow and bytes of IPC, streams and files', async (t) => {
  const db = await memory(t);
  await messages(db, 0);
  const table = (ids) => new arrow.Table({
    id: arrow.vectorFromArray(ids.map(BigInt), new arrow.Int64()),
    body: arrow.vectorFromArray(ids.map(String), new arrow.Utf8()),
    score: arrow.vectorFromArray(ids.map(Number), new arrow.Float64()),
  });
  assert.equal(await db.append('messages', table([1, 2]), { arrow }), 2);
  assert.equal(await db.append('messages', arrow.tableToIPC(table([3]), 'stream')), 1);
  assert.equal(await db.append('messages', arrow.tableToIPC(table([4]), 'file')), 1);
  const bytes = arrow.tableToIPC(table([5]));
  assert.equal(await db.append('messages', bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)), 1);
  assert.deepEqual((await all(db)).map(({ id }) => id), [1, 2, 3, 4, 5]);
  await refused(() => db.append('messages', table([6])), '22023');
  await db.append('messages', await db.ipc('SELECT id + 100 AS id, body, score FROM messages'));
  assert.equal((await all(db)).length, 10);
});

test('upsert replaces', async (t) => {
  const db = await memory(t);
  await messages(db);
  await refused(() => db.append('messages', [{ id: 1, body: 'x', score: 0 }, { id: 7, body: 'y', score: 0 }]), '23505');
  assert.equal((await all(db)).length, 3);
  assert.equal(await db.append('messages', [{ id: 1, body: 'x', score: 0 }], { mode: 'upsert' }), 1);
  assert.equal((await db.get('SELECT body FROM messages WHERE id = 1')).body, 'x');
  await refused(() => db.append('messages', rows, { mode: 'merge' }), '22023');
});

test('an appender collects', async (t) => {
  const db = await memory(t);
  await messages(db, 0);
  const appender = db.appender('messages', { batchRows: 100 });
  for (let id = 0; id < 250; id++) await appender.add({ id, body: 'x', score: id });
  assert.equal((await all(db)).length, 200);
  assert.equal(await appender.close(), 250);
  assert.equal(await appender.close(), 250);
  assert.equal((await all(db)).length, 250);
  await refused(() => appender.add({}), '08003');
  await refused(() => db.appender('messages', { batchRows: 0 }), '22023');
});

test('an appender that fails keeps its rows', async (t) => {
  const db = await memory(t);
  await messages(db);
  const appender = db.appender('messages');
  await appender.add({ id: 1, body: 'again', score: 1 });
  await refused(() => appender.close(), '23505');
  await db.run('DELETE FROM messages WHERE id = 1');
  assert.equal(await appender.close(), 1);
});

test('what cannot be appended', async (t) => {
  const db = await memory(t);
  await messages(db);
  const wrong = [null, undefined, 5, 'text', [5], [null], [[1, 'a']], [{}], {}, { id: 5 }, { id: [1], body: ['a', 'b'] }];
  for (const data of wrong) await refused(() => db.append('messages', data), '22023');
  await refused(() => db.append('messages', [{ id: undefined }]), '22023');
  await refused(() => db.append('messages', [{ id: 1 }, { id: 'x' }]), '42804');
  await refused(() => db.append('messages', Uint8Array.of(1, 2, 3)), '22P04');
  await refused(() => db.append('messages', new TextEncoder().encode('ARROW1 and no more')), '22P04');
  await refused(() => db.append('nothing', rows), '42P01');
  await refused(() => db.append('messages', [{ no_such_column: 1 }]), '42703');
  await refused(() => db.append(undefined, rows), '22023');
  const own = new Error('mine');
  await assert.rejects(db.append('messages', (function* () { yield rows[0]; throw own; })()), own);
  assert.equal((await all(db)).length, 3);
});

test('damaged IPC is an error', async (t) => {
  const db = await memory(t);
  await messages(db, 200);
  const bytes = await db.ipc('SELECT * FROM messages');
  for (let place = 0; place < bytes.length; place += 97) {
    const damaged = bytes.slice();
    damaged[place] ^= 0xff;
    await db.append('messages', damaged).catch((error) => assert.match(error.sqlstate, /^\w{5}$/, error.stack));
    await db.append('messages', bytes.slice(0, place)).catch((error) => assert.match(error.sqlstate, /^\w{5}$/, error.stack));
  }
  assert.ok((await all(db)).length >= 200);
});
