import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import * as esm from 'kalamdb';

const require = createRequire(import.meta.url);
const here = dirname(fileURLToPath(import.meta.url));

test('ESM and CommonJS get the same classes', () => {
  const cjs = require('kalamdb');
  const names = ['AbortError', 'Appender', 'Batch', 'Database', 'KalamError', 'Statement', 'open', 'restore', 'version'];
  assert.deepEqual(Object.keys(cjs).sort(), names.sort());
  for (const name of names) assert.equal(esm[name], cjs[name], name);
  assert.equal(esm.default, cjs);
});

test('CommonJS programs run', () => {
  const printed = execFileSync(process.execPath, ['--input-type=commonjs', '--eval', `
    const { open } = require('kalamdb');
    open().then((db) => db.query('SELECT 1 AS one')).then(console.log);`], { cwd: here, encoding: 'utf8' });
  assert.equal(printed, '[ { one: 1n } ]\n');
});

test('the types are those of the package', () => {
  for (const types of ['types.mts', 'types.cts']) {
    const tsc = require.resolve('typescript/bin/tsc');
    const flags = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--module', 'nodenext', '--target', 'es2022', '--lib', 'es2022,esnext.disposable', '--types', 'node', '--typeRoots', join(require.resolve('@types/node/package.json'), '..', '..')];
    const done = spawnSync(process.execPath, [tsc, ...flags, join(here, types)], { encoding: 'utf8' });
    assert.deepEqual([done.status, done.stdout], [0, ''], types);
  }
});

test('every public member is in the types, and nothing else', () => {
  const types = readFileSync(require.resolve('kalamdb').replace('index.cjs', 'index.d.cts'), 'utf8');
  for (const name of ['Database', 'Statement', 'Batch', 'Appender']) {
    const body = new RegExp(`export class ${name} \\{([\\s\\S]*?)\\n\\}`).exec(types)[1];
    const declared = [...body.matchAll(/^ {2}(?:readonly )?(\w+)[<(:]/gm)].map(([, member]) => member);
    const methods = Object.getOwnPropertyNames(esm[name].prototype);
    const expected = new Set(declared.filter((member) => member !== 'private'));
    const fields = name === 'Appender' ? ['table', 'batchRows'] : [];
    const actual = new Set([...methods, ...fields].filter((member) => member !== 'constructor'));
    assert.deepEqual([...actual].sort(), [...expected].sort(), name);
  }
});

test('a platform without its package says how to get it', () => {
  const printed = execFileSync(process.execPath, ['--input-type=commonjs', '--eval', `
    const Module = require('node:module');
    const load = Module._load;
    Module._load = (name, ...rest) => {
      if (name.startsWith('@kalamdb/')) throw Object.assign(new Error('none'), { code: 'MODULE_NOT_FOUND' });
      return load(name, ...rest);
    };
    try { require('kalamdb'); } catch (error) { console.log(error.message); }`], { cwd: here, encoding: 'utf8' });
  assert.match(printed, /^the package @kalamdb\/[\w-]+ is not installed/);
});

test('each platform that the loader knows is an optional dependency', () => {
  const { optionalDependencies, version } = require('kalamdb/package.json');
  const loader = readFileSync(require.resolve('kalamdb').replace('index.cjs', 'lib/native.cjs'), 'utf8');
  const known = [...loader.matchAll(/require\('(@kalamdb\/[\w-]+)'\)/g)].map(([, name]) => name);
  assert.deepEqual(Object.keys(optionalDependencies).sort(), known.sort());
  for (const wanted of Object.values(optionalDependencies)) assert.equal(wanted, version);
  const source = process.env.KALAM_SOURCE;
  const folders = readdirSync(join(source, 'bindings-node/npm'));
  assert.deepEqual(folders.map((name) => `@kalamdb/${name}`).sort(), known.sort());
  for (const folder of folders) {
    const platform = JSON.parse(readFileSync(join(source, 'bindings-node/npm', folder, 'package.json'), 'utf8'));
    assert.deepEqual([platform.name, platform.version], [`@kalamdb/${folder}`, version]);
    assert.ok(folder.startsWith(`${platform.os}-${platform.cpu}`));
  }
  assert.match(readFileSync(join(source, 'Cargo.toml'), 'utf8'), new RegExp(`\\nversion = "${version}"\\n`));
});
