"""Two columns of every row."""

from functools import partial

from measure import Case, Job, Sample, median_of
from stores import Work, connect_duckdb, connect_kalam, connect_sqlite

SUM = "SELECT SUM(id), COUNT(score) FROM"


def answer(found: list[tuple[int, int]]) -> list[int]:
    return [int(value) for value in found[0]]


def kalam(store: str, work: Work) -> Sample:
    con = connect_kalam(work.store(store))
    seconds, found = median_of(lambda: con.execute(f"{SUM} chat.messages").fetchall())
    return Sample(work.rows / seconds, answer=answer(found))


def sqlite(work: Work) -> Sample:
    con = connect_sqlite(work.store("sqlite"))
    seconds, found = median_of(lambda: con.execute(f"{SUM} messages").fetchall())
    return Sample(work.rows / seconds, answer=answer(found))


def duckdb(work: Work) -> Sample:
    con = connect_duckdb(work.store("duckdb"))
    seconds, found = median_of(lambda: con.execute(f"{SUM} messages").fetchall())
    return Sample(work.rows / seconds, answer=answer(found))


JOB = Job(
    title="Scan of two columns",
    unit="rows/s",
    cases=(
        Case("KalamDB, hot", partial(kalam, "kalam_hot"), ("kalam_hot",)),
        Case("KalamDB, cold", partial(kalam, "kalam_cold"), ("kalam_cold",)),
        Case("SQLite", sqlite, ("sqlite",)),
        Case("DuckDB", duckdb, ("duckdb",)),
    ),
    note="SUM of one column and COUNT of another over all rows.",
)
