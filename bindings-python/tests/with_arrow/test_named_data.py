"""Arrow data as inputs of statements and as sets of parameters, and tables that are made of it."""

import datetime
import decimal
import uuid

import duckdb
import kalamdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

COLUMNS = {"id": [1, 2, 99], "extra": ["one", None, "none"]}


@pytest.mark.parametrize(
    "data",
    [
        pa.table(COLUMNS),
        pa.record_batch(COLUMNS),
        pl.DataFrame(COLUMNS),
        pd.DataFrame(COLUMNS),
        pd.DataFrame(COLUMNS).convert_dtypes(dtype_backend="pyarrow"),
        {"id": pa.array([1, 2, 99]), "extra": pl.Series(["one", None, "none"])},
    ],
    ids=["table", "batch", "polars", "pandas", "pandas of arrow", "dict of arrays"],
)
def test_any_frame_is_an_input(numbers, data):
    query = "SELECT name, extra FROM app.numbers n JOIN given g USING (id) ORDER BY id"
    assert numbers.execute(query, data={"given": data}).fetchall() == [("n1", "one"), ("n2", None)]
    numbers.register("given", data)
    assert len(numbers.execute(query).arrow()) == 2
    if not isinstance(data, dict):
        assert numbers.executemany("UPDATE app.numbers SET name = $2 WHERE id = $1", data) == 2


def test_a_relation_of_duckdb_and_a_reader_are_inputs(db):
    relation = duckdb.sql("SELECT range AS x FROM range(5000)")
    assert db.execute("SELECT SUM(x) FROM r", data={"r": relation}).fetchone() == (12_497_500,)
    batches = [pa.record_batch({"x": [n]}) for n in range(3)]
    reader = pa.RecordBatchReader.from_batches(batches[0].schema, batches)
    assert db.execute("SELECT SUM(x) FROM r", data={"r": reader}).fetchone() == (3,)


def test_rows_of_arrow_are_sets_of_parameters_by_place_or_by_name(numbers):
    table = pa.table({"name": ["a", "b"], "id": [100, 101], "unused": [1, 2]})
    named = "INSERT INTO app.numbers VALUES (:id, :name)"
    assert numbers.executemany(named, table) == 2
    assert numbers.prepare(named).executemany(table.set_column(1, "id", pa.array([102, 103]))) == 2
    with numbers.cursor() as cursor:
        cursor.executemany("DELETE FROM app.numbers WHERE id = ?", pa.table({"x": [100, 101]}))
        assert cursor.rowcount == 2
    encoded = pa.table({"id": [104], "name": pa.array(["coded"]).dictionary_encode()})
    assert numbers.executemany("INSERT INTO app.numbers VALUES (?, ?)", encoded) == 1
    rows = numbers.execute("SELECT * FROM app.numbers WHERE id >= 100 ORDER BY id").fetchall()
    assert rows == [(102, "a"), (103, "b"), (104, "coded")]


def test_sets_of_arrow_that_do_not_fit_write_nothing(numbers):
    insert = "INSERT INTO app.numbers VALUES (:id, :name)"
    for table, state in [
        (pa.table({"id": [100]}), "42P02"),
        (pa.table({"id": [100, 1], "name": ["a", "b"]}), "23505"),
        (pa.table({"id": [100], "name": [{"a": 1}]}), None),
    ]:
        with pytest.raises(kalamdb.DatabaseError) as raised:
            numbers.executemany(insert, table)
        assert state in (None, raised.value.sqlstate)
    assert numbers.execute("SELECT COUNT(*) FROM app.numbers").fetchone() == (10,)


def test_a_table_keeps_every_type_that_it_can_hold(db):
    table = pa.table(
        {
            "b": [True], "i": pa.array([1], pa.int16()), "u": pa.array([2], pa.uint32()), "f": [1.5],
            "d": [decimal.Decimal("1.25")], "t": pa.array(["x"], pa.large_string()), "y": [b"\0"],
            "day": [datetime.date(2024, 2, 29)], "at": pa.array([datetime.datetime(2024, 2, 29)], pa.timestamp("ns")),
            "zoned": pa.array([datetime.datetime(2024, 2, 29)], pa.timestamp("ms", "Europe/Berlin")),
            "l": [[1, 2]], "v": pa.array([[0.5, 1]], pa.list_(pa.float32(), 2)),
            "c": pa.array(["a"]).dictionary_encode(), "nothing": pa.nulls(1),
        }
    )  # fmt: skip
    db.create_table("app.made", table)
    query = "SELECT column_name, kalam_type FROM information_schema.columns WHERE table_name = 'made'"
    assert dict(db.execute(query).fetchall()) == {
        "b": "BOOLEAN", "i": "SMALLINT", "u": "BIGINT", "f": "DOUBLE", "d": "DECIMAL(3, 2)", "t": "TEXT",
        "y": "BYTES", "day": "DATE", "at": "TIMESTAMP", "zoned": "DATETIME", "l": "BIGINT[]",
        "v": "EMBEDDING(2)", "c": "TEXT", "nothing": "TEXT",
    }  # fmt: skip
    row = db.execute("SELECT i, u, d, t, at, l, v, c FROM app.made").fetchone()
    assert row == (
        1, 2, decimal.Decimal("1.25"), "x", datetime.datetime(2024, 2, 29), [1, 2], [0.5, 1.0], "a",
    )  # fmt: skip


def test_columns_of_no_type_of_the_database_are_named(db):
    for column in [pa.array([{"a": 1}]), pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64()))]:
        with pytest.raises(kalamdb.DatabaseError) as raised:
            db.create_table("app.made", pa.table({"strange": column}))
        assert raised.value.sqlstate and "strange" in str(raised.value)
    with pytest.raises(kalamdb.NotFoundError):
        db.execute("SELECT * FROM app.made")


def test_uuids_and_their_parameters(db):
    db.execute("CREATE TABLE app.u (id UUID PRIMARY KEY)")
    one = uuid.UUID(int=1)
    table = pa.table({"id": pa.array([one.bytes], pa.binary(16))})
    assert db.executemany("INSERT INTO app.u VALUES (?)", table) == 1
    assert db.execute("SELECT id FROM app.u").fetchall() == [(one,)]
