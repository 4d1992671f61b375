import assert from 'node:assert/strict';
import test from 'node:test';
import { ENDLESS, memory, messages, refused } from './support.mjs';

test('batches come one after another', async (t) => {
  const db = await memory(t);
  await messages(db, 150_000);
  let [rows, batches, sum] = [0, 0, 0n];
  for await (const batch of db.stream('SELECT id FROM messages')) {
    batches++;
    rows += batch.length;
    assert.deepEqual(batch.columnNames, ['id']);
    assert.deepEqual(batch.columnTypes, ['BIGINT']);
    for (const { id } of batch.rows()) sum += id;
  }
  assert.equal(rows, 150_000);
  assert.ok(batches > 1);
  assert.equal(sum, (150_000n * 149_999n) / 2n);
});

test('the query runs no further than it is read', async (t) => {
  const db = await memory(t);
  // A hundred million rows: whoever made all of them would not be done.
  const stream = db.stream('SELECT value FROM generate_series(1, 100000000)');
  const { value: first } = await stream.next();
  assert.ok(first.length > 0);
  await new Promise((done) => setTimeout(done, 50));
  const progress = await db.progress();
  assert.ok(progress === null || progress.rowsDone < 50_000_000);
  await stream.return();
});

test('a loop that is left stops the query', async (t) => {
  const db = await memory(t);
  for await (const batch of db.stream('SELECT value FROM generate_series(1, 100000000)')) {
    assert.ok(batch.length > 0);
    break;
  }
  const stream = db.stream('SELECT 1 AS one');
  await stream.next();
  await stream.return();
  assert.deepEqual(await stream.next(), { value: undefined, done: true });
});

test('a stream keeps its snapshot and outlives its database', async (t) => {
  const db = await memory(t);
  await messages(db, 150_000);
  const stream = db.stream('SELECT * FROM messages');
  const { value: first } = await stream.next();
  await db.run('DELETE FROM messages');
  await db.close();
  let rows = first.length;
  for await (const batch of stream) rows += batch.length;
  assert.equal(rows, 150_000);
});

test('an empty result has no batches', async (t) => {
  const db = await memory(t);
  await messages(db);
  for await (const _ of db.stream('SELECT * FROM messages WHERE id > 99')) assert.fail('a batch');
});

test('batches go out in every form', async (t) => {
  const db = await memory(t);
  await messages(db);
  for await (const batch of db.stream('SELECT id, score FROM messages ORDER BY id', [], { int64: 'number' })) {
    assert.deepEqual(batch.rows({ rows: 'array' }), [[0, 0], [1, 0.5], [2, 1]]);
    assert.deepEqual(batch.rows({ int64: 'string' })[1], { id: '1', score: 0.5 });
    assert.ok(batch.ipc().length > 100);
    assert.deepEqual(batch.columns().columns.id.data, BigInt64Array.of(0n, 1n, 2n));
    await refused(() => batch.columns(), '08003');
    await refused(() => batch.rows(), '08003');
    await refused(() => batch.length, '08003');
  }
});

test('interrupt stops what is at work', async (t) => {
  const db = await memory(t);
  const running = db.query(ENDLESS);
  const stopping = refused(running, '57014');
  await new Promise((done) => setTimeout(done, 30));
  db.interrupt();
  await stopping;
});
