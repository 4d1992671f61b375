"""SELECT * of every row to a data frame."""

from collections.abc import Callable
from functools import partial
from typing import Any

from measure import Case, Goal, Job, Sample, median_of
from stores import Work, connect_duckdb, connect_kalam


def kalam(store: str, frame: Callable[[Any], Any], work: Work) -> Sample:
    con = connect_kalam(work.store(store))
    seconds, found = median_of(lambda: frame(con.execute("SELECT * FROM chat.messages")), times=3)
    return Sample(seconds * 1e3, answer=list(found.shape))


def duckdb(frame: Callable[[Any], Any], work: Work) -> Sample:
    con = connect_duckdb(work.store("duckdb"))
    seconds, found = median_of(lambda: frame(con.sql("SELECT * FROM messages")), times=3)
    return Sample(seconds * 1e3, answer=list(found.shape))


def polars(result: Any) -> Any:
    return result.pl()


def pandas(result: Any) -> Any:
    return result.df()


JOB = Job(
    title="SELECT * to a data frame",
    unit="ms",
    cases=(
        Case("KalamDB, cold, to polars", partial(kalam, "kalam_cold", polars), ("kalam_cold",)),
        Case("KalamDB, cold, to pandas", partial(kalam, "kalam_cold", pandas), ("kalam_cold",)),
        Case("DuckDB, to polars", partial(duckdb, polars), ("duckdb",)),
        Case("DuckDB, to pandas", partial(duckdb, pandas), ("duckdb",)),
    ),
    goals=(
        Goal("KalamDB, cold, to polars", "DuckDB, to polars", at_most=0.5),
        Goal("KalamDB, cold, to pandas", "DuckDB, to pandas", at_most=0.5),
    ),
    note="KalamDB's pandas frames are backed by Arrow, DuckDB's are not. That no byte of a column is copied"
    " is shown by bindings-python/tests/with_arrow/test_zero_copy.py, which compares addresses.",
    rounds=3,
    tried=(
        "As for the scan to Arrow; polars then reads the batches as they are."
    ),
)
