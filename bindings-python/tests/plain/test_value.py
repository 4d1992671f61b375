"""Every type, in through parameters and out through rows."""

import array
import datetime
import decimal
import enum
import uuid

import kalamdb
import pytest

D = decimal.Decimal
UTC = datetime.UTC
TYPES = [
    ("BOOLEAN", [True, False]),
    ("SMALLINT", [0, -(2**15), 2**15 - 1]),
    ("INT", [0, -(2**31), 2**31 - 1]),
    ("BIGINT", [0, -(2**63), 2**63 - 1]),
    ("FLOAT", [0.0, 1.5, -0.25, float("inf"), float("-inf")]),
    ("DOUBLE", [0.0, 1 / 3, 5e-324, 1.7976931348623157e308, float("inf"), float("-inf")]),
    ("DECIMAL(38, 10)", [D("0E-10"), D("9999999999999999999999999999.9999999999"), D("-0.0000000001")]),
    ("DECIMAL(5, 2)", [D("123.45"), D("-999.99")]),
    ("TEXT", ["", "plain", "zero \0 inside", "Grüße, 世界 🎈", "x" * 1_000_000]),
    ("JSON", ['{"a": [1, null]}', '"text"', "null"]),
    ("BYTES", [b"", b"\0\xff\0", bytes(range(256))]),
    ("UUID", [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), uuid.UUID("12345678-1234-5678-1234-567812345678")]),
    ("DATE", [datetime.date.min, datetime.date(1969, 12, 31), datetime.date.max]),
    ("TIME", [datetime.time.min, datetime.time(12, 30, 15, 123456), datetime.time.max]),
    (
        "TIMESTAMP",
        [
            datetime.datetime.min,
            datetime.datetime(1969, 12, 31, 23, 59, 59, 999999),
            datetime.datetime(2024, 2, 29, 12, 0, 0, 1),
            datetime.datetime.max,
        ],
    ),
    (
        "DATETIME",
        [
            datetime.datetime.min.replace(tzinfo=UTC),
            datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
            datetime.datetime.max.replace(tzinfo=UTC),
        ],
    ),
    ("EMBEDDING(3)", [[0.0, 1.5, -2.0]]),
    ("BIGINT[]", [[1, -(2**63)], [], [None, 3]]),
    ("TEXT[]", [["a", "", None]]),
    ("DOUBLE[]", [[0.5, None]]),
]


@pytest.mark.parametrize(("sql_type", "values"), TYPES, ids=[sql_type for sql_type, _ in TYPES])
@pytest.mark.parametrize("tier", ["hot", "cold"])
def test_values_come_back_as_they_went_in(db, sql_type, values, tier):
    db.execute(f"CREATE SHARED TABLE app.t (id BIGINT PRIMARY KEY, v {sql_type})")
    values = [*values, None]
    db.executemany("INSERT INTO app.t VALUES (?, ?)", list(enumerate(values)))
    if tier == "cold":
        db.flush("app.t")
    result = db.execute("SELECT v FROM app.t ORDER BY id")
    assert result.schema.types == [sql_type]
    rows = [value for (value,) in result]
    assert rows == values
    assert [type(value) for value in rows] == [type(value) for value in values]


def test_nan_stays_nan(db):
    db.execute("CREATE SHARED TABLE app.t (id BIGINT PRIMARY KEY, f FLOAT, d DOUBLE)")
    db.execute("INSERT INTO app.t VALUES (1, ?, ?)", [float("nan"), float("nan")])
    f, d = db.execute("SELECT f, d FROM app.t").fetchone()
    assert f != f and d != d


def test_an_aware_datetime_is_stored_as_its_instant(db):
    db.execute("CREATE SHARED TABLE app.t (id BIGINT PRIMARY KEY, v DATETIME)")
    zone = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    moment = datetime.datetime(2024, 1, 1, 2, 0, tzinfo=zone)
    db.execute("INSERT INTO app.t VALUES (1, ?)", [moment])
    (value,) = db.execute("SELECT v FROM app.t").fetchone()
    assert value == moment and value.tzinfo is UTC


def test_values_that_imitate_others_are_taken(db):
    class Colour(enum.IntEnum):
        RED = 3

    class Index:
        def __index__(self):
            return 4

    row = db.execute(
        "SELECT ?, ?, ?, ?", [Colour.RED, Index(), bytearray(b"ab"), memoryview(b"cd")]
    ).fetchone()
    assert row == (3, 4, b"ab", b"cd")
    db.execute("CREATE SHARED TABLE app.t (id BIGINT PRIMARY KEY, v EMBEDDING(2))")
    db.execute("INSERT INTO app.t VALUES (1, ?)", [array.array("f", [1.0, 2.0])])
    db.execute("INSERT INTO app.t VALUES (2, ?)", [(3, 4.5)])
    assert db.execute("SELECT v FROM app.t ORDER BY id").fetchall() == [([1.0, 2.0],), ([3.0, 4.5],)]


def test_parameters_bind_by_position_number_and_name(db):
    assert db.execute("SELECT ?, ?", (1, "a")).fetchone() == (1, "a")
    assert db.execute("SELECT $2, $1", [1, "a"]).fetchone() == ("a", 1)
    named = "SELECT :b AS one, :a AS two, :b AS three"
    assert db.execute(named, {"a": 1, "b": "x"}).fetchone() == ("x", 1, "x")


@pytest.mark.parametrize(
    ("params", "words", "sqlstate"),
    [
        ([1, {"a": 1}], ["parameter 2", '"dict"', "json.dumps"], "22023"),
        ([object()], ["parameter 1", '"object"'], "22023"),
        ({"x": {1, 2}}, ['":x"', '"set"'], "22023"),
        ([2**63], ["parameter 1", "BIGINT"], "22003"),
        ([-(2**63) - 1], ["parameter 1", "BIGINT"], "22003"),
        ([[1, "a"]], ["parameter 1", "mixes"], "22023"),
        ([[[1], [2]]], ["parameter 1", "list of lists"], "22023"),
        ([D("NaN")], ["parameter 1", "NaN"], "22003"),
        ([D("1E+40")], ["parameter 1", "38"], "22003"),
        ([D("1E-39")], ["parameter 1", "38"], "22003"),
        (["\ud800"], ["parameter 1", "surrogate"], "22021"),
        ([datetime.time(1, tzinfo=UTC)], ["parameter 1", "time zone"], "22023"),
        ({1: 2}, ["parameter name", '"int"'], "22023"),
        ("text", ['"str"', "sequence"], "22023"),
        (b"bytes", ['"bytes"', "sequence"], "22023"),
        (5, ['"int"', "sequence"], "22023"),
    ],
)
def test_a_value_without_sql_form_names_type_and_place(db, params, words, sqlstate):
    with pytest.raises(kalamdb.DataError) as caught:
        db.execute("SELECT ?", params)
    assert caught.value.sqlstate == sqlstate
    for word in words:
        assert word in str(caught.value)


def test_an_exception_inside_a_value_comes_through(db):
    class Index:
        def __index__(self):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        db.execute("SELECT ?", [Index()])


def test_intervals_are_months_days_and_nanoseconds(db):
    row = db.execute("SELECT INTERVAL '14 months 3 days 1 second'").fetchone()
    assert row == ((14, 3, 1_000_000_000),)


def test_a_timedelta_is_an_interval(db):
    delta = datetime.timedelta(days=2, microseconds=1)
    assert db.execute("SELECT ?", [delta]).fetchone() == ((0, 2, 1_000),)
    (before, after) = db.execute("SELECT NOW() AS a, NOW() + CAST(? AS INTERVAL) AS b", [delta]).fetchone()
    assert after - before == delta


def test_a_timestamp_outside_of_python_is_an_error_with_a_way_out(db):
    with pytest.raises(kalamdb.DataError, match="range of Python") as caught:
        db.execute("SELECT to_timestamp_micros(9223372036854775807)").fetchall()
    assert "arrow()" in caught.value.hint
