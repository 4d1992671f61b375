"""The databases of TPC-H, from the same Parquet files."""

from pathlib import Path

import duckdb

import tpch
from stores import Work, connect_duckdb, connect_kalam, segments

FULL_SCALE = 1.0
# With fewer messages than a full run has, the tables are smaller too.
FULL_ROWS = 1_000_000


def scale(work: Work) -> float:
    return FULL_SCALE * min(1.0, max(0.01, work.rows / FULL_ROWS))


def build_files(work: Work, store: Path) -> None:
    tpch.generate(store, scale(work))


def build_kalam(work: Work, store: Path) -> None:
    con = connect_kalam(store, "normal")
    con.execute("CREATE NAMESPACE tpch")
    con.execute("USE tpch")
    with duckdb.connect() as files:
        for table, columns in tpch.TABLES.items():
            con.execute(f"CREATE TABLE {table} ({columns})")
            source = work.store("tpch_files") / f"{table}.parquet"
            con.append(table, files.read_parquet(str(source)).to_arrow_reader())
    con.execute("STORAGE FLUSH ALL")
    con.close()


def build_duckdb(work: Work, store: Path) -> None:
    """Without keys, which would only cost DuckDB time."""
    con = connect_duckdb(store)
    for table in tpch.TABLES:
        source = work.store("tpch_files") / f"{table}.parquet"
        con.execute(f"CREATE TABLE {table} AS FROM '{source}'")
    con.execute("CHECKPOINT")
    con.close()


def segments_of(work: Work, table: str) -> list[str]:
    """KalamDB's files of a table."""
    return segments(work.store("kalam_tpch") / "db" / "segments" / "tpch" / table)


BUILDERS = {
    "tpch_files": build_files,
    "kalam_tpch": build_kalam,
    "duckdb_tpch": build_duckdb,
}
