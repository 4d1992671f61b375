import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const source = process.env.KALAM_SOURCE;
const page = readFileSync(join(source, 'bindings-node/docs/three_languages.md'), 'utf8');
const program = (language) => new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(page)[1];

/** Runs a program that is written to a file beside the installed package. */
function run(name, text, command) {
  const folder = mkdtempSync(join(here, 'document-'));
  try {
    writeFileSync(join(folder, name), text);
    return command(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const expected = `1 user: hello
2 assistant: hi
3 user: still hot
prepared: hi
bob sees 0 rows
refused: 23505
`;

test('the program in JavaScript', () => {
  const printed = run('program.mjs', program('js'), (cwd) =>
    execFileSync(process.execPath, ['program.mjs'], { cwd, encoding: 'utf8' }));
  assert.equal(printed, expected);
});

test('the program in Python prints the same', () => {
  const printed = run('program.py', program('python'), (cwd) =>
    execFileSync(process.env.KALAM_TEST_PYTHON, ['program.py'], { cwd, encoding: 'utf8' }));
  assert.equal(printed, expected);
});

test('the program in C prints the same', () => {
  const library = process.env.KALAM_TEST_LIBRARY;
  const folder = mkdtempSync(join(tmpdir(), 'kalamdb-c-'));
  try {
    writeFileSync(join(folder, 'program.c'), program('c'));
    // The name that programs link, and the one that they load.
    for (const name of [basename(library), 'libkalamdb.so.1']) symlinkSync(library, join(folder, name));
    const flags = ['-std=c11', '-Wall', '-Wextra', '-Werror', '-I', join(source, 'include')];
    execFileSync('cc', [...flags, 'program.c', '-L', folder, '-lkalamdb', `-Wl,-rpath,${folder}`, '-o', 'program'], { cwd: folder });
    assert.equal(execFileSync(join(folder, 'program'), { encoding: 'utf8' }), expected);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the program of the README prints what it says', () => {
  const readme = readFileSync(join(source, 'bindings-node/README.md'), 'utf8');
  const text = [...readme.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, part]) => part).join('\n');
  const answers = [...text.matchAll(/console\.log\(.*\/\/ -> (.*)$/gm)].map(([, answer]) => answer);
  assert.ok(answers.length > 3);
  const printed = run('program.mjs', text, (cwd) =>
    execFileSync(process.execPath, ['program.mjs'], { cwd, encoding: 'utf8' }));
  const lines = printed.split('\n');
  for (const answer of answers) assert.ok(lines.includes(answer), `${answer} is not in\n${printed}`);
});
