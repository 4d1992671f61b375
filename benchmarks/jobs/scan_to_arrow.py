"""SELECT * of every row to an Arrow table."""

from functools import partial

from measure import Case, Goal, Job, Sample, median_of
from stores import Work, connect_duckdb, connect_kalam


def kalam(store: str, work: Work) -> Sample:
    con = connect_kalam(work.store(store))
    seconds, table = median_of(lambda: con.execute("SELECT * FROM chat.messages").arrow())
    return Sample(seconds * 1e3, answer=[table.num_rows, table.num_columns])


def duckdb(work: Work) -> Sample:
    con = connect_duckdb(work.store("duckdb"))
    seconds, table = median_of(lambda: con.sql("SELECT * FROM messages").to_arrow_table())
    return Sample(seconds * 1e3, answer=[table.num_rows, table.num_columns])


JOB = Job(
    title="SELECT * to an Arrow table",
    unit="ms",
    cases=(
        Case("KalamDB, hot", partial(kalam, "kalam_hot"), ("kalam_hot",)),
        Case("KalamDB, cold", partial(kalam, "kalam_cold"), ("kalam_cold",)),
        Case("DuckDB", duckdb, ("duckdb",)),
    ),
    goals=(Goal("KalamDB, cold", "DuckDB", at_most=0.5),),
    tried=(
        "Most is decoding of Parquet pages. Columns that compression makes little smaller are "
        "stored without it. Threads that read row groups side by side made it slower on two "
        "cores, by a fifth at least."
    ),
)
