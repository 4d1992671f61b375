"""What a program does wrong: the class of PEP 249, an SQLSTATE, and nothing half-written."""

import os
import signal
import subprocess
import sys
import textwrap
import threading

import kalamdb
import pytest


def state(use):
    with pytest.raises(kalamdb.Error) as raised:
        use()
    return type(raised.value), raised.value.sqlstate


def test_every_method_of_a_closed_connection_says_so(numbers):
    other = numbers.as_user("root")
    cursor, statement = numbers.cursor(), numbers.prepare("SELECT 1")
    appender = numbers.appender("app.numbers")
    appender.append(id=100)
    numbers.close()
    numbers.close()
    insert = "INSERT INTO app.numbers VALUES (?, 'x')"
    for use in [
        lambda: numbers.execute("SELECT 1"),
        lambda: numbers.sql("SELECT 1", data={"a": {"x": [1]}}),
        lambda: numbers.executemany(insert, [(1,)]),
        lambda: numbers.executescript("SELECT 1"),
        lambda: numbers.prepare("SELECT 1"),
        lambda: numbers.explain("SELECT 1"),
        lambda: numbers.append("app.numbers", {"id": [100]}),
        lambda: numbers.appender("app.numbers"),
        lambda: numbers.create_table("app.made", {"id": [100]}),
        lambda: numbers.register("a", {"x": [1]}),
        lambda: numbers.unregister("a"),
        lambda: numbers.as_user("alice"),
        lambda: numbers.transaction(),
        lambda: numbers.in_transaction,
        lambda: numbers.user,
        lambda: numbers.role,
        lambda: numbers.namespace,
        lambda: numbers.__enter__(),
        numbers.cursor, numbers.begin, numbers.commit, numbers.rollback, numbers.flush, numbers.interrupt,
        lambda: cursor.execute("SELECT 1"),
        lambda: cursor.executemany(insert, [(1,)]),
        cursor.fetchone, cursor.fetchmany, cursor.fetchall,
        statement.execute,
        lambda: statement.executemany([(1,)]),
        appender.flush,
    ]:  # fmt: skip
        assert state(use) == (kalamdb.InterfaceError, "08003")
    assert other.execute("SELECT COUNT(*) FROM app.numbers").fetchone() == (10,)


def test_every_method_of_a_closed_result_says_so(numbers):
    result = numbers.execute("SELECT id FROM app.numbers")
    result.fetchone()
    result.close()
    for use in [
        result.fetchone, result.fetchmany, result.fetchall, result.to_dicts, result.__arrow_c_stream__,
        lambda: next(result), lambda: result._peek(1), result._next_decoded,
    ]:  # fmt: skip
        if use == result._next_decoded:
            assert use() is None
        else:
            assert state(use) == (kalamdb.InterfaceError, "08003")
    assert result.columns == ["id"] and "result is closed" in result._repr_html_()


def test_wrong_parameters_change_nothing(numbers):
    insert = "INSERT INTO app.numbers VALUES (?, ?)"
    for params, expected in [
        ("ab", "22023"), (5, "22023"), ({1: 2}, "22023"), ([1, object()], "22023"), ([1], "42P02"),
        ([1, 2, 3], "42P02"), ([2**63, "x"], "22003"), (["not a number", "x"], "22P02"),
        ([100, "\ud800"], "22021"), ({"id": 1, "name": "x"}, "42P02"),
    ]:  # fmt: skip
        error, sqlstate = state(lambda params=params: numbers.execute(insert, params))
        assert issubclass(error, kalamdb.DatabaseError) and sqlstate == expected, params
        error, sqlstate = state(
            lambda params=params: numbers.executemany(insert, [(100, "good"), params])
        )
        assert issubclass(error, kalamdb.DatabaseError) and sqlstate == expected, params
    assert numbers.execute("SELECT COUNT(*) FROM app.numbers").fetchone() == (10,)


def test_what_a_source_raises_passes_and_writes_nothing(numbers):
    def rows(kind):
        yield kind(id=100, name="first")
        raise LookupError("source is gone")

    def sets():
        yield (100, "first")
        raise KeyboardInterrupt

    for use in [
        lambda: numbers.append("app.numbers", rows(dict)),
        lambda: numbers.create_table("app.made", rows(dict)),
        lambda: numbers.execute("INSERT INTO app.numbers SELECT * FROM g", data={"g": rows(dict)}),
    ]:
        with pytest.raises(LookupError, match="source is gone"):
            use()
    with pytest.raises(KeyboardInterrupt):
        numbers.executemany("INSERT INTO app.numbers VALUES (?, ?)", sets())
    assert numbers.execute("SELECT COUNT(*) FROM app.numbers").fetchone() == (10,)
    assert state(lambda: numbers.execute("SELECT * FROM app.made"))[1] == "42P01"


def test_a_source_may_use_the_connection_it_feeds(numbers):
    def rows():
        for id, name in numbers.execute("SELECT id, name FROM app.numbers ORDER BY id"):
            numbers.execute("UPDATE app.numbers SET name = 'read' WHERE id = ?", [id])
            yield {"id": id + 100, "name": name}

    assert numbers.append("app.numbers", rows()) == 10
    copies = numbers.execute("SELECT COUNT(*) FROM app.numbers WHERE name = 'read'")
    assert copies.fetchone() == (10,)


def test_a_source_that_closes_the_connection(numbers):
    other = numbers.as_user("root")

    def rows():
        yield {"id": 100}
        numbers.close()
        yield {"id": 101}

    # The call holds what it works with: it goes to its end.
    assert numbers.append("app.numbers", rows()) == 2
    assert other.execute("SELECT COUNT(*) FROM app.numbers").fetchone() == (12,)


def test_wrong_data_is_refused_whole(numbers):
    for data, expected in [
        ([{"id": 100}, {"id": "x"}], "22023"), ([{"id": 100}, 5], "22023"), ({"id": [100], "name": []}, "22023"),
        ({"id": [100], "missing": [1]}, "42703"), ({"id": 100}, "22023"), ("text", "22023"), (5, "22023"),
        ([{"name": "without its key"}], "23502"), ([(100, "a"), (101,)], "22023"), ([[object(), "a"]], "22023"),
        ({"id": [100], "name": [{"a": 1}]}, "22023"),
    ]:  # fmt: skip
        error, sqlstate = state(lambda data=data: numbers.append("app.numbers", data))
        assert issubclass(error, kalamdb.DatabaseError) and sqlstate == expected, data
    assert numbers.execute("SELECT COUNT(*) FROM app.numbers").fetchone() == (10,)


def test_ctrl_c_amid_the_rows_ends_the_loop_and_the_connection_goes_on(db):
    db.execute("CREATE SHARED TABLE app.big (id BIGINT PRIMARY KEY)")
    db.append("app.big", {"id": range(3_000)})
    rows = db.execute("SELECT a.id FROM app.big a, app.big b, app.big c")
    # A shell starts its background commands with SIGINT ignored, and Python keeps that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    assert rows.fetchone() is not None
    interrupt = threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT])
    interrupt.start()
    with pytest.raises(KeyboardInterrupt):
        for _ in rows:
            pass
    interrupt.join()
    assert db.execute("SELECT COUNT(*) FROM app.big").fetchone() == (3_000,)


def test_a_child_of_fork_is_told_so_by_everything(tmp_path):
    program = """
        import asyncio, os, sys, kalamdb
        from kalamdb import aio
        db = kalamdb.connect(sys.argv[1])
        db.execute("CREATE TABLE t (k INT PRIMARY KEY)")
        statement, cursor = db.prepare("SELECT 1"), db.cursor()
        appender, appended = db.appender("t"), asyncio.run(aio.connect(sys.argv[1]))
        appender.append(k=1)
        asyncio.run(appended.execute("SELECT 1"))
        child = os.fork()
        if child == 0:
            seen = []
            for use in [statement.execute, lambda: cursor.execute("SELECT 1"), appender.flush,
                        lambda: asyncio.run(appended.execute("SELECT 1")), db.begin,
                        lambda: db.register("a", {"x": [1]}), lambda: db.prepare("SELECT 1"),
                        lambda: asyncio.run(aio.connect())]:
                try:
                    use()
                except kalamdb.InterfaceError as error:
                    seen.append(error.sqlstate)
            assert seen == ["KD001"] * 8, seen
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert appender.flush() == 1
        print("parent goes on")
        """
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program), str(tmp_path / "d")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr, done.returncode) == ("parent goes on\n", "", 0)
