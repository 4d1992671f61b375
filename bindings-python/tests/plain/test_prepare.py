"""Statements that are looked up once and run many times."""

import kalamdb
import pytest


def test_a_statement_runs_many_times_with_parameters(numbers):
    by_id = numbers.prepare("SELECT name FROM app.numbers WHERE id = ?")
    assert [by_id.execute([i]).fetchone() for i in (3, 7, 99)] == [("n3",), ("n7",), None]
    insert = numbers.prepare("INSERT INTO app.numbers VALUES (:id, :name)")
    assert insert.execute({"id": 10, "name": "ten"}).rowcount == 1
    assert insert.executemany([{"id": i, "name": "more"} for i in range(11, 15)]) == 4
    assert numbers.execute("SELECT COUNT(*) FROM app.numbers").fetchone() == (15,)


def test_it_tells_its_parameters_and_columns_before_it_runs(numbers):
    update = numbers.prepare("UPDATE app.numbers SET name = :name WHERE id = :id")
    assert update.parameter_names == ["name", "id"]
    assert update.parameter_types == ["TEXT", "BIGINT"]
    assert len(update.schema) == 0
    query = numbers.prepare("SELECT id, name AS word, ? AS any FROM app.numbers")
    assert (query.parameter_names, query.parameter_types) == ([], [None])
    assert query.schema.names == ["id", "word", "any"]
    assert query.connection is numbers


def test_what_is_wrong_with_it_is_said_when_it_is_prepared(numbers):
    with pytest.raises(kalamdb.NotFoundError):
        numbers.prepare("SELECT * FROM app.missing")
    with pytest.raises(kalamdb.InvalidStatementError):
        numbers.prepare("SELEC 1")
    with pytest.raises(kalamdb.DataError):
        numbers.prepare("SELECT 1; SELECT 2")
    by_id = numbers.prepare("SELECT name FROM app.numbers WHERE id = ?")
    with pytest.raises(kalamdb.InvalidStatementError) as raised:
        by_id.execute([True])
    assert raised.value.sqlstate == "42804"
    with pytest.raises(kalamdb.InvalidStatementError) as raised:
        by_id.execute()
    assert raised.value.sqlstate == "42P02"


def test_a_changed_table_is_looked_up_again_and_other_columns_are_refused(numbers):
    named = numbers.prepare("SELECT name FROM app.numbers WHERE id = ?")
    everything = numbers.prepare("SELECT * FROM app.numbers WHERE id = ?")
    numbers.execute("ALTER TABLE app.numbers ADD COLUMN more INT DEFAULT 5")
    assert named.execute([1]).fetchone() == ("n1",)
    with pytest.raises(kalamdb.NotSupportedError):
        everything.execute([1])


def test_it_ends_with_its_connection(numbers):
    statement = numbers.prepare("SELECT 1")
    numbers.close()
    with pytest.raises(kalamdb.InterfaceError) as raised:
        statement.execute()
    assert raised.value.sqlstate == "08003"
