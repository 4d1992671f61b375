"""pandas, polars, numpy and DuckDB, out and in."""

import datetime

import duckdb
import kalamdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest


def rows(db):
    return db.execute("SELECT id, name FROM app.numbers WHERE id >= 10 ORDER BY id").fetchall()


def test_polars_out(numbers):
    for method in ["pl", "to_polars", "fetch_polars"]:
        result = numbers.execute("SELECT id, name FROM app.numbers ORDER BY id")
        result.fetchone()
        frame = getattr(result, method)()
        assert isinstance(frame, pl.DataFrame)
        assert frame.schema == {"id": pl.Int64, "name": pl.String}
        assert frame["id"].to_list() == list(range(1, 10))


def test_polars_in(numbers):
    frame = pl.DataFrame({"id": [10, 11], "name": ["a", None]})
    assert numbers.append("app.numbers", frame) == 2
    assert numbers.append("app.numbers", {"id": pl.Series([12]), "name": pl.Series(["c"])}) == 1
    assert rows(numbers) == [(10, "a"), (11, None), (12, "c")]


def test_pandas_out(numbers):
    for method in ["df", "to_pandas", "fetch_df"]:
        result = numbers.execute("SELECT id, name FROM app.numbers ORDER BY id")
        frame = getattr(result, method)()
        assert isinstance(frame, pd.DataFrame)
        assert all(isinstance(dtype, pd.ArrowDtype) for dtype in frame.dtypes)
        assert frame["name"].tolist() == [f"n{i}" for i in range(10)]


def test_pandas_in(numbers):
    frame = pd.DataFrame({"id": [10, 11], "name": ["a", None]})
    assert numbers.append("app.numbers", frame) == 2
    assert numbers.append("app.numbers", {"id": pd.Series([12]), "name": pd.Series(["c"])}) == 1
    assert rows(numbers) == [(10, "a"), (11, None), (12, "c")]


def test_duckdb_in_and_out(numbers):
    with duckdb.connect() as duck:
        relation = duck.sql("SELECT i AS id, 'd' || i AS name FROM range(10, 13) t(i)")
        assert numbers.append("app.numbers", relation) == 3
        assert rows(numbers) == [(10, "d10"), (11, "d11"), (12, "d12")]
        ours = numbers.execute("SELECT id FROM app.numbers").to_arrow_reader()
        assert duck.sql("SELECT sum(id) FROM ours").fetchall() == [(sum(range(13)),)]


def test_numpy_out(db):
    db.execute("CREATE SHARED TABLE app.n (id BIGINT PRIMARY KEY, i INT, d DOUBLE, t TEXT, at TIMESTAMP, v EMBEDDING(2), b BOOLEAN)")
    at = datetime.datetime(2024, 1, 1)
    db.executemany(
        "INSERT INTO app.n VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(1, 2**31 - 1, 0.5, "a", at, [1.0, 2.0], True), (2, None, None, None, None, [3.0, 4.0], None)],
    )
    arrays = db.execute("SELECT * FROM app.n ORDER BY id").to_numpy()
    assert arrays["id"].tolist() == [1, 2] and not np.ma.is_masked(arrays["id"])
    assert arrays["i"].dtype == np.int32 and arrays["i"].tolist() == [2**31 - 1, None]
    assert arrays["d"].tolist() == [0.5, None] and arrays["b"].tolist() == [True, None]
    assert arrays["t"].tolist() == ["a", None]
    assert arrays["at"].dtype == np.dtype("datetime64[us]")
    assert arrays["at"].mask.tolist() == [False, True] and arrays["at"][0] == np.datetime64(at)
    assert arrays["v"].dtype == np.float32 and arrays["v"].tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_numpy_in_as_columns(db):
    db.execute("CREATE SHARED TABLE app.n (id BIGINT PRIMARY KEY, f FLOAT, b BOOLEAN, t TEXT, at TIMESTAMP, v EMBEDDING(2))")
    data = {
        "id": np.arange(4)[::2],
        "f": np.array([1.5, -2.0], np.float32),
        "b": np.array([True, False]),
        "t": np.array(["a", "b"]),
        "at": np.array(["2024-01-01T00:00:00.000000001", "NaT"], "datetime64[ns]"),
        "v": np.array([[1, 2], [3, 4]], np.float64),
    }
    assert db.append("app.n", data) == 2
    assert db.execute("SELECT * FROM app.n ORDER BY id").fetchall() == [
        (0, 1.5, True, "a", datetime.datetime(2024, 1, 1), [1.0, 2.0]),
        (2, -2.0, False, "b", None, [3.0, 4.0]),
    ]


def test_numpy_in_as_parameters(db):
    row = db.execute(
        "SELECT ?, ?, ?, ?, ?",
        [np.int8(-5), np.float32(0.5), np.bool_(True), np.str_("x"), np.datetime64("2024-01-01T00:00", "ns")],
    ).fetchone()
    assert row == (-5, 0.5, True, "x", datetime.datetime(2024, 1, 1))
    db.execute("CREATE SHARED TABLE app.n (id BIGINT PRIMARY KEY, v EMBEDDING(3))")
    for key, dtype in enumerate([np.float16, np.float32, np.float64, np.int64, np.int32, np.uint8]):
        db.execute("INSERT INTO app.n VALUES (?, ?)", [key, np.array([1, 2, 3], dtype)])
    assert set(map(tuple, (v for (v,) in db.execute("SELECT v FROM app.n")))) == {(1.0, 2.0, 3.0)}
    with pytest.raises(kalamdb.DataError):
        db.execute("SELECT ?", [np.uint64(2**63)])


def test_not_a_time_is_null(db):
    assert db.execute("SELECT ? IS NULL, ? IS NULL", [pd.NaT, np.datetime64("NaT")]).fetchone() == (True, True)


def test_frames_refuse_names_that_hide_each_other(numbers):
    query = "SELECT a.id, b.id FROM app.numbers a JOIN app.numbers b ON a.id = b.id"
    for method in ["pl", "to_numpy"]:
        with pytest.raises(kalamdb.Error, match='"id" is there twice'):
            getattr(numbers.execute(query), method)()
    assert numbers.execute(query).arrow().column_names == ["id", "id"]


def test_errors_of_the_query_are_ours(numbers):
    for method in ["pl", "df", "to_numpy"]:
        with pytest.raises(kalamdb.DataError) as caught:
            getattr(numbers.execute("SELECT 1 / (id - 5) FROM app.numbers"), method)()
        assert caught.value.sqlstate == "22012"


def test_polars_and_pandas_read_a_result_by_themselves(numbers):
    assert pl.DataFrame(numbers.execute("SELECT id FROM app.numbers")).height == 10
    assert pa.table(numbers.execute("SELECT id FROM app.numbers")).num_rows == 10
    assert len(pd.DataFrame.from_arrow(numbers.execute("SELECT id FROM app.numbers"))) == 10
