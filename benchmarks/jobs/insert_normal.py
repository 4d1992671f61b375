"""One INSERT that a power failure may take back, a crash of the process not."""

from functools import partial

from jobs import insert
from measure import Case, Goal, Job

COUNT = 5_000

JOB = Job(
    title="One INSERT, normal",
    unit="us",
    cases=(
        Case("KalamDB, normal", partial(insert.kalam, "normal", COUNT), ("kalam_hot",)),
        Case("SQLite, WAL, NORMAL", partial(insert.sqlite, "NORMAL", COUNT), ("sqlite",)),
    ),
    goals=(Goal("KalamDB, normal", "SQLite, WAL, NORMAL", at_most=0.5),),
    tried=(
        "Of a statement a quarter is RocksDB's write, half of that the system call that "
        "appends to the log; a tenth is the lookup that the key is new. A row of plain values "
        "is written without Arrow arrays. Committing past the queue where nobody else commits "
        "spares four of 32 allocations, and less time than can be measured."
    ),
)
