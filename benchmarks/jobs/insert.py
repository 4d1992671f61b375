"""Single INSERTs, each its own commit, into a table that has rows."""

import datetime
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from measure import Sample, each_call, once
from stores import Work, connect_duckdb, connect_kalam, connect_sqlite

WHEN = datetime.datetime(2026, 1, 1)
TEXT = "a message of a few words, as people write them"
MARKS = "VALUES (?, ?, ?, ?, ?, ?)"


def row(key: int, when: Any = WHEN) -> list[Any]:
    return [key, key % 10_000, "user", TEXT, 0.5, when]


def keys(work: Work, count: int) -> range:
    return range(work.rows + 1, work.rows + count + 101)


def kalam(durability: str, count: int, work: Work) -> Sample:
    with work.copy("kalam_hot") as store:
        con = connect_kalam(store, durability)
        sql = f"INSERT INTO chat.messages {MARKS}"
        sample = each_call(lambda key: con.execute(sql, row(key)), keys(work, count))
        con.close()
    return sample


def sqlite(synchronous: str, count: int, work: Work) -> Sample:
    with work.copy("sqlite") as store:
        con = connect_sqlite(store, synchronous)
        sql = f"INSERT INTO messages {MARKS}"
        sample = each_call(lambda key: con.execute(sql, row(key, 0)), keys(work, count))
        con.close()
    return sample


def duckdb(count: int, work: Work) -> Sample:
    with work.copy("duckdb") as store:
        con = connect_duckdb(store)
        sql = f"INSERT INTO messages {MARKS}"
        sample = each_call(lambda key: con.execute(sql, row(key)), keys(work, count))
        con.close()
    return sample


def kalam_threads(threads: int, each: int, work: Work) -> Sample:
    """Commits per second of `threads` threads on one connection, durable."""
    with work.copy("kalam_hot") as store:
        con = connect_kalam(store, "full")
        sql = f"INSERT INTO chat.messages {MARKS}"

        def write(thread: int) -> None:
            first = work.rows + 1 + thread * each
            for key in range(first, first + each):
                con.execute(sql, row(key))

        with ThreadPoolExecutor(threads) as pool:
            seconds = once(lambda: list(pool.map(write, range(threads))))
        con.close()
    return Sample(threads * each / seconds)
