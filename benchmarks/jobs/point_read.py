"""One row by its primary key."""

from functools import partial
import random
from typing import Any

from measure import Case, Goal, Job, Sample, each_call
from stores import Work, connect_duckdb, connect_kalam, connect_sqlite

READS = 5_000
ROW = "SELECT id, user_id, role, content, score FROM {table} WHERE id = ?"


def keys(work: Work) -> list[int]:
    return random.Random(1).choices(range(1, work.rows + 1), k=READS + 100)


def kalam(store: str, work: Work) -> Sample:
    con = connect_kalam(work.store(store))
    statement = con.prepare(ROW.format(table="chat.messages"))
    return each_call(lambda key: statement.execute([key]).fetchall(), keys(work))


def by_text(con: Any, table: str, work: Work) -> Sample:
    sql = ROW.format(table=table)
    return each_call(lambda key: con.execute(sql, [key]).fetchall(), keys(work))


def kalam_by_text(store: str, work: Work) -> Sample:
    return by_text(connect_kalam(work.store(store)), "chat.messages", work)


def sqlite(work: Work) -> Sample:
    return by_text(connect_sqlite(work.store("sqlite")), "messages", work)


def duckdb(work: Work) -> Sample:
    return by_text(connect_duckdb(work.store("duckdb")), "messages", work)


JOB = Job(
    title="Point read by primary key",
    unit="us",
    cases=(
        Case("KalamDB, hot", partial(kalam, "kalam_hot"), ("kalam_hot",)),
        Case("KalamDB, cold", partial(kalam, "kalam_cold"), ("kalam_cold",)),
        Case("KalamDB, hot, by text", partial(kalam_by_text, "kalam_hot"), ("kalam_hot",)),
        Case("KalamDB, cold, by text", partial(kalam_by_text, "kalam_cold"), ("kalam_cold",)),
        Case("SQLite", sqlite, ("sqlite",)),
        Case("DuckDB", duckdb, ("duckdb",)),
    ),
    goals=(
        Goal("KalamDB, hot", "SQLite", at_most=1.0),
        Goal("KalamDB, cold", "SQLite", at_most=10.0),
    ),
    note="Random keys over all rows, through Python, warm caches, rows fetched as tuples. Prepared, as"
    " SQLite does by itself with texts that it knows; by text: the text with each call.",
    tried=(
        "Half of a hot read is RocksDB's get: a random key of a million rows lies in a block "
        "that is not in the cache, and is read from the file system's, checked and "
        "decompressed. A row whose block is cached takes half the time. Blocks of 4, 8 and 16 "
        "KiB, LZ4 and none, both kinds of block cache, and mmap were tried: 8 KiB reads as "
        "fast as 4 and scans as fast as 16; mmap is faster and is not used, because a file "
        "that is cut short would end the process."
    ),
)
