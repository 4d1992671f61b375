import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { open, restore, version } from 'kalamdb';
import { folder, memory, messages, refused } from './support.mjs';

test('a database in a folder keeps its rows', async (t) => {
  const path = join(folder(t), 'db');
  const first = await open(path);
  await messages(first);
  await first.close();
  const second = await open(path);
  assert.deepEqual(await second.query('SELECT count(*) AS n FROM messages'), [{ n: 3n }]);
  await second.close();
});

test('the version is that of the package', () => assert.match(version, /^\d+\.\d+\.\d+/));

test('who opens may do everything, who connects is a user', async (t) => {
  const db = await memory(t);
  assert.equal(db.role, 'system');
  assert.equal(db.user, 'root');
  assert.equal(db.namespace, 'default');
  const alice = await db.connect({ user: 'alice' });
  assert.equal(alice.user, 'alice');
  assert.equal(alice.role, 'user');
  await alice.close();
});

test('users see their own rows', async (t) => {
  const db = await memory(t);
  await db.exec('CREATE USER TABLE notes (id BIGINT PRIMARY KEY, body TEXT)');
  const [alice, bob] = [await db.asUser('alice'), await db.asUser('bob')];
  await alice.run('INSERT INTO notes VALUES (1, ?)', ['of alice']);
  await bob.run('INSERT INTO notes VALUES (1, ?)', ['of bob']);
  assert.deepEqual(await alice.query('SELECT body FROM notes'), [{ body: 'of alice' }]);
  assert.deepEqual(await bob.query('SELECT body FROM notes'), [{ body: 'of bob' }]);
  await refused(() => alice.asUser('bob'), '42501');
  await refused(() => alice.connect({ user: 'bob' }), '42501');
  await refused(() => alice.connect({ role: 'system' }), '42501');
});

test('a password logs in, a wrong one does not', async (t) => {
  const db = await memory(t);
  await db.exec("CREATE USER carol WITH PASSWORD 'correct horse battery' ROLE dba");
  const carol = await db.connect({ user: 'carol', password: 'correct horse battery' });
  assert.equal(carol.role, 'dba');
  await refused(() => db.connect({ user: 'carol', password: 'wrong' }), '28P01');
  await refused(() => db.connect({ password: 'wrong' }), '22023');
});

test('options are checked', async () => {
  await refused(() => open(':memory:', { config: { no_such_key: 1 } }), '22023');
  await refused(() => open(':memory:', { int64: 'float' }), '22023');
  await refused(() => open(':memory:', { role: 'emperor' }), '22023');
  await refused(() => open(17), '22023');
  await refused(() => open('/no/such/folder/at/all', { readOnly: true }), '42704');
});

test('config reaches the engine', async (t) => {
  const db = await memory(t, { config: { max_result_bytes: '1KiB', threads: 2 } });
  await messages(db, 1000);
  await refused(() => db.query('SELECT * FROM messages'), '54000');
});

test('a read-only session refuses writes', async (t) => {
  const db = await memory(t);
  await messages(db);
  const reader = await db.connect({ readOnly: true });
  assert.equal(reader.readOnly, true);
  assert.equal((await reader.query('SELECT * FROM messages')).length, 3);
  await refused(() => reader.run('DELETE FROM messages'), '25006');
  await refused(() => reader.append('messages', [{ id: 9 }]), '25006');
});

test('a closed database refuses everything', async (t) => {
  const db = await open();
  const statement = await db.prepare('SELECT 1 AS one');
  const appender = db.appender('t');
  const pending = db.query('SELECT 1 AS one');
  await db.close();
  await db.close();
  assert.deepEqual(await pending, [{ one: 1n }]);
  assert.equal(db.isOpen, false);
  await refused(() => db.query('SELECT 1'), '08003');
  await refused(() => db.run('SELECT 1'), '08003');
  await refused(() => db.append('t', [{ a: 1 }]), '08003');
  await refused(() => db.prepare('SELECT 1'), '08003');
  await refused(() => db.stream('SELECT 1').next(), '08003');
  await refused(() => db.transaction(() => {}), '08003');
  await refused(() => db.asUser('x'), '08003');
  await refused(() => db.user, '08003');
  await refused(() => db.interrupt(), '08003');
  await refused(() => statement.query(), '08003');
  await refused(() => statement.getSync(), '08003');
  await appender.add({ a: 1 });
  await refused(() => appender.close(), '08003');
});

test('await using closes', async () => {
  const dispose = Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose');
  const db = await open();
  await db[dispose]();
  assert.equal(db.isOpen, false);
});

test('a backup is restored to a new folder', async (t) => {
  const path = folder(t);
  const db = await open(join(path, 'db'));
  await messages(db);
  await db.exec(`BACKUP DATABASE TO '${join(path, 'backup')}'`);
  await db.close();
  await restore(join(path, 'backup'), join(path, 'copy'));
  assert.ok(existsSync(join(path, 'copy', 'KALAM')));
  const copy = await open(join(path, 'copy'));
  assert.equal((await copy.query('SELECT * FROM messages')).length, 3);
  await copy.close();
  await refused(() => restore(join(path, 'nothing'), join(path, 'other')), '58030');
});

test('a namespace of its own', async (t) => {
  const db = await memory(t);
  await db.exec('CREATE NAMESPACE app');
  await db.useNamespace('app');
  assert.equal(db.namespace, 'app');
  await refused(() => db.useNamespace('nowhere'), '3F000');
});
