// Opening and closing leaves no memory behind. `KALAM_CYCLES=10000` runs as many as are promised.

import assert from 'node:assert/strict';
import test from 'node:test';
import { open } from 'kalamdb';
import { refused } from './support.mjs';

const CYCLES = Number(process.env.KALAM_CYCLES ?? 40);
const WARM = CYCLES < 1000 ? Math.floor(CYCLES / 4) + 20 : 1000;

async function cycle() {
  const db = await open();
  await db.exec('CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, body TEXT)');
  await db.runMany('INSERT INTO t VALUES (?, ?)', [[1, 'x'], [2, 'y']]);
  await refused(db.query('SELECT nothing'), '42703');
  const statement = await db.prepare('SELECT body FROM t WHERE id = ?');
  assert.deepEqual(statement.getSync([1]), { body: 'x' });
  const rows = db.stream('SELECT id FROM t ORDER BY id');
  await rows.next();
  await db.columns('SELECT id, body FROM t');
  db.close();
}

/** Cycles, and what nothing refers to any more is collected: the stream was not read to its end. */
async function cycles(count) {
  for (let done = 1; done <= count; done++) {
    await cycle();
    globalThis.gc();
    await new Promise((settled) => setImmediate(settled));
    if (done % 1000 === 0) console.log(`${done} cycles: ${process.memoryUsage().rss >> 10} KiB`);
  }
  return process.memoryUsage().rss;
}

test(
  'opening and closing leaves no memory behind',
  { skip: typeof globalThis.gc !== 'function', timeout: 300_000 + CYCLES * 300 },
  async () => {
    const before = await cycles(WARM);
    const grown = (await cycles(CYCLES)) - before;
    // What a cycle leaves behind grows with their number; the allocators' own does not.
    assert.ok(grown < 16 * 2 ** 20 + CYCLES * 256, `${grown} bytes more after ${CYCLES} cycles`);
  },
);
