// A chat history over HTTP, with a session for each person.
//
//     python ../dialogues.py > dialogues.jsonl
//     node server.mjs chat.kalam dialogues.jsonl
//     curl -H 'x-user: english-humor' 'localhost:8080/messages?limit=5'
//
// Who asks is what the header x-user says; a real service reads it from a login.

import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';
import { KalamError } from 'kalamdb';
import { Store } from './store.mjs';

const statuses = { NotFound: 404, InvalidArgument: 400, Constraint: 409, PermissionDenied: 403, Conflict: 409, LimitExceeded: 413 };

const routes = {
  'GET /messages': async (db, { query, signal }) => {
    const limit = Math.min(Number(query.get('limit') ?? 50), 500);
    const before = query.get('before');
    return before === null
      ? db.query('SELECT * FROM messages ORDER BY id DESC LIMIT ?', [limit], { signal })
      : db.query('SELECT * FROM messages WHERE id < ? ORDER BY id DESC LIMIT ?', [BigInt(before), limit], { signal });
  },
  'POST /messages': async (db, { body }) => {
    const { dialogue = null, role, content } = body;
    const [message] = await db.query(
      'INSERT INTO messages (dialogue, role, content) VALUES (?, ?, ?) RETURNING *',
      [dialogue, role ?? null, content ?? null],
    );
    return message;
  },
  'GET /search': (db, { query, signal }) =>
    db.query('SELECT id, role, content FROM messages WHERE lower(content) LIKE ? ORDER BY id LIMIT 100',
      [`%${(query.get('q') ?? '').toLowerCase()}%`], { signal }),
  'GET /statistics': (db, { signal }) =>
    db.query('SELECT role, count(*) AS messages, avg(length(content)) AS mean_length FROM messages GROUP BY role ORDER BY role',
      [], { signal, int64: 'number' }),
  // Everything of one person, for pandas, polars, DuckDB or a browser.
  'GET /export': (db, { signal }) => db.ipc('SELECT * FROM messages ORDER BY id', [], { signal }),
  'DELETE /messages': (db) => db.transaction(async (tx) => {
    const { rowsAffected } = await tx.run('DELETE FROM messages');
    return { deleted: rowsAffected };
  }, { retries: 3 }),
};

async function readBody(request) {
  let text = '';
  for await (const part of request) {
    text += part;
    if (text.length > 1 << 20) throw Object.assign(new Error('the body is too long'), { status: 413 });
  }
  try {
    return text === '' ? {} : JSON.parse(text);
  } catch {
    throw Object.assign(new Error('the body is no JSON'), { status: 400 });
  }
}

async function answer(store, request, signal) {
  const url = new URL(request.url, 'http://service');
  const route = routes[`${request.method} ${url.pathname}`];
  if (route === undefined) throw Object.assign(new Error('there is no such page'), { status: 404 });
  const person = request.headers['x-user'];
  if (person === undefined) throw Object.assign(new Error('say who you are in x-user'), { status: 401 });
  return route(await store.of(person), { query: url.searchParams, body: await readBody(request), signal });
}

/** The server; `close` of it does not close the store. */
export function service(store) {
  return createServer(async (request, response) => {
    // Whoever goes away wants no answer: the engine stops.
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    try {
      const found = await answer(store, request, gone.signal);
      if (found instanceof Uint8Array) {
        response.setHeader('content-type', 'application/vnd.apache.arrow.stream');
        response.end(found);
        return;
      }
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(found));
    } catch (error) {
      if (gone.signal.aborted) return;
      response.statusCode = error.status ?? (error instanceof KalamError ? (statuses[error.code] ?? 500) : 500);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ error: error.message, sqlstate: error.sqlstate }));
    }
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [, , path = 'chat.kalam', dialogues] = process.argv;
  const store = await Store.open(path);
  if (dialogues) console.log(`loaded ${await store.load(dialogues)} messages`);
  const server = service(store).listen(Number(process.env.PORT ?? 8080), () => {
    console.log(`listening on ${server.address().port}`);
  });
  process.once('SIGTERM', () => {
    server.close(() => store.close());
    server.closeAllConnections();
  });
}
