"""Open a database and read the first row."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from measure import Case, Goal, Job, Sample, once
from stores import Work, connect_duckdb, connect_kalam, connect_sqlite

OPENS = 10


def opened(connect: Callable[[], Any], sql: str) -> Sample:
    """The median of opening and reading; closing is not counted."""
    durations = []
    found: list[Any] = []
    for _ in range(OPENS):
        kept: list[Any] = []

        def open_and_read() -> None:
            con = connect()
            kept.append(con)
            found[:] = con.execute(sql).fetchall()

        durations.append(once(open_and_read))
        kept.pop().close()
    return Sample(float(np.median(durations)) * 1e3, answer=list(found[0]))


def kalam(store: str, work: Work) -> Sample:
    sql = "SELECT id FROM chat.messages WHERE id = 1"
    return opened(lambda: connect_kalam(work.store(store)), sql)


def sqlite(work: Work) -> Sample:
    sql = "SELECT id FROM messages WHERE id = 1"
    return opened(lambda: connect_sqlite(work.store("sqlite")), sql)


def duckdb(work: Work) -> Sample:
    sql = "SELECT id FROM messages WHERE id = 1"
    return opened(lambda: connect_duckdb(work.store("duckdb")), sql)


JOB = Job(
    title="Open and read one row",
    unit="ms",
    cases=(
        Case("KalamDB, hot", partial(kalam, "kalam_hot"), ("kalam_hot",)),
        Case("KalamDB, flushed", partial(kalam, "kalam_cold"), ("kalam_cold",)),
        Case("SQLite", sqlite, ("sqlite",)),
        Case("DuckDB", duckdb, ("duckdb",)),
    ),
    goals=(Goal("KalamDB, flushed", "DuckDB", at_most=1.0),),
    tried=(
        "An open lists no folders after a clean close. Mapping and relocating the library is "
        "part of it, and that has two thirds of its former size."
    ),
)
