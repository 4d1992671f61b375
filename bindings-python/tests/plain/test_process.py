"""fork(), Ctrl-C, and the end of the interpreter."""

import os
import signal
import subprocess
import sys
import textwrap
import threading

import kalamdb
import pytest


def run(code, *arguments):
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_a_forked_child_is_told_so_and_the_parent_goes_on(tmp_path):
    done = run(
        """
        import os, sys, kalamdb
        db = kalamdb.connect(sys.argv[1])
        db.execute("CREATE NAMESPACE app")
        result = db.execute("SELECT 1")
        child = os.fork()
        if child == 0:
            seen = []
            for use in [lambda: db.execute("SELECT 1"), result.fetchall, db.close,
                        result.__arrow_c_stream__, lambda: db.user,
                        kalamdb.connect, lambda: kalamdb.connect(sys.argv[1])]:
                try:
                    use()
                except kalamdb.InterfaceError as error:
                    seen.append(error.sqlstate)
            assert seen == ["KD001"] * 7, seen
            del db, result
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert result.fetchall() == [(1,)]
        db.execute("CREATE NAMESPACE more")
        print("parent goes on")
        """,
        tmp_path / "d",
    )
    assert (done.stdout, done.stderr, done.returncode) == ("parent goes on\n", "", 0)


def test_who_forks_first_opens_in_the_child(tmp_path):
    done = run(
        """
        import os, sys, kalamdb
        child = os.fork()
        if child == 0:
            with kalamdb.connect(sys.argv[1]) as db:
                db.execute("CREATE NAMESPACE app")
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        print(kalamdb.connect(sys.argv[1]).execute("SHOW NAMESPACES").fetchone() is not None)
        """,
        tmp_path / "d",
    )
    assert (done.stdout, done.stderr, done.returncode) == ("True\n", "", 0)


def test_open_handles_do_not_keep_the_interpreter_from_ending(tmp_path):
    done = run(
        """
        import sys, kalamdb
        db = kalamdb.connect(sys.argv[1])
        user = db.as_user("alice")
        result = db.execute("SELECT 1")
        capsule = db.execute("SELECT 1").__arrow_c_stream__()
        """,
        tmp_path / "d",
    )
    assert (done.stderr, done.returncode) == ("", 0)


def test_ctrl_c_between_two_batches_stops_the_query(db):
    db.execute("CREATE SHARED TABLE app.big (id BIGINT PRIMARY KEY)")
    db.append("app.big", {"id": range(3_000)})
    result = db.execute("SELECT a.id FROM app.big a, app.big b, app.big c")
    assert result.fetchone() is not None
    # A shell starts its background commands with SIGINT ignored, and Python keeps that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupt = threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT])
    interrupt.start()
    with pytest.raises(KeyboardInterrupt):
        result.fetchall()
    with pytest.raises(kalamdb.InterfaceError, match="result is closed"):
        result.fetchone()
    assert db.execute("SELECT 1").fetchone() == (1,)
