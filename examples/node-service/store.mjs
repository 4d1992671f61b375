// What the service keeps: each person's messages, in a place of their own.

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { open } from 'kalamdb';

/** Sessions are cheap; this many people have one at a time. */
const SESSIONS_MAX = 1000;

export class Store {
  #sessions = new Map();

  constructor(db) {
    this.db = db;
  }

  static async open(path) {
    const db = await open(path, { int64: 'string' });
    await db.exec(`
      CREATE NAMESPACE IF NOT EXISTS chat;
      CREATE USER TABLE IF NOT EXISTS chat.messages (
        id BIGINT DEFAULT SNOWFLAKE_ID() PRIMARY KEY,
        dialogue INT, role TEXT NOT NULL, content TEXT NOT NULL, at DATETIME DEFAULT NOW())`);
    return new Store(db);
  }

  /** The session of a person: their messages and nobody else's. */
  async of(person) {
    let session = this.#sessions.get(person);
    this.#sessions.delete(person);
    if (session === undefined) {
      session = this.db.asUser(person).then(async (db) => {
        await db.useNamespace('chat');
        return db;
      });
    }
    this.#sessions.set(person, session);
    if (this.#sessions.size > SESSIONS_MAX) {
      const [[oldest, idle]] = this.#sessions;
      this.#sessions.delete(oldest);
      idle.then((db) => db.close(), () => {});
    }
    try {
      return await session;
    } catch (error) {
      this.#sessions.delete(person);
      throw error;
    }
  }

  /** Loads dialogues, lines of JSON, each person's in one commit; how many messages. */
  async load(file) {
    const people = new Map();
    for await (const line of createInterface({ input: createReadStream(file) })) {
      const { person, ...message } = JSON.parse(line);
      if (!people.has(person)) people.set(person, []);
      people.get(person).push(message);
    }
    let loaded = 0;
    for (const [person, messages] of people) loaded += await (await this.of(person)).append('messages', messages);
    await this.db.flush('chat.messages');
    return loaded;
  }

  async close() {
    for (const session of this.#sessions.values()) await (await session).close();
    await this.db.close();
  }
}
