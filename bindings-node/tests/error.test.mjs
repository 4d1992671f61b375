import assert from 'node:assert/strict';
import test from 'node:test';
import { KalamError } from 'kalamdb';
import { memory, messages, refused } from './support.mjs';

test('an error says what, where and what to do', async (t) => {
  const db = await memory(t);
  const error = await refused(() => db.query('SELECT *\nFROM nothing'), '42P01');
  assert.ok(error instanceof Error);
  assert.equal(error.name, 'KalamError');
  assert.equal(error.code, 'NotFound');
  assert.deepEqual(error.position, { line: 2, column: 6 });
  assert.match(error.message, /"[a-z.]*nothing" does not exist/);
  assert.match(error.stack, /error\.test\.mjs/);
});

test('constraint, permission, syntax and conflict', async (t) => {
  const db = await memory(t);
  await messages(db);
  assert.equal((await refused(() => db.run("INSERT INTO messages VALUES (1, 'x', 1, true)"), '23505')).code, 'Constraint');
  assert.equal((await refused(() => db.query('SELEC 1'), '42601')).code, 'InvalidStatement');
  const user = await db.asUser('alice');
  assert.equal((await refused(() => user.exec('DROP TABLE messages'), '42501')).code, 'PermissionDenied');
  await refused(() => db.query('SELECT 1 / 0 FROM messages'), '22012');
});

test('an error that comes while rows are read', async (t) => {
  const db = await memory(t);
  await messages(db, 100);
  await refused(async () => {
    for await (const batch of db.stream('SELECT 10 / (id - 50) AS q FROM messages')) batch.rows();
  }, '22012');
});

test('a KalamError can be made, as those of tests are', () => {
  const error = new KalamError('x', { code: 'Conflict', sqlstate: '40001' });
  assert.deepEqual([error.code, error.sqlstate, 'hint' in error], ['Conflict', '40001', false]);
});
