import assert from 'node:assert/strict';
import test from 'node:test';
import { memory, messages, refused } from './support.mjs';

const count = async (db) => Number((await db.get('SELECT count(*) AS n FROM messages')).n);

test('what the function returns is returned after the commit', async (t) => {
  const db = await memory(t);
  await messages(db);
  const value = await db.transaction(async (tx) => {
    assert.equal(tx.transactionStatus, 'active');
    await tx.run('DELETE FROM messages WHERE id = 0');
    assert.equal(await count(tx), 2);
    assert.equal(await count(db), 3);
    return 'done';
  });
  assert.equal(value, 'done');
  assert.equal(await count(db), 2);
  assert.equal(db.transactionStatus, 'idle');
});

test('what it throws rolls back', async (t) => {
  const db = await memory(t);
  await messages(db);
  const own = new Error('mine');
  await assert.rejects(db.transaction(async (tx) => {
    await tx.run('DELETE FROM messages');
    throw own;
  }), own);
  assert.equal(await count(db), 3);
  await refused(() => db.transaction((tx) => tx.run('SELECT * FROM nothing')), '42P01');
  await refused(() => db.transaction(17), '22023');
  await refused(() => db.transaction(() => {}, { isolation: 'chaos' }), '22023');
  await refused(() => db.transaction((tx) => tx.transaction(() => {})), '25001');
});

test('a conflict runs it again, as often as it may', async (t) => {
  const db = await memory(t);
  await messages(db);
  let attempts = 0;
  const body = async (tx) => {
    attempts++;
    const { score } = await tx.get('SELECT score FROM messages WHERE id = 1');
    if (attempts < 3) await db.run('UPDATE messages SET score = score + 1 WHERE id = 1');
    await tx.run('UPDATE messages SET score = ? WHERE id = 1', [score + 100]);
  };
  await refused(() => db.transaction(body), '40001');
  attempts = 0;
  await db.transaction(body, { retries: 5 });
  assert.equal(attempts, 3);
  assert.equal((await db.get('SELECT score FROM messages WHERE id = 1')).score, 103.5);
});

test('a transaction that is serializable sees what others wrote of what it read', async (t) => {
  const db = await memory(t);
  await messages(db);
  const attempt = db.transaction(async (tx) => {
    await tx.get('SELECT sum(score) FROM messages');
    await db.run('UPDATE messages SET score = 7 WHERE id = 2');
    await tx.run('UPDATE messages SET score = 8 WHERE id = 1');
  }, { isolation: 'serializable' });
  await refused(attempt, '40001');
});

test('a session of a transaction is closed after it', async (t) => {
  const db = await memory(t);
  await messages(db);
  let kept;
  await db.transaction((tx) => { kept = tx; });
  await refused(() => kept.query('SELECT 1'), '08003');
});

test('calls that are not awaited are part of it', async (t) => {
  const db = await memory(t);
  await messages(db);
  await db.transaction((tx) => { tx.run('DELETE FROM messages WHERE id = 1'); });
  assert.equal(await count(db), 2);
});

test('BEGIN and COMMIT as SQL', async (t) => {
  const db = await memory(t);
  await messages(db);
  await db.exec('BEGIN');
  await db.run('DELETE FROM messages');
  assert.equal(db.transactionStatus, 'active');
  await refused(() => db.query('SELECT * FROM nothing'), '42P01');
  assert.equal(db.transactionStatus, 'failed');
  await db.exec('ROLLBACK');
  assert.equal(await count(db), 3);
});
