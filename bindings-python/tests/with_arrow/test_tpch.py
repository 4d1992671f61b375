"""All queries of TPC-H at a small scale, answered as DuckDB answers them, hot and flushed."""

import sys
from pathlib import Path

import duckdb
import kalamdb
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

import tpch  # noqa: E402 - it is beside the benchmarks

QUERIES = tpch.queries()
SCALE = 0.01


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tpch")
    tpch.generate(folder, SCALE)
    return folder


@pytest.fixture(scope="module")
def duck(files):
    with duckdb.connect() as con:
        for table in tpch.TABLES:
            con.execute(f"CREATE TABLE {table} AS FROM '{files / table}.parquet'")
        yield con


@pytest.fixture(scope="module", params=["hot", "flushed"])
def kalam(files, request):
    """Rows of the larger tables go to segments at once; those of the others are hot first."""
    with kalamdb.connect() as con:
        con.execute("CREATE NAMESPACE tpch")
        con.execute("USE tpch")
        for table, columns in tpch.TABLES.items():
            con.execute(f"CREATE TABLE {table} ({columns})")
            con.append(table, pq.read_table(files / f"{table}.parquet"))
        if request.param == "flushed":
            con.execute("STORAGE FLUSH ALL")
        yield con


def test_all_queries_are_there():
    assert list(QUERIES) == [f"Q{number}" for number in range(1, 23)]


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_of_tpch_has_the_answer_of_duckdb(kalam, duck, name):
    found = kalam.execute(QUERIES[name]).fetchall()
    expected = duck.execute(QUERIES[name]).fetchall()
    assert expected, "an empty answer would compare nothing"
    assert tpch.agree(found, expected), (found[:3], expected[:3])


def test_answers_that_differ_are_told():
    assert tpch.agree([(1, "a", 0.1)], [(1, "a", 0.1000001)])
    assert not tpch.agree([(1, "a", 0.1)], [(1, "a", 0.2)])
    assert not tpch.agree([(1,), (2,)], [(2,), (1,)])
    assert not tpch.agree([(1,)], [])
