"""append() without any package."""

import datetime

import kalamdb
import pytest


def rows(db, columns="id, name"):
    return db.execute(f"SELECT {columns} FROM app.numbers WHERE id >= 10 ORDER BY id").fetchall()


def test_a_list_of_dicts(numbers):
    assert numbers.append("app.numbers", [{"id": 10, "name": "a"}, {"name": "b", "id": 11}]) == 2
    assert rows(numbers) == [(10, "a"), (11, "b")]


def test_a_generator_of_dicts_and_keys_that_come_late(numbers):
    assert numbers.append("app.numbers", ({"id": i} | ({"name": "x"} if i == 11 else {}) for i in (10, 11, 12))) == 3
    assert rows(numbers) == [(10, None), (11, "x"), (12, None)]


def test_a_dict_of_columns(numbers):
    assert numbers.append("app.numbers", {"name": ("a", None), "id": range(10, 12)}) == 2
    assert rows(numbers) == [(10, "a"), (11, None)]


def test_a_missing_column_takes_its_default(db):
    db.execute("CREATE SHARED TABLE app.d (id BIGINT PRIMARY KEY, state TEXT DEFAULT 'new', at DATETIME DEFAULT NOW())")
    db.append("app.d", {"id": [1, 2]})
    for state, at in db.execute("SELECT state, at FROM app.d"):
        assert state == "new" and isinstance(at, datetime.datetime)


def test_our_own_result(numbers):
    numbers.execute("CREATE SHARED TABLE app.copy (id BIGINT PRIMARY KEY, name TEXT)")
    result = numbers.execute("SELECT id, name FROM app.numbers")
    assert numbers.append("app.copy", result) == 10
    assert numbers.execute("SELECT * FROM app.copy ORDER BY id").fetchall()[-1] == (9, "n9")
    with pytest.raises(kalamdb.InterfaceError):
        result.fetchone()


def test_upsert_replaces_and_append_refuses(numbers):
    data = [{"id": 9, "name": "new"}, {"id": 10, "name": "ten"}]
    with pytest.raises(kalamdb.IntegrityError) as caught:
        numbers.append("app.numbers", data)
    assert caught.value.sqlstate == "23505"
    assert rows(numbers) == []
    assert numbers.append("app.numbers", data, mode="upsert") == 2
    assert numbers.execute("SELECT name FROM app.numbers WHERE id = 9").fetchone() == ("new",)
    with pytest.raises(kalamdb.DataError, match="replace"):
        numbers.append("app.numbers", data, mode="replace")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("text", ['"str"']),
        (5, ['"int"']),
        ([1, 2], ["row 1", '"int"']),
        ([{"id": 1}, ("a",)], ["row 2", "1 values", "2 columns"]),
        ({"id": [1, 2], "name": ["a"]}, ['"name"', "1 values", '"id"', "2"]),
        ({"id": 5}, ['"id"', '"int"', "list"]),
        ({"id": "abc"}, ['"id"', '"str"']),
        ({"id": [1, "a"]}, ['"id"', "mixes"]),
        ([{"id": {}}], ['"id"', '"dict"']),
    ],
)
def test_data_that_cannot_be_appended_says_why(numbers, data, words):
    with pytest.raises(kalamdb.DataError) as caught:
        numbers.append("app.numbers", data)
    for word in words:
        assert word in str(caught.value)


def test_unknown_tables_and_columns_are_named(numbers):
    with pytest.raises(kalamdb.NotFoundError, match="nothing"):
        numbers.append("app.nothing", [{"id": 1}])
    with pytest.raises(kalamdb.NotFoundError, match="colour") as caught:
        numbers.append("app.numbers", [{"id": 10, "colour": "red"}])
    assert caught.value.sqlstate == "42703"
    assert rows(numbers) == []


def test_an_iterable_that_raises_writes_nothing(numbers):
    def source():
        yield {"id": 10}
        raise LookupError("source is gone")

    with pytest.raises(LookupError, match="source is gone"):
        numbers.append("app.numbers", source())
    assert rows(numbers) == []


def test_no_rows_are_no_error(numbers):
    assert numbers.append("app.numbers", {"id": [], "name": []}) == 0
    assert numbers.append("app.numbers", []) == 0
