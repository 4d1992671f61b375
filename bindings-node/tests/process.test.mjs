import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';
import { ENDLESS, folder } from './support.mjs';

/** Runs a program of its own beside the installed package. */
function program(source, ...flags) {
  return spawnSync(process.execPath, [...flags, '--input-type=module', '--eval', source], {
    cwd: new URL('..', import.meta.url).pathname,
    encoding: 'utf8',
    timeout: 120_000,
  });
}

test('open handles do not keep the process alive', () => {
  const done = program(`
    import { open } from 'kalamdb';
    const db = await open();
    const statement = await db.prepare('SELECT 1');
    const stream = db.stream('SELECT value FROM generate_series(1, 100000000)');
    await stream.next();
    globalThis.kept = [db, statement, stream];
    console.log('end');`);
  assert.deepEqual([done.status, done.stdout, done.stderr], [0, 'end\n', '']);
});

test('a call that runs does', () => {
  const done = program(`
    import { open } from 'kalamdb';
    const db = await open();
    db.get('SELECT count(*) AS n FROM generate_series(1, 1000000)').then(({ n }) => console.log(n));`);
  assert.deepEqual([done.status, done.stdout, done.stderr], [0, '1000000n\n', '']);
});

test('a process that exits amid a query exits', () => {
  const done = program(`
    import { open } from 'kalamdb';
    const db = await open();
    for (let i = 0; i < 8; i++) db.query(${JSON.stringify(ENDLESS)});
    setTimeout(() => process.exit(5), 30);`);
  assert.deepEqual([done.status, done.signal, done.stderr], [5, null, '']);
});

test('a database is durable without close', (t) => {
  const path = join(folder(t), 'db');
  const first = program(`
    import { open } from 'kalamdb';
    const db = await open(${JSON.stringify(path)});
    await db.exec('CREATE SHARED TABLE t (id BIGINT PRIMARY KEY)');
    await db.run('INSERT INTO t VALUES (1)');
    process.exit(0);`);
  assert.deepEqual([first.status, first.stderr], [0, '']);
  const second = program(`
    import { open } from 'kalamdb';
    const db = await open(${JSON.stringify(path)});
    console.log(await db.query('SELECT * FROM t'));`);
  assert.deepEqual([second.status, second.stdout], [0, '[ { id: 1n } ]\n']);
});

test('without code from strings rows are the same', () => {
  const done = program(`
    import { open } from 'kalamdb';
    const db = await open();
    console.log(await db.query('SELECT 1 AS a, 2 AS b UNION ALL SELECT 3, 4 ORDER BY a'));`,
    '--disallow-code-generation-from-strings');
  assert.deepEqual([done.status, done.stdout], [0, '[ { a: 1n, b: 2n }, { a: 3n, b: 4n } ]\n']);
});

test('garbage collection at every moment breaks nothing', () => {
  const done = program(`
    import assert from 'node:assert/strict';
    import * as arrow from 'apache-arrow';
    import { open } from 'kalamdb';
    const settle = () => new Promise((done) => setImmediate(done));
    let rows = 0;
    for (let round = 0; round < 15; round++) {
      let db = await open();
      await db.exec('CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, body TEXT)');
      await db.append('t', { id: Array.from({ length: 20000 }, (_, i) => i), body: Array.from({ length: 20000 }, (_, i) => 'text ' + i) });
      const statement = await db.prepare('SELECT * FROM t WHERE id = ?');
      const stream = db.stream('SELECT * FROM t');
      const table = await db.arrow('SELECT * FROM t ORDER BY id', [], { arrow });
      const views = [...table.getChild('id').data].map((data) => data.values);
      const forgotten = db.stream('SELECT * FROM t');
      await forgotten.next();
      db.query('SELECT count(*) FROM t a CROSS JOIN t b').catch(() => {});
      const calls = [db.query('SELECT * FROM t'), statement.query([1]), db.columns('SELECT * FROM t')];
      if (round % 2) db = undefined;
      for await (const batch of stream) {
        globalThis.gc();
        rows += batch.rows().length;
        await settle();
      }
      db?.interrupt();
      await Promise.allSettled(calls);
      globalThis.gc();
      await settle();
      assert.equal(views[0][7], 7n);
      assert.equal(table.get(19999).body, 'text 19999');
    }
    console.log(rows);
    process.exit(0);`, '--expose-gc');
  assert.deepEqual([done.status, done.signal, done.stdout, done.stderr], [0, null, '300000\n', '']);
});

test('memory that was handed out is given back', () => {
  const done = program(`
    import * as arrow from 'apache-arrow';
    import { open } from 'kalamdb';
    const db = await open();
    await db.exec('CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, body TEXT)');
    await db.append('t', { id: Array.from({ length: 100000 }, (_, i) => i), body: Array.from({ length: 100000 }, (_, i) => 'text '.repeat(20) + i) });
    const settle = () => new Promise((done) => setImmediate(done));
    const round = async () => {
      for (let i = 0; i < 20; i++) {
        await db.arrow('SELECT * FROM t', [], { arrow });
        globalThis.gc();
        await settle();
      }
      return process.memoryUsage().rss;
    };
    await round();
    const before = await round();
    const after = await round();
    // Twenty results of 12 MB each: what was kept of them would be seen.
    console.log(after - before < 60e6);`, '--expose-gc');
  assert.deepEqual([done.status, done.stdout], [0, 'true\n']);
});
