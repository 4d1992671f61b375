"""GROUP BY over every row, KalamDB's segments read by both engines."""

from functools import partial
from typing import Any

import duckdb

from measure import Case, Goal, Sample, median_of
from stores import Work, connect_duckdb, connect_kalam, connect_sqlite, segments


def statement(column: str, table: str) -> str:
    return (f"SELECT {column}, COUNT(*), AVG(score), MAX(id) FROM {table}"
            f" GROUP BY {column} ORDER BY {column}")


def sample(found: tuple[float, list[tuple[Any, ...]]], compare: bool = True) -> Sample:
    seconds, rows = found
    answer = [[key, count, round(mean, 9), last] for key, count, mean, last in rows]
    return Sample(seconds * 1e3, answer=hash_of(answer) if compare else None)


def hash_of(answer: list[list[Any]]) -> list[Any]:
    """A short form of a long answer: how many groups, their sums, the first and last."""
    sums = [sum(line[at] for line in answer) for at in (1, 3)]
    return [len(answer), *sums, answer[0][0], answer[-1][0]]


def kalam(store: str, column: str, work: Work) -> Sample:
    con = connect_kalam(work.store(store))
    sql = statement(column, "chat.messages")
    return sample(median_of(lambda: con.execute(sql).fetchall()), compare=store != "kalam_mixed")


def duckdb_native(column: str, work: Work) -> Sample:
    con = connect_duckdb(work.store("duckdb"))
    sql = statement(column, "messages")
    return sample(median_of(lambda: con.execute(sql).fetchall()))


def duckdb_parquet(column: str, work: Work) -> Sample:
    con = duckdb.connect()
    sql = statement(column, f"read_parquet({segments(work.store('kalam_cold'))})")
    return sample(median_of(lambda: con.execute(sql).fetchall()))


def sqlite(column: str, work: Work) -> Sample:
    con = connect_sqlite(work.store("sqlite"))
    sql = statement(column, "messages")
    return sample(median_of(lambda: con.execute(sql).fetchall(), times=3))


def cases(column: str) -> tuple[Case, ...]:
    return (
        Case("KalamDB, cold", partial(kalam, "kalam_cold", column), ("kalam_cold",)),
        Case("KalamDB, mixed", partial(kalam, "kalam_mixed", column), ("kalam_mixed",)),
        Case("DuckDB, same Parquet", partial(duckdb_parquet, column), ("kalam_cold",)),
        Case("DuckDB, native", partial(duckdb_native, column), ("duckdb",)),
        Case("SQLite", partial(sqlite, column), ("sqlite",)),
    )


GOALS = (
    Goal("KalamDB, cold", "DuckDB, same Parquet", at_most=1.0),
    Goal("KalamDB, mixed", "KalamDB, cold", at_most=1.25),
)
NOTE = "Mixed: 5 % of the rows hot, 5 % of all deleted."
