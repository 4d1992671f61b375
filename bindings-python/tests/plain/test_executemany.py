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


def outcome(call):
    try:
        call()
    except kalamdb.Error as error:
        return type(error), error.sqlstate, error.position, str(error)
    return None


@pytest.mark.parametrize(
    ("sql", "params"),
    [
        ("INSERT INTO app.numbers (name, id) VALUES (?, ?)", ["a", 100]),
        ("INSERT INTO app.numbers (id) VALUES (?)", [100]),
        ("INSERT INTO app.numbers VALUES ($2, $1)", ["a", 100]),
        ("INSERT INTO app.numbers VALUES ($1, $1)", ["100"]),
        ("INSERT INTO app.numbers VALUES (?, 'literal')", [100]),
        ("INSERT INTO app.numbers VALUES (?, DEFAULT)", [100]),
        ("INSERT INTO app.numbers VALUES (?, UPPER(?))", [100, "a"]),
        ("INSERT INTO app.numbers VALUES (?, 'a'), (?, 'b')", [100, 101]),
        ("INSERT INTO app.numbers VALUES (?, ?) ON CONFLICT DO NOTHING", [1, "there already"]),
        ("INSERT INTO app.numbers VALUES (?, ?)", [1, "there already"]),
        ("INSERT INTO app.numbers VALUES (?, ?)", [None, "no key"]),
        ("INSERT INTO app.numbers VALUES (?, ?)", ["100", "text for a number"]),
        ("INSERT INTO app.numbers VALUES (?, ?)", ["x", "no number"]),
        ("INSERT INTO app.numbers VALUES (?, ?)", [100.5, "no integer"]),
        ("INSERT INTO app.numbers VALUES (?, ?)", [100]),
        ("INSERT INTO app.numbers VALUES (:id, :name)", [100, "by place"]),
        ("INSERT INTO app.numbers VALUES (?, ?, ?)", [100, "a", "too many"]),
        ("INSERT INTO app.numbers (id, id) VALUES (?, ?)", [100, 101]),
        ("INSERT INTO app.numbers (id, missing) VALUES (?, ?)", [100, 1]),
        ("INSERT INTO app.missing VALUES (?)", [100]),
        ("UPDATE app.numbers SET name = ? WHERE id = ?", [None, 3]),
        ("DELETE FROM app.numbers WHERE name = ?", ["n4"]),
    ],
)
def test_one_set_is_what_execute_does(sql, params):
    """Whatever way the sets take: the same rows, and the same error in the same words."""
    seen = []
    for run in [lambda db: db.execute(sql, params), lambda db: db.executemany(sql, [params])]:
        with kalamdb.connect() as db:
            db.execute("CREATE NAMESPACE app")
            db.execute("CREATE TABLE app.numbers (id BIGINT PRIMARY KEY, name TEXT DEFAULT 'none')")
            db.execute("INSERT INTO app.numbers SELECT x, 'n' || x FROM generate_series(0, 9) t (x)")
            failure = outcome(lambda run=run, db=db: run(db))
            seen.append((failure, db.execute("SELECT * FROM app.numbers ORDER BY id").fetchall()))
    assert seen[0] == seen[1]


def test_values_of_every_kind_come_back_in_their_order(db):
    import datetime
    import decimal
    import uuid

    db.execute("""CREATE TABLE app.kinds (k INT PRIMARY KEY, b BOOLEAN, f DOUBLE, t TEXT, y BYTES, d DECIMAL(10, 2),
        u UUID, day DATE, at TIMESTAMP, l BIGINT[], v EMBEDDING(2), j JSON)""")
    row = (
        True, 1.5, "text", b"\0", decimal.Decimal("1.25"), uuid.UUID(int=5), datetime.date(2024, 2, 29),
        datetime.datetime(2024, 2, 29, 12), [1, 2], [0.5, 1.0], '{"a":1}',
    )  # fmt: skip
    nothing = (None,) * len(row)
    rows = [(0, *nothing), (1, *row), [2, *nothing], [3, *row], (4, *nothing)]
    marks = ", ".join("?" * (len(row) + 1))
    assert db.executemany(f"INSERT INTO app.kinds VALUES ({marks})", rows) == 5
    assert db.execute("SELECT * FROM app.kinds ORDER BY k").fetchall() == [tuple(row) for row in rows]


def test_a_column_of_several_types_is_taken_value_by_value(numbers):
    rows = [(100, "a"), ("101", "b"), (102.0, 5), (decimal_of("103"), None)]
    assert numbers.executemany(INSERT, rows) == 4
    found = numbers.execute("SELECT * FROM app.numbers WHERE id >= 100 ORDER BY id").fetchall()
    assert found == [(100, "a"), (101, "b"), (102, "5"), (103, None)]


def decimal_of(text):
    import decimal

    return decimal.Decimal(text)


def test_a_list_that_changes_while_it_is_read_does_no_harm(numbers):
    class Growing(list):
        def __iter__(self):
            for row in list.__iter__(self):
                if len(self) < 20:
                    self.append((200 + len(self), "more"))
                yield row

    assert numbers.executemany(INSERT, Growing([(100, "a")])) == 20
