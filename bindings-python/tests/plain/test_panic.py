"""A panic of the engine is an InternalError, whatever was called, and the objects stay usable.

Debug builds panic once for each new value of the environment variable KALAM_PANIC, in the next
call of the engine.
"""

import os

import kalamdb
import pytest

pytestmark = pytest.mark.skipif(
    os.environ.get("KALAM_WHEEL") == "release", reason="optimized builds have no planted panics"
)


class Planted:
    """Lets the next call of the engine panic."""

    number = 0

    def __enter__(self):
        Planted.number += 1
        os.environ["KALAM_PANIC"] = f"python {Planted.number}"

    def __exit__(self, *_):
        del os.environ["KALAM_PANIC"]


@pytest.fixture
def calls(numbers, tmp_path):
    """What reaches the engine, by name: a function that makes ready, and one that is called."""
    db = numbers
    select, insert = "SELECT * FROM app.numbers", "INSERT INTO app.numbers VALUES (?, ?)"
    row = [(100, "x")]
    return {
        "connect": lambda: lambda: kalamdb.connect(),
        "connect to a directory": lambda: lambda: kalamdb.connect(tmp_path / "new"),
        "restore": lambda: lambda: kalamdb.restore(tmp_path / "none", tmp_path / "to"),
        "execute": lambda: lambda: db.execute(select),
        "sql": lambda: lambda: db.sql(select),
        "executescript": lambda: lambda: db.executescript("SELECT 1; SELECT 2"),
        "prepare": lambda: lambda: db.prepare(select),
        "explain": lambda: lambda: db.explain(select),
        "executemany": lambda: lambda: db.executemany(insert, row),
        "append": lambda: lambda: db.append("app.numbers", {"id": [100], "name": ["x"]}),
        "create_table": lambda: lambda: db.create_table("app.made", {"id": [1]}),
        "as_user": lambda: lambda: db.as_user("u"),
        "begin": lambda: db.begin,
        "commit": lambda: (db.begin(), db.commit)[1],
        "rollback": lambda: (db.begin(), db.rollback)[1],
        "flush": lambda: lambda: db.flush("app.numbers"),
        "cursor.execute": lambda: lambda: db.cursor().execute(select),
        "cursor.executemany": lambda: lambda: db.cursor().executemany(insert, row),
        "statement.execute": lambda: db.prepare(select).execute,
        "statement.executemany": lambda: (lambda s: lambda: s.executemany(row))(db.prepare(insert)),
        "fetchone": lambda: db.execute(select).fetchone,
        "fetchmany": lambda: (lambda r: lambda: r.fetchmany(3))(db.execute(select)),
        "fetchall": lambda: db.execute(select).fetchall,
        "iteration": lambda: (lambda r: lambda: next(iter(r)))(db.execute(select)),
        "to_dicts": lambda: db.execute(select).to_dicts,
        "_repr_html_": lambda: db.execute(select)._repr_html_,
    }


def test_a_panic_in_every_call_is_an_internal_error(calls, numbers):
    missed = []
    for name, make_ready in calls.items():
        call = make_ready()
        with Planted():
            try:
                call()
            except kalamdb.InternalError as error:
                assert error.sqlstate == "XX000" and "planted by a test" in str(error), name
            else:
                missed.append(name)
        if numbers.in_transaction:
            numbers.rollback()
        assert numbers.execute("SELECT count(*) FROM app.numbers").fetchone() == (10,), name
    # Rows that came with the call before need none.
    assert missed == []


def test_every_method_that_works_is_in_the_list(calls):
    """A new method of a connection is added above, or here because it asks the engine nothing."""
    nothing = {
        "user", "role", "namespace", "in_transaction", "interrupt", "query_progress", "cursor", "close",
        "transaction", "appender", "register", "unregister",
    }
    public = {name for name in dir(kalamdb.Connection) if name[0].islower()}
    assert public - nothing - set(calls) == set()
