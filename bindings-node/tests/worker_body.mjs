// What the workers of worker.test.mjs do.

import { parentPort, workerData } from 'node:worker_threads';
import { open } from 'kalamdb';

const { path, job, sql, first } = workerData;
const db = await open(path);
const jobs = {
  async write() {
    for (let place = 0; place < 100; place++) {
      await db.run('INSERT INTO messages (id, body, score) VALUES (?, ?, 1)', [first + 4 * place, `of ${first}`]);
    }
    await db.close();
  },
  async query() {
    db.query(sql).catch(() => {});
  },
  async stream() {
    const stream = db.stream('SELECT value FROM generate_series(1, 100000000)');
    await stream.next();
    stream.next().catch(() => {});
  },
  async prepared() {
    const statement = await db.prepare(sql);
    statement.query().catch(() => {});
  },
  async many() {
    for (let place = 0; place < 20; place++) db.query(sql).catch(() => {});
  },
  async leave() {
    db.query(sql).catch(() => {});
    setTimeout(() => process.exit(3), 20);
  },
};
await jobs[job]();
parentPort.postMessage('ready');
