// What the npm package costs: a table of arrow-js, row objects, a point read.
//
//     node --expose-gc figures.mjs RUST_POINT_READ_MICROSECONDS
//
// Each figure is a ratio or a difference within this run, so a busy machine changes it little.
// Prints lines of Markdown.

import * as arrow from 'apache-arrow';
import { open } from 'kalamdb';

const ROWS = Number(process.env.KALAM_ROWS ?? 1_000_000);
const ROUNDS = Number(process.env.KALAM_ROUNDS ?? 9);
const READS = 500;

const db = await open(':memory:', { config: { max_result_bytes: 0 } });
await db.exec('CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, at DATETIME NOT NULL, score DOUBLE NOT NULL, body TEXT NOT NULL)');
for (let first = 0; first < ROWS; first += 100_000) {
  const count = Math.min(100_000, ROWS - first);
  await db.append('t', {
    id: BigInt64Array.from({ length: count }, (_, i) => BigInt(first + i)),
    at: Array.from({ length: count }, (_, i) => new Date(1.7e12 + (first + i) * 1000)),
    score: Float64Array.from({ length: count }, (_, i) => (first + i) / 7),
    body: Array.from({ length: count }, (_, i) => `this is message ${first + i}`),
  });
}

/** The shortest of several times, in milliseconds. */
async function fastest(rounds, work) {
  let best = Infinity;
  for (let round = 0; round < rounds; round++) {
    globalThis.gc();
    const began = performance.now();
    const held = await work();
    best = Math.min(best, performance.now() - began);
    if (held === null) throw new Error('nothing was made');
  }
  return best;
}

const ALL = 'SELECT * FROM t';

/** All rows, held as the engine's memory. */
async function batches() {
  const all = [];
  for await (const batch of db.stream(ALL)) all.push(batch);
  return all;
}

const line = (what, figure, goal) => console.log(`| ${what} | ${figure} | ${goal} |`);
console.log('| what | measured | goal |\n|---|---|---|');

// What the IPC route costs beyond the query: all batches are written as bytes, and read again.
let route;
{
  const query = await fastest(ROUNDS, batches);
  let meta;
  const zeroCopy = await fastest(ROUNDS, async () => {
    const table = await db.arrow(ALL, [], { arrow });
    ({ meta } = table);
    return table;
  });
  const ipc = await fastest(ROUNDS, async () => arrow.tableFromIPC(await db.ipc(ALL)));
  const ours = Math.max(zeroCopy - query, 0);
  route = ipc - query;
  line(`${ROWS} rows x 4 columns, query alone`, `${query.toFixed(1)} ms`, '');
  line('the same and a Table over the engine\'s memory', `${zeroCopy.toFixed(1)} ms, ${meta.external} buffers external, ${meta.copied} copied`, '');
  line('the same and a Table through IPC', `${ipc.toFixed(1)} ms`, '');
  line('Table over what the query costs, of the IPC route', `${(ours / route).toFixed(3)} x`, '<= 0.1 x');
}
{
  // What is converted, without the query: batches that are there.
  const times = { arrow: Infinity, ipc: Infinity };
  for (let round = 0; round < ROUNDS; round++) {
    for (const way of ['arrow', 'ipc']) {
      const held = await batches();
      globalThis.gc();
      const began = performance.now();
      const tables = held.map((batch) => (way === 'arrow' ? batch.arrow({ arrow }) : arrow.tableFromIPC(batch.ipc())));
      const table = new arrow.Table(tables.flatMap((part) => part.batches));
      times[way] = Math.min(times[way], performance.now() - began);
      if (table.numRows !== ROWS) throw new Error('rows are missing');
    }
  }
  const ratio = (whole) => `${(times.arrow / whole).toFixed(3)} x`;
  line('batches that are there to a Table', `${times.arrow.toFixed(2)} ms of ${route.toFixed(1)} ms that the IPC route adds: ${ratio(route)}`, '<= 0.1 x');
  line('the same beside IPC of one batch after another', `${times.ipc.toFixed(1)} ms: ${ratio(times.ipc)}`, '<= 0.1 x');
}
{
  const sql = `SELECT * FROM t WHERE id < ${ROWS / 2}`;
  const rows = await fastest(5, () => db.query(sql));
  const through = await fastest(5, async () =>
    arrow.tableFromIPC(await db.ipc(sql)).toArray().map((row) => row.toJSON()));
  line(`row objects of ${ROWS / 2} rows`, `${rows.toFixed(0)} ms, through arrow-js ${through.toFixed(0)} ms: ${(through / rows).toFixed(1)} x faster`, '>= 3 x');
}
{
  await db.exec('CREATE SHARED TABLE p (k BIGINT PRIMARY KEY, v BIGINT); INSERT INTO p SELECT x, x * 2 FROM generate_series(0, 9999) a (x)');
  const statement = await db.prepare('SELECT v FROM p WHERE k = ?');
  let best = Infinity;
  for (let round = 0; round < 1000; round++) {
    const began = performance.now();
    for (let read = 0; read < READS; read++) {
      const key = (read * 7919) % 10_000;
      if (statement.getSync([key]).v !== BigInt(key * 2)) throw new Error('another row');
    }
    best = Math.min(best, performance.now() - began);
  }
  const [node, rust] = [(best * 1000) / READS, Number(process.argv[2])];
  line('prepared point read, getSync', `${node.toFixed(2)} us, Rust ${rust.toFixed(2)} us: ${(node - rust).toFixed(2)} us over`, '<= 3 us');
  let waited = Infinity;
  for (let round = 0; round < 20; round++) {
    const began = performance.now();
    for (let read = 0; read < READS; read++) await statement.get([read]);
    waited = Math.min(waited, performance.now() - began);
  }
  line('the same as a promise, on a thread', `${((waited * 1000) / READS).toFixed(1)} us`, '');
}
await db.close();
