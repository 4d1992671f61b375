// What several test files use.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KalamError, open } from 'kalamdb';

/** A folder that is removed at the end of the test. */
export function folder(t) {
  const path = mkdtempSync(join(tmpdir(), 'kalamdb-node-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A database in memory that is closed at the end of the test. */
export async function memory(t, options) {
  const db = await open(':memory:', options);
  t.after(() => db.close());
  return db;
}

/** A table of messages with `count` rows: id, body, score, flag (NULL in each third). */
export async function messages(db, count = 3) {
  await db.exec(
    'CREATE SHARED TABLE messages (id BIGINT PRIMARY KEY, body TEXT NOT NULL, score DOUBLE NOT NULL, flag BOOLEAN)',
  );
  await db.append('messages', {
    id: BigInt64Array.from({ length: count }, (_, i) => BigInt(i)),
    body: Array.from({ length: count }, (_, i) => `message ${i}`),
    score: Float64Array.from({ length: count }, (_, i) => i / 2),
    flag: Array.from({ length: count }, (_, i) => (i % 3 === 2 ? null : i % 2 === 0)),
  });
}

/** Whether a promise or a call fails with a KalamError of this SQLSTATE. */
export async function refused(attempt, sqlstate) {
  let error;
  try {
    await (typeof attempt === 'function' ? attempt() : attempt);
  } catch (caught) {
    error = caught;
  }
  assert.ok(error !== undefined, `it succeeded instead of failing with ${sqlstate}`);
  assert.ok(error instanceof KalamError, `${error?.stack ?? error}`);
  assert.equal(error.sqlstate, sqlstate, error.message);
  return error;
}

/** A query that runs for minutes, in steps of which none takes long. */
export const ENDLESS =
  'SELECT count(*) AS n FROM generate_series(1, 1000) a CROSS JOIN generate_series(1, 100000000) b WHERE a.value * b.value % 7 = 3';
