"""Statements that change rows and return them."""

import kalamdb
import pytest


def test_a_result_has_rows_and_a_count(numbers):
    result = numbers.execute(
        "INSERT INTO app.numbers VALUES (?, ?), (?, ?) RETURNING id, name || '!' AS loud",
        [20, "a", 21, "b"],
    )
    assert result.rowcount == 2
    assert [column[0] for column in result.description] == ["id", "loud"]
    assert result.description[0][1] == kalamdb.NUMBER
    assert result.fetchall() == [(20, "a!"), (21, "b!")]
    assert result.fetchall() == []
    assert result.rowcount == 2


def test_a_cursor_fetches_what_was_changed(numbers):
    cursor = numbers.cursor()
    cursor.execute("UPDATE app.numbers SET name = :name WHERE id < 2 RETURNING *", {"name": "x"})
    assert cursor.rowcount == 2
    assert sorted(cursor) == [(0, "x"), (1, "x")]
    cursor.execute("DELETE FROM app.numbers WHERE id = ? RETURNING name", [1])
    assert (cursor.rowcount, cursor.fetchone(), cursor.fetchone()) == (1, ("x",), None)
    cursor.execute("DELETE FROM app.numbers WHERE id = ? RETURNING name", [1])
    assert (cursor.rowcount, cursor.fetchall()) == (0, [])
    assert [column[0] for column in cursor.description] == ["name"]
    cursor.execute("DELETE FROM app.numbers WHERE id = 2")
    assert (cursor.rowcount, cursor.description) == (1, None)


def test_an_upsert_returns_the_row_also_when_nothing_changes(numbers):
    upsert = (
        "INSERT INTO app.numbers VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name "
        "RETURNING id, name"
    )
    for name, changed in [("new", 1), ("new", 0), ("newer", 1)]:
        result = numbers.execute(upsert, [3, name])
        assert (result.rowcount, result.fetchone()) == (changed, (3, name))
    result = numbers.execute("INSERT INTO app.numbers VALUES (3, 'x') ON CONFLICT DO NOTHING")
    assert result.rowcount == 0


def test_many_upserts_are_one_commit(numbers):
    upsert = (
        "INSERT INTO app.numbers VALUES (?, ?) ON CONFLICT (id) DO UPDATE "
        "SET name = numbers.name || excluded.name"
    )
    assert numbers.executemany(upsert, [(0, "a"), (0, "b"), (50, "c")]) == 3
    names = numbers.execute("SELECT name FROM app.numbers WHERE id IN (0, 50) ORDER BY id")
    assert names.fetchall() == [("n0ab",), ("c",)]


def test_many_sets_return_no_rows(numbers):
    with pytest.raises(kalamdb.NotSupportedError):
        numbers.executemany("DELETE FROM app.numbers WHERE id = ? RETURNING id", [(1,), (2,)])
    assert numbers.execute("SELECT count(*) FROM app.numbers").fetchone() == (10,)


def test_a_merge_tells_what_it_did(numbers):
    result = numbers.execute(
        "MERGE INTO app.numbers AS n USING (VALUES (0, 'x'), (99, 'y')) AS s (id, name) "
        "ON n.id = s.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.name) "
        "RETURNING merge_action(), n.id, n.name"
    )
    assert result.rowcount == 2
    assert sorted(result.to_dicts(), key=lambda row: row["id"]) == [
        {"merge_action": "DELETE", "id": 0, "name": "n0"},
        {"merge_action": "INSERT", "id": 99, "name": "y"},
    ]


def test_a_transaction_returns_its_own_rows(numbers):
    numbers.execute("BEGIN")
    assert numbers.execute("DELETE FROM app.numbers WHERE id > 7 RETURNING id").fetchall() != []
    numbers.execute("ROLLBACK")
    assert numbers.execute("SELECT count(*) FROM app.numbers").fetchone() == (10,)
