"""Rows: fetching, one cursor, lifetime."""

import gc

import kalamdb
import pytest


def test_rows_come_one_by_one_in_portions_and_all(numbers):
    result = numbers.execute("SELECT id FROM app.numbers ORDER BY id")
    assert result.fetchone() == (0,)
    assert result.fetchmany(3) == [(1,), (2,), (3,)]
    assert result.fetchmany() == [(4,)]
    assert next(result) == (5,)
    assert result.fetchall() == [(6,), (7,), (8,), (9,)]
    assert result.fetchone() is None and result.fetchall() == [] and list(result) == []


def test_iteration_gives_every_row(numbers):
    rows = [name for (name,) in numbers.execute("SELECT name FROM app.numbers ORDER BY id")]
    assert rows == [f"n{i}" for i in range(10)]


def test_a_result_describes_its_columns(numbers):
    result = numbers.execute("SELECT id, name, CAST(1.5 AS DECIMAL(5, 2)) AS price FROM app.numbers")
    assert result.columns == ["id", "name", "price"]
    assert result.schema.names == result.columns and len(result.schema) == 3
    assert result.schema.types == ["BIGINT", "TEXT", "DECIMAL(5, 2)"]
    assert [column[:2] for column in result.description] == [
        ("id", "BIGINT"), ("name", "TEXT"), ("price", "DECIMAL(5, 2)"),
    ]
    assert all(len(column) == 7 for column in result.description)
    assert result.description[2][4:6] == (5, 2)
    assert "price DECIMAL(5, 2)" in repr(result)
    assert result.rowcount == -1


def test_a_write_counts_its_rows_and_has_no_columns(numbers):
    result = numbers.execute("DELETE FROM app.numbers WHERE id < 3")
    assert (result.rowcount, result.description, result.columns) == (3, None, [])
    assert result.fetchall() == [] and result.fetchone() is None
    assert "3 rows" in repr(result)


def test_an_empty_result_still_has_columns(numbers):
    result = numbers.execute("SELECT id, name FROM app.numbers WHERE id > 100")
    assert result.columns == ["id", "name"] and result.fetchall() == []


def test_dicts_have_the_column_names(numbers):
    rows = numbers.execute("SELECT id, name FROM app.numbers WHERE id < 2 ORDER BY id").to_dicts()
    assert rows == [{"id": 0, "name": "n0"}, {"id": 1, "name": "n1"}]


def test_dicts_refuse_names_that_hide_each_other(numbers):
    result = numbers.execute("SELECT a.id, b.id FROM app.numbers a JOIN app.numbers b ON a.id = b.id")
    with pytest.raises(kalamdb.Error, match='"id" is there twice') as caught:
        result.to_dicts()
    assert "AS" in caught.value.hint
    assert len(result.fetchall()) == 10


def test_a_result_outlives_its_connection(numbers):
    result = numbers.execute("SELECT id FROM app.numbers ORDER BY id")
    user = numbers.as_user("alice")
    numbers.close()
    user.close()
    del numbers, user
    gc.collect()
    assert [value for (value,) in result] == list(range(10))


def test_results_of_one_connection_do_not_disturb_each_other(numbers):
    one = numbers.execute("SELECT id FROM app.numbers ORDER BY id")
    two = numbers.execute("SELECT id FROM app.numbers ORDER BY id DESC")
    assert [one.fetchone(), two.fetchone(), one.fetchone(), two.fetchone()] == [
        (0,), (9,), (1,), (8,),
    ]


def test_a_result_sees_the_moment_of_its_statement(numbers):
    result = numbers.execute("SELECT count(*) FROM app.numbers")
    rows = numbers.execute("SELECT id FROM app.numbers ORDER BY id")
    numbers.execute("DELETE FROM app.numbers")
    assert result.fetchone() == (10,)
    assert len(rows.fetchall()) == 10


def test_a_closed_result_says_so(numbers):
    result = numbers.execute("SELECT id FROM app.numbers")
    with result:
        assert result.fetchone() is not None
    result.close()
    for use in [result.fetchone, result.fetchall, result.to_dicts, result.__arrow_c_stream__]:
        with pytest.raises(kalamdb.InterfaceError, match="result is closed"):
            use()
    assert result.columns == ["id"]


def test_unread_results_can_be_dropped_in_any_order(tmp_path):
    db = kalamdb.connect(tmp_path / "d")
    db.execute("CREATE NAMESPACE app")
    db.execute("CREATE SHARED TABLE app.t (id BIGINT PRIMARY KEY)")
    db.append("app.t", {"id": range(1000)})
    results = [db.execute("SELECT id FROM app.t") for _ in range(3)]
    results[1].fetchone()
    capsule = results[2].__arrow_c_stream__()
    db.close()
    del db, results[1], results[0], results
    gc.collect()
    del capsule
    gc.collect()
    with kalamdb.connect(tmp_path / "d") as again:
        assert again.execute("SELECT count(*) FROM app.t").fetchone() == (1000,)


def test_many_batches_arrive_complete_and_in_order(db):
    db.execute("CREATE SHARED TABLE app.big (id BIGINT PRIMARY KEY)")
    assert db.append("app.big", {"id": range(50_000)}) == 50_000
    result = db.execute("SELECT id FROM app.big ORDER BY id")
    seen = [result.fetchone()[0] for _ in range(10)]
    seen += [value for (value,) in result.fetchmany(20_000)]
    seen += [value for (value,) in result]
    assert seen == list(range(50_000))


@pytest.mark.parametrize(
    ("method", "package", "extra"),
    [
        ("arrow", "pyarrow", "arrow"),
        ("to_arrow_table", "pyarrow", "arrow"),
        ("fetch_arrow_table", "pyarrow", "arrow"),
        ("to_arrow_reader", "pyarrow", "arrow"),
        ("pl", "polars", "polars"),
        ("df", "pandas", "pandas"),
        ("to_numpy", "numpy", "arrow"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(numbers, monkeypatch, method, package, extra):
    monkeypatch.setitem(__import__("sys").modules, package, None)
    result = numbers.execute("SELECT id FROM app.numbers")
    with pytest.raises(ImportError, match=rf'needs {package}.*pip install "kalamdb\[{extra}\]"'):
        getattr(result, method)()
    assert len(result.fetchall()) == 10
