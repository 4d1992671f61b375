import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import * as arrow from 'apache-arrow';
import { memory, messages, refused } from './support.mjs';

/** An addon that knows nothing of kalamdb and tells where an ArrayBuffer lies. */
const addressOf = (() => {
  const built = join(mkdtempSync(join(tmpdir(), 'kalamdb-address-')), 'address.node');
  const undefinedSymbols = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
  execFileSync('cc', ['-shared', '-fPIC', ...undefinedSymbols, '-o', built, new URL('address.c', import.meta.url).pathname]);
  return createRequire(import.meta.url)(built);
})();

/** The ArrayBuffers of a table, each once. */
function buffersOf(table) {
  const found = new Set();
  const visit = (data) => {
    for (const part of [data.values, data.valueOffsets, data.nullBitmap]) {
      if (part?.buffer?.byteLength > 0) found.add(part.buffer);
    }
    data.children.forEach(visit);
  };
  table.batches.forEach((batch) => batch.data.children.forEach(visit));
  return [...found];
}

test('a table has the rows of the query', async (t) => {
  const db = await memory(t);
  await messages(db, 20_000);
  const table = await db.arrow('SELECT * FROM messages ORDER BY id', [], { arrow });
  assert.ok(table instanceof arrow.Table);
  assert.equal(table.numRows, 20_000);
  assert.deepEqual(table.schema.names, ['id', 'body', 'score', 'flag']);
  for (const place of [0, 1, 2, 8191, 8192, 19_999]) {
    const flag = place % 3 === 2 ? null : place % 2 === 0;
    assert.deepEqual(table.get(place).toJSON(), { id: BigInt(place), body: `message ${place}`, score: place / 2, flag });
  }
});

test('it equals what IPC gives, for every type', async (t) => {
  const db = await memory(t);
  await db.exec(`CREATE SHARED TABLE v (id BIGINT PRIMARY KEY, b BOOLEAN, s SMALLINT, i INT, d DOUBLE, f FLOAT,
    n DECIMAL(20, 4), t TEXT, at DATETIME, ts TIMESTAMP, day DATE, tm TIME, x BYTES, u UUID, e EMBEDDING(3), j JSON)`);
  await db.exec(`INSERT INTO v SELECT value, value % 2 = 0, value, value, value, value, value, 't' || value,
    to_timestamp(value), to_timestamp(value), DATE '2024-02-29', TIME '12:34:56', x'00ff',
    'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '[1, 2, 3]', '{"a":1}' FROM generate_series(1, 500)`);
  await db.exec('INSERT INTO v (id) SELECT value + 1000 FROM generate_series(1, 50)');
  const more = 'SELECT *, make_array(id, NULL) AS l, named_struct(\'a\', id, \'b\', t) AS st, NULL AS nothing FROM v ORDER BY id';
  for (const sql of ['SELECT * FROM v ORDER BY id', 'SELECT * FROM v ORDER BY id LIMIT 7 OFFSET 3', more]) {
    for (let flushed = 0; flushed < 2; flushed++) {
      const [one, other] = [await db.arrow(sql, [], { arrow }), arrow.tableFromIPC(await db.ipc(sql))];
      assert.deepEqual(one.schema.fields.map(String), other.schema.fields.map(String));
      assert.deepEqual(JSON.stringify(one.toArray(), bigint), JSON.stringify(other.toArray(), bigint));
      if (sql === more) await db.flush('v');
    }
  }
  function bigint(_, value) { return typeof value === 'bigint' ? `${value}n` : value; }
});

test('buffers are where the engine had them', async (t) => {
  const db = await memory(t);
  await messages(db, 300_000);
  const table = await db.arrow('SELECT id, body, score FROM messages', [], { arrow });
  const { meta } = table;
  assert.equal(meta.copied, 0, `${meta.copied} of ${meta.external} were copied`);
  assert.equal(meta.zeroCopy, true);
  const ours = new Set(meta.addresses);
  const theirs = buffersOf(table).map(addressOf);
  assert.ok(theirs.length >= 12);
  assert.equal(theirs.length, meta.external);
  for (const address of theirs) assert.ok(ours.has(address));
});

test('zeroCopy: false copies, with the same rows', async (t) => {
  const db = await memory(t);
  await messages(db, 1000);
  const sql = 'SELECT * FROM messages ORDER BY id';
  const [copy, own] = [await db.arrow(sql, [], { arrow, zeroCopy: false }), await db.arrow(sql, [], { arrow })];
  assert.equal(copy.meta.zeroCopy, false);
  assert.equal(copy.meta.external, 0);
  assert.ok(copy.meta.addresses.every((address) => address === 0n));
  assert.deepEqual(copy.toArray().map(String), own.toArray().map(String));
});

test('a host that refuses foreign memory gets copies', { skip: process.platform !== 'linux' && 'the dynamic linker of Linux is asked' }, () => {
  const printed = execFileSync(process.execPath, [new URL('refusing_host.mjs', import.meta.url).pathname], { encoding: 'utf8' });
  const { refusals, external, copied, rows, sum } = JSON.parse(printed);
  assert.equal(refusals, 1);
  assert.equal(external, 0);
  assert.ok(copied > 0);
  assert.deepEqual([rows, sum], [10_000, '49995000']);
});

test('writes into what was handed out never change the database', async (t) => {
  const db = await memory(t);
  await messages(db, 10_000);
  const read = async () => JSON.stringify(await db.query('SELECT * FROM messages ORDER BY id', [], { int64: 'string' }));
  for (let flushed = 0; flushed < 2; flushed++) {
    const before = await read();
    for (const sql of ['SELECT * FROM messages', 'SELECT * FROM messages WHERE id = 5', 'SELECT * FROM messages ORDER BY id LIMIT 10', "SELECT body, 'constant' AS c FROM messages", 'SELECT DISTINCT flag, count(*) FROM messages GROUP BY flag']) {
      const table = await db.arrow(sql, [], { arrow });
      for (const buffer of buffersOf(table)) new Uint8Array(buffer).fill(0xa5);
      const { columns } = await db.columns(sql);
      for (const { data, validity, offsets } of Object.values(columns)) {
        for (const part of [data, validity, offsets]) if (part) new Uint8Array(part.buffer).fill(0xa5);
      }
      assert.equal(await read(), before, sql);
    }
    await db.flush('messages');
  }
});

test('an empty result is an empty table', async (t) => {
  const db = await memory(t);
  await messages(db);
  const table = await db.arrow('SELECT * FROM messages WHERE id > 99', [], { arrow });
  assert.equal(table.numRows, 0);
  assert.deepEqual(table.schema.names, ['id', 'body', 'score', 'flag']);
  assert.equal(table.meta.zeroCopy, true);
});

test('apache-arrow is passed in, by the call or by open', async (t) => {
  const db = await memory(t);
  await refused(() => db.arrow('SELECT 1'), '22023');
  await refused(() => db.arrow('SELECT 1', [], { arrow: {} }), '22023');
  const other = await memory(t, { arrow });
  assert.equal((await other.arrow('SELECT 1 AS one')).numRows, 1);
  for await (const batch of other.stream('SELECT 1 AS one')) assert.equal(batch.arrow().numRows, 1);
});

test('a table outlives its database', async () => {
  const { open } = await import('kalamdb');
  const db = await open();
  await messages(db, 1000);
  const table = await db.arrow('SELECT * FROM messages ORDER BY id', [], { arrow });
  await db.close();
  globalThis.gc?.();
  assert.equal(table.get(999).body, 'message 999');
});
