"""Many sets of parameters, one commit."""

import kalamdb
import pytest

INSERT = "INSERT INTO app.numbers VALUES (?, ?)"


def count(db):
    return db.execute("SELECT count(*) FROM app.numbers").fetchone()[0]


def test_lists_generators_and_dicts_are_taken(numbers):
    assert numbers.executemany(INSERT, [(10, "a"), [11, "b"]]) == 2
    assert numbers.executemany(INSERT, ((i, "c") for i in range(12, 15))) == 3
    named = "INSERT INTO app.numbers VALUES (:id, :name)"
    assert numbers.executemany(named, [{"id": 15, "name": "d"}]) == 1
    assert numbers.executemany(INSERT, []) == 0
    assert count(numbers) == 16


def test_updates_and_deletes_count_their_rows(numbers):
    update = "UPDATE app.numbers SET name = ? WHERE id = ?"
    assert numbers.executemany(update, [("x", 1), ("y", 2), ("z", 999)]) == 2
    assert numbers.executemany("DELETE FROM app.numbers WHERE id = ?", [(1,), (2,)]) == 2


def test_a_generator_that_raises_writes_nothing(numbers):
    def rows():
        yield (100, "first")
        raise LookupError("source is gone")

    with pytest.raises(LookupError, match="source is gone"):
        numbers.executemany(INSERT, rows())
    assert count(numbers) == 10


def test_one_bad_row_refuses_all(numbers):
    with pytest.raises(kalamdb.IntegrityError):
        numbers.executemany(INSERT, [(100, "new"), (1, "there already")])
    with pytest.raises(kalamdb.DataError):
        numbers.executemany(INSERT, [(100, "new"), (101, object())])
    assert count(numbers) == 10


def test_a_generator_may_use_the_connection(numbers):
    def rows():
        for (value,) in numbers.execute("SELECT id FROM app.numbers ORDER BY id"):
            yield (value + 100, "copy")

    assert numbers.executemany(INSERT, rows()) == 10
    assert count(numbers) == 20


def test_what_is_no_iterable_is_a_type_error(numbers):
    with pytest.raises(TypeError):
        numbers.executemany(INSERT, 5)
