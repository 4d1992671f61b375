'use strict';
// Row objects. The compiled half gives columns; a function that is made for their names builds
// the objects, so that all rows of a result have one hidden class.

const { KalamError, invalid } = require('./error.cjs');

const int64Forms = { bigint: 0, number: 1, string: 2 };

/** The number that the compiled half knows a form of 64-bit integers by. */
function int64Form(name) {
  const form = Object.hasOwn(int64Forms, name) ? int64Forms[name] : undefined;
  if (form === undefined) {
    throw invalid(`int64 '${String(name)}' is unknown`, "int64 is 'bigint', 'number' or 'string'");
  }
  return form;
}

const builders = new Map();
const BUILDERS_MAX = 1000;

/** `__proto__: x` in a literal sets the prototype; in brackets it is a property. */
const literalKey = (name) => (name === '__proto__' ? '["__proto__"]' : JSON.stringify(name));

function compiled(names) {
  const columns = names.map((_, place) => `c${place}`);
  const items = names.map((name, place) => `${literalKey(name)}: c${place}[i]`);
  const parameters = columns.map((column, place) => `${column} = part[${place + 1}]`).join(', ');
  return new Function(
    'part',
    'rows',
    `'use strict'; const n = part[0]; ${columns.length ? `const ${parameters};` : ''}
     for (let i = 0; i < n; i++) rows.push({ ${items.join(', ')} });`,
  );
}

/** The same where `--disallow-code-generation-from-strings` holds. */
function interpreted(names) {
  return (part, rows) => {
    for (let i = 0; i < part[0]; i++) {
      rows.push(Object.fromEntries(names.map((name, place) => [name, part[place + 1][i]])));
    }
  };
}

/** What makes objects of columns with these names. */
function builder(names) {
  const key = names.length === 1 ? names[0] : JSON.stringify(names);
  let found = builders.get(key);
  if (found === undefined || found.count !== names.length) {
    if (new Set(names).size !== names.length) {
      const twice = names.find((name, place) => names.indexOf(name) !== place);
      throw new KalamError(`two columns have the name "${twice}"`, {
        code: 'InvalidStatement',
        sqlstate: '42701',
        hint: "rename one with AS, or ask for rows: 'array'",
      });
    }
    let build;
    try {
      build = compiled(names);
    } catch (error) {
      if (!(error instanceof EvalError)) throw error;
      build = interpreted(names);
    }
    if (builders.size >= BUILDERS_MAX) builders.clear();
    found = { build, count: names.length };
    builders.set(key, found);
  }
  return found.build;
}

/** An array of objects, or of arrays, of what the compiled half gave. */
function rowsOf(batches, int64, form = 'object') {
  if (form !== 'object' && form !== 'array') {
    throw invalid(`rows '${String(form)}' is unknown`, "rows is 'object' or 'array'");
  }
  const rows = [];
  const build = form === 'object' ? builder(batches.names) : undefined;
  for (const part of batches.values(int64)) {
    if (build) {
      build(part, rows);
      continue;
    }
    for (let i = 0; i < part[0]; i++) {
      const row = new Array(part.length - 1);
      for (let place = 1; place < part.length; place++) row[place - 1] = part[place][i];
      rows.push(row);
    }
  }
  return rows;
}

/** One object of the values of one row. */
function objectOf(names, values) {
  const rows = [];
  builder(names)([1, ...values.map((value) => [value])], rows);
  return rows[0];
}

module.exports = { builder, int64Form, objectOf, rowsOf };
