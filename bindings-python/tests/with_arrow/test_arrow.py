"""pyarrow, out and in."""

import datetime
import decimal
import uuid

import kalamdb
import pyarrow as pa
import pytest

TYPES = {
    "b": ("BOOLEAN", pa.bool_(), True),
    "s": ("SMALLINT", pa.int16(), -(2**15)),
    "i": ("INT", pa.int32(), 2**31 - 1),
    "l": ("BIGINT", pa.int64(), -(2**63)),
    "f": ("FLOAT", pa.float32(), 1.5),
    "d": ("DOUBLE", pa.float64(), 1 / 3),
    "n": ("DECIMAL(38,10)", pa.decimal128(38, 10), decimal.Decimal("-0.0000000001")),
    "t": ("TEXT", pa.string(), "Grüße"),
    "j": ("JSON", pa.string(), '{"a": 1}'),
    "x": ("BYTES", pa.binary(), b"\0\xff"),
    "u": ("UUID", pa.binary(16), uuid.UUID(int=7).bytes),
    "dd": ("DATE", pa.date32(), datetime.date(1969, 12, 31)),
    "dt": ("TIME", pa.time64("us"), datetime.time(23, 59, 59, 999999)),
    "ts": ("TIMESTAMP", pa.timestamp("us"), datetime.datetime(1969, 12, 31, 23, 59)),
    "tz": ("DATETIME", pa.timestamp("us", "UTC"), datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)),
    "v": ("EMBEDDING(2)", pa.list_(pa.field("item", pa.float32(), False), 2), [1.0, -2.5]),
    "a": ("BIGINT[]", pa.list_(pa.int64()), [1, None]),
}


@pytest.fixture
def typed(db):
    columns = ", ".join(f"{name} {sql_type}" for name, (sql_type, _, _) in TYPES.items())
    db.execute(f"CREATE SHARED TABLE app.t (id BIGINT PRIMARY KEY, {columns})")
    return db


def source():
    table = {"id": pa.array([1, 2], pa.int64())}
    for name, (_, arrow_type, value) in TYPES.items():
        table[name] = pa.array([value, None], arrow_type)
    return pa.table(table)


@pytest.mark.parametrize("tier", ["hot", "cold"])
def test_every_type_goes_in_and_comes_out_as_arrow(typed, tier):
    assert typed.append("app.t", source()) == 2
    if tier == "cold":
        typed.flush("app.t")
    table = typed.execute("SELECT * FROM app.t ORDER BY id").arrow()
    assert table.num_rows == 2
    for name, (_, arrow_type, _) in TYPES.items():
        column = table.column(name)
        storage = column.type.storage_type if isinstance(column.type, pa.BaseExtensionType) else column.type
        assert storage == arrow_type, name
        ours = column.combine_chunks()
        plain = ours.storage if isinstance(ours, pa.ExtensionArray) else ours
        assert plain.to_pylist() == source().column(name).to_pylist(), name


@pytest.mark.parametrize("tier", ["hot", "cold"])
def test_an_embedding_that_is_null_has_no_null_items(typed, tier):
    """The items are declared as not null, and others rely on it."""
    typed.append("app.t", source().select(["id", "v"]))
    if tier == "cold":
        typed.flush("app.t")
    column = typed.execute("SELECT v FROM app.t ORDER BY id").arrow().column("v").chunk(0)
    assert (column.null_count, column.values.null_count) == (1, 0)


@pytest.mark.parametrize(
    "form",
    [
        lambda table: table,
        lambda table: table.to_batches()[0],
        lambda table: table.to_reader(),
        lambda table: dict(zip(table.column_names, table.columns, strict=True)),
        lambda table: {name: table.column(name).combine_chunks() for name in table.column_names},
        lambda table: table.to_pylist(),
        lambda table: table.slice(0, 1).to_batches()[0].to_struct_array(),
    ],
    ids=["table", "batch", "reader", "chunked arrays", "arrays", "dicts", "struct array"],
)
def test_every_form_of_arrow_data_is_taken(numbers, form):
    table = pa.table({"name": ["a", "b"], "id": pa.array([10, 11])})
    data = form(table)
    rows = numbers.append("app.numbers", data)
    stored = numbers.execute("SELECT id, name FROM app.numbers WHERE id >= 10 ORDER BY id").fetchall()
    assert stored == [(10, "a"), (11, "b")][:rows] and rows >= 1


@pytest.mark.parametrize(
    "arrow_type", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())], ids=str
)
def test_text_in_other_layouts_is_taken(numbers, arrow_type):
    table = pa.table({"id": [10, 11], "name": pa.array(["a", None]).cast(arrow_type)})
    assert numbers.append("app.numbers", table) == 2
    rows = numbers.execute("SELECT name FROM app.numbers WHERE id >= 10 ORDER BY id").fetchall()
    assert rows == [("a",), (None,)]


def test_a_reader_over_python_code_may_use_the_database_and_may_fail(numbers):
    schema = pa.schema({"id": pa.int64(), "name": pa.string()})

    def batches(fail):
        (top,) = numbers.execute("SELECT max(id) FROM app.numbers").fetchone()
        yield pa.record_batch([[top + 1], ["x"]], schema=schema)
        if fail:
            raise LookupError("source is gone")

    reader = pa.RecordBatchReader.from_batches(schema, batches(fail=False))
    assert numbers.append("app.numbers", reader) == 1
    reader = pa.RecordBatchReader.from_batches(schema, batches(fail=True))
    with pytest.raises(kalamdb.Error, match="source is gone"):
        numbers.append("app.numbers", reader)
    assert numbers.execute("SELECT count(*) FROM app.numbers").fetchone() == (11,)


def test_a_single_array_is_no_table(numbers):
    with pytest.raises(kalamdb.DataError, match="not a table"):
        numbers.append("app.numbers", pa.array([1, 2]))
    with pytest.raises(kalamdb.DataError, match="not a table"):
        numbers.append("app.numbers", pa.chunked_array([[1, 2]]))


def test_rows_and_arrow_share_one_cursor(numbers):
    result = numbers.execute("SELECT id FROM app.numbers ORDER BY id")
    assert result.fetchmany(3) == [(0,), (1,), (2,)]
    assert result.arrow().column("id").to_pylist() == list(range(3, 10))
    with pytest.raises(kalamdb.InterfaceError):
        result.fetchone()


def test_the_three_spellings_are_one(numbers):
    for method in ["arrow", "to_arrow_table", "fetch_arrow_table"]:
        table = getattr(numbers.execute("SELECT id FROM app.numbers"), method)()
        assert isinstance(table, pa.Table) and table.num_rows == 10
    for method in ["to_arrow_reader", "fetch_record_batch"]:
        reader = getattr(numbers.execute("SELECT id FROM app.numbers"), method)()
        assert isinstance(reader, pa.RecordBatchReader) and reader.read_all().num_rows == 10


def test_a_table_outlives_everything(numbers):
    table = numbers.execute("SELECT id, name FROM app.numbers ORDER BY id").arrow()
    reader = numbers.execute("SELECT id FROM app.numbers ORDER BY id").to_arrow_reader()
    numbers.close()
    del numbers
    assert table.column("name").to_pylist()[-1] == "n9"
    assert reader.read_all().column("id").to_pylist() == list(range(10))


def test_an_empty_result_is_an_empty_table(numbers):
    table = numbers.execute("SELECT id, name FROM app.numbers WHERE id < 0").arrow()
    assert table.column_names == ["id", "name"] and table.num_rows == 0


def test_errors_of_the_query_are_ours_in_tables_and_theirs_in_readers(numbers):
    query = "SELECT 1 / (id - 5) FROM app.numbers"
    with pytest.raises(kalamdb.DataError) as caught:
        numbers.execute(query).arrow()
    assert caught.value.sqlstate == "22012"
    reader = numbers.execute(query).to_arrow_reader()
    with pytest.raises((pa.ArrowException, OSError), match="22012"):
        reader.read_all()


def test_a_consumer_may_ask_for_another_schema(numbers):
    wanted = pa.schema({"id": pa.float64(), "name": pa.large_string()})
    result = numbers.execute("SELECT id, name FROM app.numbers ORDER BY id")
    reader = pa.RecordBatchReader.from_stream(result, schema=wanted)
    assert reader.schema.types == wanted.types
    assert reader.read_all().column("id").to_pylist() == [float(i) for i in range(10)]


def test_the_schema_is_readable_by_pyarrow(numbers):
    result = numbers.execute("SELECT id, name FROM app.numbers")
    assert pa.schema(result.schema).names == ["id", "name"]
    assert pa.schema(result).field("id").type == pa.int64()
