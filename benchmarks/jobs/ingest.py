"""Arrow data into a table with a primary key."""

import pyarrow.parquet as pq

from measure import Case, Goal, Job, Sample, once
from stores import DUCKDB_TABLE, Work, connect_duckdb, connect_kalam, create_kalam


def kalam(work: Work) -> Sample:
    messages = work.messages()
    with work.scratch() as store:
        con = connect_kalam(store)
        create_kalam(con)
        seconds = once(lambda: con.append("chat.messages", messages))
        found = con.execute("SELECT COUNT(*), SUM(id) FROM chat.messages").fetchall()
        con.close()
    return Sample(work.rows / seconds, answer=[int(value) for value in found[0]])


def duckdb(work: Work) -> Sample:
    with work.scratch() as store:
        con = connect_duckdb(store)
        con.execute(DUCKDB_TABLE)
        con.register("arrow", work.messages())
        seconds = once(lambda: con.execute("INSERT INTO messages SELECT * FROM arrow"))
        found = con.execute("SELECT COUNT(*), SUM(id) FROM messages").fetchall()
        con.close()
    return Sample(work.rows / seconds, answer=[int(value) for value in found[0]])


def parquet(work: Work) -> Sample:
    messages = work.messages()
    with work.scratch() as store:
        file = store / "messages.parquet"
        seconds = once(lambda: pq.write_table(messages, file, compression="zstd"))
    return Sample(work.rows / seconds)


JOB = Job(
    title="Bulk ingest of Arrow data with key check",
    unit="rows/s",
    cases=(
        Case("KalamDB", kalam),
        Case("DuckDB", duckdb),
        Case("PyArrow to a Parquet file", parquet),
    ),
    goals=(Goal("KalamDB", "DuckDB", at_least=2.0),),
    note="Into an empty table, durable when the call returns; PyArrow neither checks nor syncs.",
)
