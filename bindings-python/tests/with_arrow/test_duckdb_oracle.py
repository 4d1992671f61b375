"""Queries made at random have the answer that DuckDB gives, in every state of the data.

`KALAM_DUCKDB=20000` asks as many, `KALAM_DUCKDB_SEED=7` others. What is made keeps to what the two
dialects mean alike: no overflow, no division, no order of rows without ORDER BY, no implicit cast
between texts and numbers.
"""

import math
import os
import random
from decimal import Decimal

import duckdb
import kalamdb

QUERIES = int(os.environ.get("KALAM_DUCKDB", "240"))
SEED = int(os.environ.get("KALAM_DUCKDB_SEED", "31"))
# A pair of databases serves so many.
OF_ONE_SCHEMA = 60
ROWS = 60
STATES = ["hot", "half flushed", "flushed", "compacted"]

TYPES = {
    "SMALLINT": "integer",
    "INTEGER": "integer",
    "BIGINT": "integer",
    "DOUBLE": "real",
    "DECIMAL(9, 2)": "real",
    "TEXT": "text",
    "BOOLEAN": "flag",
    "DATE": "date",
    "TIMESTAMP": "time",
}
VALUES = {
    "integer": ["NULL", "0", "1", "-1", "2", "7", "100", "-32768", "32767"],
    "real": ["NULL", "0.5", "-0.5", "2.25", "100.75", "0"],
    "text": ["NULL", "''", "'a'", "'ab'", "'B'", "'b%'", "'ä'", "'10'", "'a_b'"],
    "flag": ["NULL", "TRUE", "FALSE"],
    "date": ["NULL", "DATE '2024-02-29'", "DATE '1969-12-31'", "DATE '2000-01-01'"],
    "time": ["NULL", "TIMESTAMP '2024-02-29 23:59:59.999999'", "TIMESTAMP '1969-07-20 20:17:40'"],
}


class Schema:
    """Two tables, `t` and `u`, and the statements that fill them."""

    def __init__(self, rng):
        self.rng = rng
        self.columns = {name: self._columns() for name in "tu"}
        self.definitions = [self._definition(name) for name in "tu"]
        self.writes = [write for name in "tu" for write in self._writes(name)]

    def _columns(self):
        types = ["INTEGER", "DOUBLE", "TEXT", "BOOLEAN", "DATE"]
        types += self.rng.choices(list(TYPES), k=self.rng.randrange(4))
        return {"k": "INTEGER"} | {f"c{place}": type_name for place, type_name in enumerate(types)}

    def _definition(self, table):
        columns = ", ".join(f"{name} {type_name}" for name, type_name in self.columns[table].items())
        return f"CREATE TABLE {table} ({columns}, PRIMARY KEY (k))"

    def _writes(self, table):
        columns = list(self.columns[table].items())[1:]
        for key in range(ROWS):
            values = [self.rng.choice(VALUES[TYPES[type_name]]) for _, type_name in columns]
            yield f"INSERT INTO {table} VALUES ({key}, {', '.join(values)})"
        for _ in range(ROWS // 5):
            name, type_name = self.rng.choice(columns)
            value = self.rng.choice(VALUES[TYPES[type_name]])
            yield f"UPDATE {table} SET {name} = {value} WHERE k = {self.rng.randrange(ROWS)}"
            yield f"DELETE FROM {table} WHERE k = {self.rng.randrange(ROWS)}"

    def of(self, kind, tables):
        return [
            f"{table}.{name}"
            for table in tables
            for name, type_name in self.columns[table].items()
            if TYPES[type_name] == kind
        ]

    def kalam(self, state):
        db = kalamdb.connect()
        for sql in self.definitions:
            db.execute(sql)
        for place, sql in enumerate(self.writes):
            db.execute(sql)
            if state in ("half flushed", "compacted") and place == len(self.writes) // 2:
                db.flush()
        if state in ("flushed", "compacted"):
            db.flush()
        if state == "compacted":
            db.execute("STORAGE COMPACT ALL")
        return db

    def duck(self):
        db = duckdb.connect()
        for sql in self.definitions + self.writes:
            db.execute(sql)
        return db


class Queries:
    """A source of queries over a schema."""

    def __init__(self, schema, rng):
        self.schema, self.rng, self.tables = schema, rng, "t"

    def value(self, kind, depth):
        rng = self.rng
        columns = self.schema.of(kind, self.tables)
        plain = rng.choice(columns) if columns and rng.random() < 0.75 else rng.choice(VALUES[kind])
        if depth == 0 or rng.random() < 0.4:
            return plain if plain != "NULL" else (columns or ["NULL"])[0]
        again = lambda other=kind: self.value(other, depth - 1)  # noqa: E731
        forms = [
            lambda: f"COALESCE({again()}, {again()})",
            lambda: f"CASE WHEN {self.predicate(depth - 1)} THEN {again()} ELSE {again()} END",
            lambda: f"NULLIF({again()}, {again()})",
        ]
        if kind == "integer":
            forms += [
                lambda: f"(CAST({again()} AS BIGINT) + {again()})",
                lambda: f"(CAST({again()} AS BIGINT) - {again()})",
                lambda: f"ABS(CAST({again()} AS BIGINT))",
                lambda: f"LENGTH({again('text')})",
                lambda: f"EXTRACT(year FROM {again('date')})",
            ]
        elif kind == "text":
            forms += [
                lambda: f"UPPER({again()})",
                lambda: f"LOWER({again()})",
                lambda: f"({again()} || {again()})",
                lambda: f"SUBSTR({again()}, 1, 2)",
                lambda: f"REPLACE({again()}, 'a', 'xy')",
                lambda: f"TRIM({again()})",
                lambda: f"CAST({again('integer')} AS TEXT)",
            ]
        elif kind == "flag":
            forms += [lambda: self.predicate(depth - 1)]
        return rng.choice(forms)()

    def predicate(self, depth):
        rng = self.rng
        below = max(depth - 1, 0)
        kind = rng.choice(["integer", "real", "text", "date"])
        value = lambda: self.value(kind, below)  # noqa: E731
        forms = [
            lambda: f"({value()} {rng.choice(['=', '<>', '<', '<=', '>', '>='])} {value()})",
            lambda: f"({value()} IS {rng.choice(['', 'NOT '])}NULL)",
            lambda: f"({value()} {rng.choice(['', 'NOT '])}IN ({', '.join(rng.sample(VALUES[kind], 3))}))",
            lambda: f"({value()} BETWEEN {value()} AND {value()})",
            lambda: f"({self.value('text', below)} LIKE {rng.choice(VALUES['text'])})",
            lambda: rng.choice(self.schema.of("flag", self.tables)),
        ]
        if depth:
            forms += [
                lambda: f"(NOT {self.predicate(below)})",
                lambda: f"({self.predicate(below)} AND {self.predicate(below)})",
                lambda: f"({self.predicate(below)} OR {self.predicate(below)})",
                lambda: f"({value()} IS DISTINCT FROM {value()})",
            ]
        return rng.choice(forms)()

    def aggregate(self):
        rng = self.rng
        kind = rng.choice(["integer", "text", "date"])
        return rng.choice(
            [
                lambda: "COUNT(*)",
                lambda: f"COUNT({self.value(kind, 1)})",
                lambda: f"COUNT(DISTINCT {self.value(kind, 1)})",
                lambda: f"MIN({self.value(kind, 1)})",
                lambda: f"MAX({self.value(kind, 1)})",
                lambda: f"SUM(CAST({self.value('integer', 1)} AS BIGINT))",
                lambda: f"SUM(CAST({self.value('integer', 0)} AS BIGINT)) FILTER (WHERE {self.predicate(1)})",
                lambda: f"BOOL_OR({self.predicate(1)})",
            ]
        )()

    def source(self):
        join = self.rng.choice(["", "", "JOIN", "LEFT JOIN", "FULL JOIN", "RIGHT JOIN", "CROSS JOIN"])
        self.tables = "tu" if join else "t"
        if not join:
            return "t"
        on = "" if join == "CROSS JOIN" else self.rng.choice([" ON t.k = u.k", " ON t.k = u.c0"])
        return f"t {join} u{on}"

    def items(self):
        kinds = self.rng.choices(["integer", "text", "real", "date", "flag"], k=self.rng.randrange(1, 4))
        return [self.value(kind, 2) for kind in kinds]

    def query(self):
        source, where = self.source(), self.predicate(3)
        form = self.rng.randrange(7)
        if form == 0:
            group = self.items()
            places = ", ".join(str(place + 1) for place in range(len(group)))
            having = self.rng.choice(["", " HAVING COUNT(*) > 1"])
            listed = ", ".join([*group, self.aggregate(), self.aggregate()])
            return f"SELECT {listed} FROM {source} WHERE {where} GROUP BY {places}{having}"
        if form == 1:
            return f"SELECT {self.aggregate()}, {self.aggregate()} FROM {source} WHERE {where}"
        if form == 2:
            return f"SELECT DISTINCT {', '.join(self.items())} FROM {source} WHERE {where}"
        if form == 3:
            operator = self.rng.choice(["UNION", "UNION ALL", "EXCEPT", "INTERSECT"])
            self.tables = "t"
            left, right = self.value("text", 2), self.value("text", 2)
            return (
                f"SELECT {left} FROM t WHERE {self.predicate(2)} {operator} "
                f"SELECT {right} FROM t WHERE {self.predicate(2)}"
            )
        if form == 4:
            self.tables = "t"
            function = self.rng.choice(["ROW_NUMBER()", "SUM(t.k)", "COUNT(*)", "LAG(t.k)", "MAX(t.c2)"])
            part = self.rng.choice(["", "PARTITION BY t.c3 ", "PARTITION BY t.c2 "])
            return f"SELECT t.k, {function} OVER ({part}ORDER BY t.k) FROM t WHERE {self.predicate(2)}"
        if form == 5:
            self.tables = "t"
            direction = self.rng.choice(["", " DESC"])
            limit = f" LIMIT {self.rng.randrange(8)} OFFSET {self.rng.randrange(4)}"
            return f"SELECT t.k, {self.value('text', 2)} FROM t WHERE {self.predicate(2)} ORDER BY t.k{direction}{limit}"
        return f"SELECT {', '.join(self.items())} FROM {source} WHERE {where}"


def plain(value):
    """A value in a form that both give."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, (int, float, Decimal)):
        number = float(value)
        return "NaN" if math.isnan(number) else f"{number:.9g}"
    return str(value)


def answer(run, sql):
    try:
        rows = run(sql).fetchall()
    except (kalamdb.DataError, duckdb.Error) as error:
        return f"{type(error).__name__}: {error}"
    return sorted(tuple(plain(value) for value in row) for row in rows)


def test_answers_are_those_of_duckdb():
    rng = random.Random(SEED)
    asked = compared = 0
    differences = []
    while asked < QUERIES:
        schema = Schema(rng)
        duck, kalam = schema.duck(), {state: schema.kalam(state) for state in STATES}
        queries = Queries(schema, rng)
        for _ in range(min(OF_ONE_SCHEMA, QUERIES - asked)):
            asked += 1
            sql = queries.query()
            expected = answer(duck.execute, sql)
            if isinstance(expected, str):
                # What DuckDB refuses has no answer to compare with.
                continue
            state = STATES[asked % len(STATES)]
            got = answer(kalam[state].execute, sql)
            compared += 1
            if got != expected:
                differences.append(f"{state}: {sql}\n  kalam  {got}\n  duckdb {expected}")
        for db in kalam.values():
            db.close()
    print(f"seed {SEED}, {compared} of {asked} queries compared")
    assert not differences, "\n".join(differences[:10]) + f"\n{len(differences)} differ"
    assert compared * 10 > asked * 9
