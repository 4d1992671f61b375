"""10 million rows in one table beside 999 small ones: what a large database is to open."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from stores import Work, connect_duckdb, connect_kalam, connect_sqlite

ROWS_PER_MESSAGE = 10
TABLES = 1_000
CHUNK = 1_000_000
SMALL = "(id BIGINT PRIMARY KEY, body TEXT)"
BIG = "(id BIGINT PRIMARY KEY, number BIGINT, body TEXT)"


def rows(work: Work) -> int:
    return work.rows * ROWS_PER_MESSAGE


def tables(work: Work) -> int:
    return max(10, TABLES * min(work.rows, 1_000_000) // 1_000_000)


def chunks(work: Work) -> Iterator[pa.Table]:
    for first in range(0, rows(work), CHUNK):
        ids = np.arange(first, min(first + CHUNK, rows(work)), dtype=np.int64)
        bodies = pa.array([f"row {id}" for id in ids.tolist()])
        yield pa.table({"id": ids, "number": ids * 7 % 1_000_003, "body": bodies})


def build_kalam(work: Work, store: Path) -> None:
    con = connect_kalam(store, "normal")
    for number in range(tables(work) - 1):
        con.execute(f"CREATE TABLE t{number} {SMALL}")
        con.execute(f"INSERT INTO t{number} VALUES (1, 'one'), (2, 'two')")
    con.execute(f"CREATE TABLE big {BIG}")
    for chunk in chunks(work):
        con.append("big", chunk)
    con.execute("STORAGE FLUSH TABLE big")
    con.close()


def build_sqlite(work: Work, store: Path) -> None:
    con = connect_sqlite(store, "OFF")
    con.execute("BEGIN")
    for number in range(tables(work) - 1):
        con.execute(f"CREATE TABLE t{number} {SMALL.replace('BIGINT', 'INTEGER')}")
        con.execute(f"INSERT INTO t{number} VALUES (1, 'one'), (2, 'two')")
    con.execute(f"CREATE TABLE big {BIG.replace('BIGINT', 'INTEGER')}")
    for chunk in chunks(work):
        columns = [column.to_pylist() for column in chunk.columns]
        con.executemany("INSERT INTO big VALUES (?, ?, ?)", zip(*columns))
    con.execute("COMMIT")
    con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    con.close()


def build_duckdb(work: Work, store: Path) -> None:
    con = connect_duckdb(store)
    con.execute("BEGIN")
    for number in range(tables(work) - 1):
        con.execute(f"CREATE TABLE t{number} {SMALL}")
        con.execute(f"INSERT INTO t{number} VALUES (1, 'one'), (2, 'two')")
    con.execute("COMMIT")
    con.execute(f"CREATE TABLE big {BIG}")
    for chunk in chunks(work):
        con.register("chunk", chunk)
        con.execute("INSERT INTO big SELECT * FROM chunk")
    con.execute("CHECKPOINT")
    con.close()


BUILDERS = {"kalam_large": build_kalam, "sqlite_large": build_sqlite, "duckdb_large": build_duckdb}
