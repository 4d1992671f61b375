"""Open a large database and read one row of its large table."""

import large
from jobs.open_time import opened
from measure import Case, Goal, Job, Sample
from stores import Work, connect_duckdb, connect_kalam, connect_sqlite


def sql(work: Work) -> str:
    return f"SELECT number FROM big WHERE id = {large.rows(work) // 2}"


def kalam(work: Work) -> Sample:
    return opened(lambda: connect_kalam(work.store("kalam_large")), sql(work))


def sqlite(work: Work) -> Sample:
    return opened(lambda: connect_sqlite(work.store("sqlite_large")), sql(work))


def duckdb(work: Work) -> Sample:
    return opened(lambda: connect_duckdb(work.store("duckdb_large")), sql(work))


JOB = Job(
    title="Open 10 M rows in 1,000 tables and read one row",
    unit="ms",
    cases=(
        Case("KalamDB, flushed", kalam, ("kalam_large",)),
        Case("SQLite", sqlite, ("sqlite_large",)),
        Case("DuckDB", duckdb, ("duckdb_large",)),
    ),
    goals=(
        Goal("KalamDB, flushed", "DuckDB", at_most=1.0),
        Goal("KalamDB, flushed", None, at_most=200.0),
    ),
    rounds=3,
)
