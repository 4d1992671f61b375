"""What a program hands to a statement, or to a connection, by name."""

import kalamdb
import pytest

ROWS = [{"id": 3, "extra": "three"}, {"id": 4, "extra": None}, {"id": 99, "extra": "none"}]


def test_a_statement_joins_data_with_tables(numbers):
    query = "SELECT name, extra FROM app.numbers n JOIN given g ON n.id = g.id ORDER BY n.id"
    assert numbers.execute(query, data={"given": ROWS}).fetchall() == [("n3", "three"), ("n4", None)]
    columns = {"id": [3], "extra": ["by column"]}
    assert numbers.execute(query, data={"given": columns}).fetchall() == [("n3", "by column")]
    with pytest.raises(kalamdb.NotFoundError):
        numbers.execute(query)


def test_several_inputs_parameters_and_a_timeout_go_together(db):
    query = "SELECT a.x + b.y + ? FROM a, b"
    inputs = {"a": {"x": [1]}, "b": {"y": [20]}}
    assert db.execute(query, [300], data=inputs, timeout=60).fetchall() == [(321,)]
    assert db.sql(query, [300], data=inputs).fetchall() == [(321,)]


def test_data_feeds_writes_in_one_commit(numbers):
    numbers.execute("INSERT INTO app.numbers SELECT id + 100, extra FROM given", data={"given": ROWS})
    numbers.execute(
        "UPDATE app.numbers SET name = g.extra FROM given g WHERE app.numbers.id = g.id",
        data={"given": ROWS},
    )
    rows = numbers.execute("SELECT * FROM app.numbers WHERE id IN (3, 103, 199) ORDER BY id")
    assert rows.fetchall() == [(3, "three"), (103, "three"), (199, "none")]


def test_data_goes_before_a_table_of_its_name(db):
    db.execute("CREATE TABLE t (k INT PRIMARY KEY)")
    db.execute("INSERT INTO t VALUES (1)")
    assert db.execute("SELECT k FROM t", data={"t": {"k": [7]}}).fetchall() == [(7,)]
    assert db.execute("SELECT k FROM default.t", data={"t": {"k": [7]}}).fetchall() == [(1,)]
    assert db.execute("SELECT k FROM t").fetchall() == [(1,)]


def test_what_is_registered_stays_until_it_is_unregistered(db):
    db.register("days", ROWS)
    result = db.execute("SELECT id FROM days ORDER BY id")
    assert db.execute("SELECT COUNT(*) FROM days").fetchone() == (3,)
    db.register("days", ROWS[:1])
    assert db.execute("SELECT COUNT(*) FROM days").fetchone() == (1,)
    db.unregister("days")
    with pytest.raises(kalamdb.NotFoundError):
        db.execute("SELECT * FROM days")
    with pytest.raises(kalamdb.NotFoundError):
        db.unregister("days")
    assert result.fetchall() == [(3,), (4,), (99,)]


def test_a_result_is_an_input(numbers):
    first = numbers.execute("SELECT id FROM app.numbers WHERE id > 7")
    assert numbers.execute("SELECT SUM(id) FROM first", data={"first": first}).fetchone() == (17,)


def test_variables_of_the_program_are_no_tables(db):
    rows = ROWS
    with pytest.raises(kalamdb.NotFoundError):
        db.execute("SELECT * FROM rows")
    assert rows


def test_what_is_no_table_is_refused(db):
    for data in [5, "text", [1, 2], [(1, 2)]]:
        with pytest.raises(kalamdb.DataError):
            db.execute("SELECT * FROM given", data={"given": data})
    with pytest.raises(kalamdb.InvalidStatementError) as raised:
        db.register("not a name", ROWS)
    assert raised.value.sqlstate == "42602"

    def broken():
        yield {"id": 1}
        raise LookupError("source is gone")

    with pytest.raises(LookupError):
        db.register("given", broken())
    with pytest.raises(kalamdb.NotFoundError):
        db.execute("SELECT * FROM given")
