"""The bar of a connection that shows how far its statements are."""

import io
import sys
import threading
import time

import kalamdb
import pytest


class Terminal(io.StringIO):
    def isatty(self):
        return True


def terminal_of(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    return terminal


def fill(db):
    db.execute("CREATE TABLE t (k INT PRIMARY KEY)")
    db.execute("INSERT INTO t SELECT value FROM generate_series(1, 400000)")


def watchers():
    return [thread for thread in threading.enumerate() if thread.name == "kalamdb-progress"]


@pytest.fixture(autouse=True)
def _watchers_end():
    """Each bar's thread ends with its connection."""
    yield
    for watcher in watchers():
        watcher.join(30)
        assert not watcher.is_alive()


def read_slowly_until(db, holds, tries=300):
    result = db.execute("SELECT k FROM t")
    rows = 0
    for _ in range(tries):
        rows += len(result.fetchmany(100))
        time.sleep(0.05)
        if holds():
            break
    result.close()
    return rows


def test_a_statement_that_takes_long_has_a_bar(monkeypatch):
    written = terminal_of(monkeypatch)
    with kalamdb.connect(progress=True) as db:
        fill(db)
        rows = read_slowly_until(db, lambda: "%|" in written.getvalue())
        assert 0 < rows < 400_000
        assert "%|" in written.getvalue()


def test_a_setting_of_the_database_is_for_all_its_connections():
    with kalamdb.connect(config={"progress": "on"}) as db:
        assert len(watchers()) == 1
        with db.as_user("anna"):
            assert len(watchers()) == 2


def test_nobody_who_did_not_ask_gets_a_bar(monkeypatch):
    written = terminal_of(monkeypatch)
    with kalamdb.connect() as db:
        fill(db)
        assert watchers() == []
    assert written.getvalue() == ""


def test_a_connection_that_is_forgotten_is_not_kept_for_its_bar():
    kalamdb.connect(progress=True)
    for watcher in watchers():
        watcher.join(30)
        assert not watcher.is_alive()
