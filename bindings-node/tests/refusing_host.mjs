// A host that refuses foreign memory, as Electron does: in a copy of the addon the name of
// napi_create_external_arraybuffer is that of a function which says so. Prints what came of it.

import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);

if (process.env.KALAMDB_REFUSING_APP === undefined) {
  const app = mkdtempSync(join(tmpdir(), 'kalamdb-refusing-'));
  cpSync(join(here, '..', 'node_modules'), join(app, 'node_modules'), { recursive: true, dereference: true });
  const { platform } = require(join(app, 'node_modules/kalamdb/lib/platform.cjs'));
  const addon = join(app, `node_modules/@kalamdb/${platform()}/kalamdb.node`);
  const bytes = readFileSync(addon);
  const name = Buffer.from('napi_create_external_arraybuffer\0');
  // Once for the dynamic linker, and once more in a table that only debuggers read.
  for (let place = bytes.indexOf(name); place >= 0; place = bytes.indexOf(name, place + 1)) {
    bytes[place + name.length - 2] = 'X'.charCodeAt(0);
  }
  writeFileSync(addon, bytes);
  const refusing = join(app, 'refusing.so');
  execFileSync('cc', ['-shared', '-fPIC', '-o', refusing, join(here, 'refusing.c')]);
  const printed = execFileSync(process.execPath, [fileURLToPath(import.meta.url)], {
    encoding: 'utf8',
    env: { ...process.env, KALAMDB_REFUSING_APP: app, LD_PRELOAD: refusing },
  });
  process.stdout.write(printed);
} else {
  const app = realpathSync(process.env.KALAMDB_REFUSING_APP);
  const { open } = require(join(app, 'node_modules/kalamdb'));
  const arrow = require('apache-arrow');
  const { dlopen } = process;
  const counter = { exports: {} };
  dlopen(counter, join(app, 'refusing.so'));
  const db = await open();
  const table = await db.arrow('SELECT value AS id FROM generate_series(0, 9999)', [], { arrow });
  let sum = 0n;
  for (const id of table.getChild('id')) sum += id;
  const { external, copied } = table.meta;
  console.log(JSON.stringify({ refusals: counter.exports(), external, copied, rows: table.numRows, sum: String(sum) }));
  await db.close();
}
