import assert from 'node:assert/strict';
import test from 'node:test';
import { AbortError } from 'kalamdb';
import { ENDLESS, memory, messages, refused } from './support.mjs';

const aborts = (promise, reason) =>
  assert.rejects(promise, (error) => {
    assert.ok(error instanceof AbortError, `${error?.stack ?? error}`);
    assert.equal(error.name, 'AbortError');
    assert.equal(error.code, 'ABORT_ERR');
    if (reason !== undefined) assert.equal(error.cause, reason);
    return true;
  });

test('a signal that is aborted already: nothing runs', async (t) => {
  const db = await memory(t);
  await messages(db);
  const reason = new Error('no more');
  const signal = AbortSignal.abort(reason);
  const statement = await db.prepare('SELECT 1');
  await aborts(db.run('DELETE FROM messages', [], { signal }), reason);
  await aborts(db.query('SELECT 1', [], { signal }), reason);
  await aborts(db.append('messages', [{ id: 9, body: 'x', score: 1 }], { signal }), reason);
  await aborts(db.stream('SELECT 1', [], { signal }).next(), reason);
  await aborts(db.runMany('DELETE FROM messages WHERE id = ?', [[1]], { signal }), reason);
  await aborts(statement.query([], { signal }), reason);
  assert.deepEqual(await db.get('SELECT count(*) AS n FROM messages'), { n: 3n });
});

test('a signal during a query stops the engine', async (t) => {
  const db = await memory(t);
  const controller = new AbortController();
  const running = aborts(db.query(ENDLESS, [], { signal: controller.signal }), 'enough');
  await new Promise((done) => setTimeout(done, 30));
  const began = performance.now();
  controller.abort('enough');
  await running;
  assert.ok(performance.now() - began < 5_000);
  // What stopped is at work no more.
  while ((await db.progress()) !== null) await new Promise((done) => setTimeout(done, 10));
});

test('a signal stops its own call and no other', async (t) => {
  const db = await memory(t);
  const controller = new AbortController();
  const stopped = aborts(db.query(ENDLESS, [], { signal: controller.signal }));
  const other = db.get('SELECT count(*) AS n FROM generate_series(1, 3000000)');
  controller.abort();
  await stopped;
  assert.deepEqual(await other, { n: 3_000_000n });
});

test('a signal during a stream', async (t) => {
  const db = await memory(t);
  const controller = new AbortController();
  const { signal } = controller;
  await aborts((async () => {
    for await (const _ of db.stream('SELECT value FROM generate_series(1, 100000000)', [], { signal })) {
      controller.abort();
    }
  })());
});

test('a signal after the end changes nothing', async (t) => {
  const db = await memory(t);
  const controller = new AbortController();
  assert.deepEqual(await db.get('SELECT 1 AS one', [], { signal: controller.signal }), { one: 1n });
  controller.abort();
  assert.deepEqual(await db.get('SELECT 2 AS two'), { two: 2n });
});

test('a time limit stops the engine', async (t) => {
  const db = await memory(t);
  const error = await refused(() => db.query(ENDLESS, [], { timeoutMs: 40 }), '57014');
  assert.match(error.message, /longer than 40 ms/);
  const statement = await db.prepare(ENDLESS);
  await refused(() => statement.query([], { timeoutMs: 40 }), '57014');
  await aborts(db.query(ENDLESS, [], { signal: AbortSignal.timeout(40) }));
  for (const timeoutMs of [0, -1, NaN, Infinity]) {
    await refused(() => db.query('SELECT 1', [], { timeoutMs }), '22023');
  }
  await refused(() => db.query('SELECT 1', [], { timeoutMs: '1' }), '22023');
  await refused(() => db.query('SELECT 1', [], { signal: {} }), '22023');
  await refused(() => db.query('SELECT 1', [], 17), '22023');
});

test('a write that was stopped left nothing', async (t) => {
  const db = await memory(t);
  await messages(db);
  const controller = new AbortController();
  const insert = 'INSERT INTO messages (id, body, score) SELECT value + 10, \'x\', 1 FROM generate_series(1, 20000000)';
  const stopped = aborts(db.run(insert, [], { signal: controller.signal }));
  await new Promise((done) => setTimeout(done, 30));
  controller.abort();
  await stopped;
  assert.deepEqual(await db.get('SELECT count(*) AS n FROM messages'), { n: 3n });
});
