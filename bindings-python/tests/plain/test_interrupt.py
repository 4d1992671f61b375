"""Stopping statements: from another thread, by time, and by Ctrl-C."""

import os
import signal
import threading

import kalamdb
import pytest

ENDLESS = "SELECT COUNT(*) FROM generate_series(1, 1000000000000) a (x) WHERE x % 7 = 8"


@pytest.fixture
def big(db):
    db.execute("CREATE SHARED TABLE app.big (id BIGINT PRIMARY KEY, n BIGINT)")
    db.append("app.big", {"id": range(3_000), "n": range(3_000)})
    return db


def interrupting(connection, over):
    while not over.is_set():
        connection.interrupt()


def test_another_thread_stops_a_statement_and_the_connection_goes_on(big):
    for sql in [ENDLESS, f"UPDATE app.big SET n = 0 WHERE id < ({ENDLESS})"]:
        over = threading.Event()
        other = threading.Thread(target=interrupting, args=(big, over))
        other.start()
        with pytest.raises(kalamdb.CancelledError) as raised:
            big.execute(sql).fetchall()
        over.set()
        other.join()
        assert raised.value.sqlstate == "57014"
    assert big.execute("SELECT SUM(n) FROM app.big").fetchone() == (4_498_500,)


def test_a_result_is_cancelled_alone(big):
    endless = big.execute(ENDLESS)
    other = big.execute("SELECT COUNT(*) FROM app.big")
    canceller = threading.Thread(target=endless.cancel)
    canceller.start()
    with pytest.raises(kalamdb.CancelledError):
        endless.fetchone()
    canceller.join()
    assert other.fetchone() == (3_000,)


def test_a_timeout_of_a_call_and_of_the_session(big):
    with pytest.raises(kalamdb.CancelledError):
        big.execute(ENDLESS, timeout=0.01).fetchall()
    with pytest.raises(kalamdb.CancelledError):
        big.sql(f"DELETE FROM app.big WHERE id < ({ENDLESS})", timeout=0.01)
    assert big.execute("SELECT COUNT(*) FROM app.big", timeout=3600).fetchone() == (3_000,)
    with pytest.raises(kalamdb.DataError, match="timeout"):
        big.execute("SELECT 1", timeout=-1)
    big.execute("SET statement_timeout = '10ms'")
    with pytest.raises(kalamdb.CancelledError):
        big.execute(ENDLESS).fetchall()


def test_a_timeout_of_a_prepared_statement(big):
    endless = big.prepare(f"{ENDLESS} AND x > ?")
    with pytest.raises(kalamdb.CancelledError):
        endless.execute([-1], timeout=0.01).fetchall()
    by_id = big.prepare("SELECT id FROM app.big WHERE id = ?")
    assert by_id.execute([7], timeout=3600).fetchall() == [(7,)]
    with pytest.raises(kalamdb.DataError, match="timeout"):
        by_id.execute([7], timeout=0)


def test_a_timeout_and_a_limit_of_results_are_configuration():
    with kalamdb.connect(config={"statement_timeout": 10, "max_result_bytes": "1KiB"}) as db:
        with pytest.raises(kalamdb.CancelledError):
            db.execute(ENDLESS).fetchall()
        db.execute("SET statement_timeout = 0", timeout=3600)
        with pytest.raises(kalamdb.LimitExceededError) as raised:
            db.execute("SELECT x FROM generate_series(1, 1000) a (x)").fetchall()
        assert raised.value.sqlstate == "54000"


def keyboard_interrupt(run):
    # A shell starts its background commands with SIGINT ignored, and Python keeps that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupt = threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT])
    interrupt.start()
    with pytest.raises(KeyboardInterrupt):
        run()
    interrupt.join()


def test_ctrl_c_stops_a_query_before_its_first_row(big):
    result = big.execute(ENDLESS)
    keyboard_interrupt(result.fetchone)
    assert big.execute("SELECT 1").fetchone() == (1,)


def test_ctrl_c_stops_a_write_that_then_changed_nothing(big):
    sql = f"UPDATE app.big SET n = 0 WHERE id < ({ENDLESS})"
    keyboard_interrupt(lambda: big.execute(sql))
    assert big.execute("SELECT SUM(n) FROM app.big").fetchone() == (4_498_500,)


def test_ctrl_c_fails_the_open_transaction(big):
    big.begin()
    big.execute("DELETE FROM app.big")
    keyboard_interrupt(lambda: big.execute(ENDLESS).fetchall())
    with pytest.raises(kalamdb.Error) as raised:
        big.execute("SELECT 1")
    assert raised.value.sqlstate == "25P02"
    big.rollback()
    assert big.execute("SELECT COUNT(*) FROM app.big").fetchone() == (3_000,)


def test_a_handler_that_raises_nothing_lets_the_statement_go_on(big):
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append("once"))
    try:
        interrupt = threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGINT])
        interrupt.start()
        with pytest.raises(kalamdb.CancelledError):
            big.execute(ENDLESS, timeout=0.5).fetchall()
        interrupt.join()
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == ["once"]
