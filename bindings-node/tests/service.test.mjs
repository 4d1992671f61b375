import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { tableFromIPC } from 'apache-arrow';

const example = join(process.env.KALAM_SOURCE, 'examples/node-service');
// Beside the installed package, as a program that depends on it.
const folder = mkdtempSync(join(dirname(fileURLToPath(import.meta.url)), 'service-'));
let store, server, address;
const messages = [];

before(async () => {
  cpSync(example, folder, { recursive: true });
  const lines = execFileSync(process.env.KALAM_TEST_PYTHON, [join(process.env.KALAM_SOURCE, 'examples/dialogues.py')], { encoding: 'utf8', maxBuffer: 1 << 28 });
  writeFileSync(join(folder, 'dialogues.jsonl'), lines);
  for (const line of lines.trimEnd().split('\n')) messages.push(JSON.parse(line));
  const { Store } = await import(pathToFileURL(join(folder, 'store.mjs')));
  const { service } = await import(pathToFileURL(join(folder, 'server.mjs')));
  store = await Store.open(join(folder, 'chat.kalam'));
  assert.equal(await store.load(join(folder, 'dialogues.jsonl')), messages.length);
  server = service(store);
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  address = `http://127.0.0.1:${server.address().port}`;
});

after(async () => {
  server?.closeAllConnections();
  await new Promise((done) => server?.close(done));
  await store?.close();
  rmSync(folder, { recursive: true, force: true });
});

const ask = (person, path, options) => fetch(address + path, { headers: { 'x-user': person }, ...options });
const of = (person) => messages.filter((message) => message.person === person);

test('the corpus is real dialogue of many people', () => {
  assert.ok(messages.length > 10_000);
  assert.ok(new Set(messages.map(({ person }) => person)).size > 100);
});

test('each person sees their own messages, in pages', async () => {
  for (const person of ['english-humor', 'french-food', 'german-conversations']) {
    const pages = [];
    for (let before; ;) {
      const path = `/messages?limit=40${before ? `&before=${before}` : ''}`;
      const page = await (await ask(person, path)).json();
      if (page.length === 0) break;
      pages.push(...page);
      before = page.at(-1).id;
    }
    const seen = pages.reverse().map(({ dialogue, role, content }) => ({ person, dialogue, role, content }));
    assert.deepEqual(seen, of(person), person);
  }
});

test('a search finds nothing of others', async () => {
  const found = await (await ask('english-humor', '/search?q=why')).json();
  const expected = of('english-humor').filter(({ content }) => content.toLowerCase().includes('why'));
  assert.ok(expected.length > 0);
  assert.deepEqual(found.map(({ content }) => content), expected.slice(0, 100).map(({ content }) => content));
});

test('statistics and the export agree with the corpus', async () => {
  const statistics = await (await ask('english-humor', '/statistics')).json();
  const expected = ['assistant', 'user'].map((role) => of('english-humor').filter((message) => message.role === role).length);
  assert.deepEqual(statistics.map(({ messages: count }) => count), expected);
  const table = tableFromIPC(new Uint8Array(await (await ask('english-humor', '/export')).arrayBuffer()));
  assert.equal(table.numRows, of('english-humor').length);
});

test('what is posted is there, and is removed', async () => {
  const body = JSON.stringify({ role: 'user', content: 'größe 😀' });
  const made = await (await ask('new-person', '/messages', { method: 'POST', body })).json();
  assert.equal(made.content, 'größe 😀');
  assert.deepEqual((await (await ask('new-person', '/messages')).json()).map(({ id }) => id), [made.id]);
  assert.deepEqual(await (await ask('new-person', '/messages', { method: 'DELETE' })).json(), { deleted: 1 });
  assert.deepEqual(await (await ask('new-person', '/messages')).json(), []);
});

test('bad requests are answered', async () => {
  const status = async (...request) => (await ask(...request)).status;
  assert.equal((await fetch(`${address}/messages`)).status, 401);
  assert.equal(await status('x', '/nothing'), 404);
  assert.equal(await status('x', '/messages', { method: 'POST', body: '{' }), 400);
  assert.equal(await status('x', '/messages', { method: 'POST', body: '{"role":"user"}' }), 409);
  assert.equal(await status('x', '/messages', { method: 'POST', body: '{"role":"user","content":{"a":1}}' }), 400);
});

test('forty people at once', async () => {
  const people = [...new Set(messages.map(({ person }) => person))].slice(0, 40);
  const counts = await Promise.all(people.map(async (person) => {
    const statistics = await (await ask(person, '/statistics')).json();
    return statistics.reduce((sum, { messages: count }) => sum + count, 0);
  }));
  assert.deepEqual(counts, people.map((person) => of(person).length));
});
