"""One durable INSERT: acknowledged after the device has it."""

from functools import partial

from jobs import insert
from measure import Case, Goal, Job

COUNT = 1_000

JOB = Job(
    title="One durable INSERT",
    unit="us",
    cases=(
        Case("KalamDB, full", partial(insert.kalam, "full", COUNT), ("kalam_hot",)),
        Case("SQLite, WAL, FULL", partial(insert.sqlite, "FULL", COUNT), ("sqlite",)),
        Case("DuckDB", partial(insert.duckdb, COUNT), ("duckdb",)),
    ),
    goals=(Goal("KalamDB, full", "SQLite, WAL, FULL", at_most=1.0),),
    note="Single rows with new keys into a table that has all the others.",
    tried=(
        "Both wait for one sync of the log. What is beside it was not taken apart."
    ),
)
