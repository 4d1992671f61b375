import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import { open } from 'kalamdb';
import { ENDLESS, folder, messages } from './support.mjs';

const body = new URL('worker_body.mjs', import.meta.url);
const message = (worker) => new Promise((done, failed) => worker.once('message', done).once('error', failed));
const exit = (worker) => new Promise((done) => worker.once('exit', done));

test('workers share a database by its folder', async (t) => {
  const path = join(folder(t), 'db');
  const db = await open(path);
  await messages(db, 0);
  const workers = Array.from({ length: 4 }, (_, first) => new Worker(body, { workerData: { path, job: 'write', first } }));
  await Promise.all(workers.map(exit));
  assert.deepEqual(await db.get('SELECT count(*) AS n FROM messages'), { n: 400n });
  assert.equal(Number((await db.get('SELECT max(id) AS m FROM messages')).m), 399);
  await db.close();
});

test('a worker that exits amid a query leaves nothing behind', async (t) => {
  const path = join(folder(t), 'db');
  const db = await open(path);
  await messages(db);
  for (const job of ['query', 'stream', 'prepared', 'many']) {
    const worker = new Worker(body, { workerData: { path, job, sql: ENDLESS } });
    await message(worker);
    await worker.terminate();
  }
  assert.deepEqual(await db.get('SELECT count(*) AS n FROM messages'), { n: 3n });
  await db.close();
});

test('a worker that ends by itself amid a query does too', async (t) => {
  const path = join(folder(t), 'db');
  const db = await open(path);
  const worker = new Worker(body, { workerData: { path, job: 'leave', sql: ENDLESS } });
  assert.equal(await exit(worker), 3);
  await db.close();
});
