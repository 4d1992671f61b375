"""Bytes of the closed database."""

from functools import partial

from measure import Case, Goal, Job, Sample
from stores import Work, disk_bytes


def size(store: str, work: Work) -> Sample:
    return Sample(disk_bytes(work.store(store)) / 1e6)


def case(system: str, store: str) -> Case:
    return Case(system, partial(size, store), (store,))


JOB = Job(
    title="Size on disk",
    unit="MB",
    cases=(
        case("KalamDB, hot", "kalam_hot"),
        case("KalamDB, flushed", "kalam_cold"),
        case("SQLite", "sqlite"),
        case("DuckDB", "duckdb"),
        case("Plain Parquet, zstd", "parquet"),
    ),
    goals=(Goal("KalamDB, flushed", "DuckDB", at_most=0.5),),
    note="SQLite has an index on (user_id, id) beside the table.",
)
