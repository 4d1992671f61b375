"""The Arrow C interface, read without any Arrow library."""

import c_interface
import kalamdb


def test_a_result_exports_its_schema(numbers):
    result = numbers.execute("SELECT id, name FROM app.numbers")
    for exporter in [result, result.schema]:
        capsule = exporter.__arrow_c_schema__()
        schema = c_interface.schema(capsule)
        assert schema.format == b"+s" and schema.n_children == 2
        columns = [schema.children[i].contents for i in range(2)]
        assert [column.name for column in columns] == [b"id", b"name"]
        assert columns[0].format == b"l"


def test_rows_that_were_fetched_are_gone_for_arrow(numbers):
    result = numbers.execute("SELECT id, name FROM app.numbers ORDER BY id")
    assert result.fetchmany(4)[-1] == (3, "n3")
    batch = c_interface.Batch(result)
    assert batch.array.length == 6 and batch.array.n_children == 2
    batch.array.release(batch.array)


def test_a_stream_ends_with_a_released_array(numbers):
    capsule = numbers.execute("SELECT id FROM app.numbers WHERE id < 0").__arrow_c_stream__()
    stream, array = c_interface.stream(capsule), c_interface.Array()
    for _ in range(3):
        assert stream.get_next(stream, array) == 0
        assert not array.release
    assert stream.get_last_error(stream) is None


def test_a_failure_in_the_stream_has_sqlstate_and_text_and_ends_it(numbers):
    capsule = numbers.execute("SELECT 1 / (id - id) FROM app.numbers").__arrow_c_stream__()
    stream, array = c_interface.stream(capsule), c_interface.Array()
    errno = stream.get_next(stream, array)
    assert errno != 0
    assert stream.get_last_error(stream).startswith(b"[22012] ")
    assert stream.get_next(stream, array) == errno


def test_an_error_text_with_a_zero_byte_does_not_abort(numbers):
    numbers.execute("INSERT INTO app.numbers VALUES (10, ?)", ["a\0b"])
    query = "SELECT CAST(name AS BIGINT) FROM app.numbers WHERE id = 10"
    capsule = numbers.execute(query).__arrow_c_stream__()
    stream, array = c_interface.stream(capsule), c_interface.Array()
    assert stream.get_next(stream, array) != 0
    assert len(stream.get_last_error(stream)) > 10


def test_a_stream_outlives_connection_and_result():
    db = kalamdb.connect()
    result = db.execute("SELECT 7 AS seven")
    capsule = result.__arrow_c_stream__()
    db.close()
    del db, result
    stream, array = c_interface.stream(capsule), c_interface.Array()
    assert stream.get_next(stream, array) == 0
    assert array.length == 1
    array.release(array)
