"""Rows that come one by one and are appended many at a time."""

import kalamdb
import pytest


def count(db):
    return db.execute("SELECT COUNT(*) FROM app.numbers").fetchone()[0]


def test_rows_are_appended_when_there_are_enough_and_at_the_end(numbers):
    with numbers.appender("app.numbers", rows=4) as appender:
        for i in range(100, 106):
            appender.append(id=i, name="by keyword")
        assert (count(numbers), appender.rowcount) == (14, 4)
        appender.append({"name": "dict", "id": 106})
        appender.append((107, "tuple"))
        appender.extend([[108, "list"], {"id": 109}])
    assert (count(numbers), appender.rowcount) == (20, 10)
    rows = numbers.execute("SELECT name FROM app.numbers WHERE id > 105 ORDER BY id").fetchall()
    assert rows == [("dict",), ("tuple",), ("list",), (None,)]


def test_an_exception_in_the_block_drops_what_waits(numbers):
    with pytest.raises(LookupError), numbers.appender("app.numbers") as appender:
        appender.append(id=100)
        raise LookupError
    assert count(numbers) == 10


def test_a_refused_commit_drops_its_rows_and_goes_on(numbers):
    appender = numbers.appender("app.numbers", rows=2)
    appender.append(id=100)
    with pytest.raises(kalamdb.IntegrityError):
        appender.append(id=1)
    assert count(numbers) == 10
    appender.append(id=101)
    assert appender.flush() == 1
    appender.close()
    appender.close()
    with pytest.raises(kalamdb.InterfaceError):
        appender.append(id=102)
    assert count(numbers) == 11


def test_upsert_replaces_rows_and_a_transaction_takes_them_back(numbers):
    with numbers.appender("app.numbers", mode="upsert") as appender:
        appender.append(id=1, name="new")
    assert numbers.execute("SELECT name FROM app.numbers WHERE id = 1").fetchone() == ("new",)
    numbers.begin()
    with numbers.appender("app.numbers", rows=1) as appender:
        appender.append(id=100)
    numbers.rollback()
    assert count(numbers) == 10


def test_wrong_arguments_are_refused(numbers):
    with pytest.raises(kalamdb.DataError):
        numbers.appender("app.numbers", mode="replace")
    with pytest.raises(kalamdb.DataError):
        numbers.appender("app.numbers", rows=0)
    with numbers.appender("app.numbers") as appender:
        appender.append((1, "two", "three"))
        with pytest.raises(kalamdb.DataError, match="3 values"):
            appender.flush()
