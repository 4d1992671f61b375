"""Threads share connections, results and the interpreter lock."""

import threading
from concurrent.futures import ThreadPoolExecutor


def test_threads_share_a_connection(numbers):
    def work(thread):
        for i in range(20):
            key = 1000 + thread * 100 + i
            numbers.execute("INSERT INTO app.numbers VALUES (?, ?)", [key, "t"])
            assert numbers.execute("SELECT name FROM app.numbers WHERE id = ?", [key]).fetchall() == [("t",)]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert numbers.execute("SELECT count(*) FROM app.numbers").fetchone() == (90,)


def test_threads_share_a_result_and_get_each_row_once(db):
    db.execute("CREATE SHARED TABLE app.big (id BIGINT PRIMARY KEY)")
    db.append("app.big", {"id": range(20_000)})
    result = db.execute("SELECT id FROM app.big")
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda _: [value for (value,) in result], range(4)))
    assert sorted(value for part in parts for value in part) == list(range(20_000))


def test_the_lock_is_released_while_the_engine_works(db):
    """Another thread of the interpreter runs while a query does."""
    db.execute("CREATE SHARED TABLE app.big (id BIGINT PRIMARY KEY)")
    db.append("app.big", {"id": range(2_000)})
    done, ticks = threading.Event(), []

    def tick():
        while not done.wait(0.001):
            ticks.append(None)

    ticker = threading.Thread(target=tick)
    ticker.start()
    query = "SELECT count(*) FROM app.big a, app.big b WHERE a.id + b.id > 10"
    while len(ticks) < 5:
        db.execute(query).fetchall()
    done.set()
    ticker.join()
    assert len(ticks) >= 5


def test_closing_in_one_thread_while_another_works_is_clean(db):
    db.execute("CREATE SHARED TABLE app.big (id BIGINT PRIMARY KEY)")
    db.append("app.big", {"id": range(20_000)})
    result = db.execute("SELECT id FROM app.big")
    result.fetchone()
    closer = threading.Thread(target=db.close)
    closer.start()
    assert len(result.fetchall()) == 19_999
    closer.join()


def test_eight_threads_read_write_and_define_at_once(numbers):
    by_id = numbers.prepare("SELECT name FROM app.numbers WHERE id = ?")

    def work(thread):
        own = numbers.as_user("root")
        own.create_table(f"app.t{thread}", {"id": range(50)}, primary_key=["id"])
        own.register("own", {"id": [thread]})
        with own.appender("app.numbers", rows=7) as appender:
            for i in range(50):
                appender.append(id=1_000 * (thread + 1) + i, name=f"n{thread}")
        with own.transaction():
            own.execute("UPDATE app.numbers SET name = 'done' WHERE id = ?", [1_000 * (thread + 1)])
        assert by_id.execute([1_000 * (thread + 1)]).fetchone() == ("done",)
        joined = own.execute(f"SELECT COUNT(*) FROM app.t{thread} JOIN own USING (id)")
        assert joined.fetchall() == [(1,)]
        return own.execute(f"SELECT COUNT(*) FROM app.t{thread}").fetchone()[0]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [50] * 8
    assert numbers.execute("SELECT COUNT(*) FROM app.numbers").fetchone() == (410,)
    assert numbers.execute("SELECT COUNT(*) FROM app.numbers WHERE name = 'done'").fetchone() == (8,)
