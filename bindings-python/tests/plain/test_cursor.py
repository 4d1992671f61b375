"""PEP 249's cursor."""

import kalamdb
import pytest


def test_a_cursor_runs_and_fetches(numbers):
    cursor = numbers.cursor()
    assert (cursor.description, cursor.rowcount, cursor.arraysize) == (None, -1, 1)
    assert cursor.connection is numbers
    assert cursor.execute("SELECT id, name FROM app.numbers ORDER BY id") is cursor
    assert [column[0] for column in cursor.description] == ["id", "name"]
    assert cursor.description[0][1] == kalamdb.NUMBER
    assert cursor.fetchone() == (0, "n0")
    assert cursor.fetchmany() == [(1, "n1")]
    cursor.arraysize = 3
    assert [row[0] for row in cursor.fetchmany()] == [2, 3, 4]
    assert [row[0] for row in cursor.fetchmany(2)] == [5, 6]
    assert [row[0] for row in cursor] == [7, 8, 9]
    assert cursor.fetchone() is None and cursor.fetchall() == []


def test_writes_are_counted(numbers):
    cursor = numbers.cursor()
    assert cursor.execute("UPDATE app.numbers SET name = ? WHERE id < ?", ["x", 4]).rowcount == 4
    assert cursor.description is None
    rows = [(i, "y") for i in range(20, 25)]
    assert cursor.executemany("INSERT INTO app.numbers VALUES (?, ?)", rows).rowcount == 5


def test_fetching_without_rows_is_a_programming_error(numbers):
    cursor = numbers.cursor()
    for prepare in [lambda: None, lambda: cursor.execute("DELETE FROM app.numbers WHERE id = 1")]:
        prepare()
        for fetch in [cursor.fetchone, cursor.fetchmany, cursor.fetchall]:
            with pytest.raises(kalamdb.ProgrammingError, match="no rows to fetch"):
                fetch()


def test_a_failed_statement_leaves_no_old_rows(numbers):
    cursor = numbers.cursor().execute("SELECT id FROM app.numbers")
    with pytest.raises(kalamdb.ProgrammingError):
        cursor.execute("nonsense")
    with pytest.raises(kalamdb.ProgrammingError, match="no rows to fetch"):
        cursor.fetchall()


def test_a_closed_cursor_is_unusable(numbers):
    with numbers.cursor() as cursor:
        cursor.execute("SELECT 1")
    cursor.close()
    for use in [lambda: cursor.execute("SELECT 1"), cursor.fetchone, cursor.__enter__]:
        with pytest.raises(kalamdb.InterfaceError, match="cursor is closed"):
            use()


def test_a_cursor_of_a_closed_connection_is_unusable(numbers):
    cursor = numbers.cursor().execute("SELECT id FROM app.numbers")
    numbers.close()
    with pytest.raises(kalamdb.InterfaceError, match="connection is closed"):
        cursor.fetchone()


def test_sizes_may_be_announced(numbers):
    cursor = numbers.cursor()
    assert cursor.setinputsizes([10]) is None
    assert cursor.setoutputsize(1000, 1) is None
