"""The longest wait of a reader and of a writer beside a flush of a million rows.

Both go on all the time, each in a thread of its own. What they wait for without a flush is
shown too: threads that share two cores wait for each other.
"""

import random
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import kalamdb

from scale.figure import Figure, Setting, connect
from scale.flush_rows import fill

ROWS = 1_000_000
SECONDS_ALONE = 5.0
# A thread that computes keeps the interpreter from others for this long.
SWITCH_SECONDS = 0.0002

Step = Callable[[kalamdb.Connection, random.Random], None]


def run(setting: Setting) -> list[Figure]:
    rows = setting.count(ROWS, 10_000)
    place = setting.empty("flush_waits")
    con = connect(place)
    fill(con, rows)
    keys = iter(range(rows, 1 << 60))

    def read_key(session: kalamdb.Connection, chance: random.Random) -> None:
        key = chance.randrange(rows)
        assert session.execute("SELECT text FROM t WHERE id = ?", (key,)).fetchone()

    def read_newest(session: kalamdb.Connection, _: random.Random) -> None:
        sql = "SELECT id, text FROM t ORDER BY id DESC LIMIT 50"
        assert len(session.execute(sql).fetchall()) == 50

    def write(session: kalamdb.Connection, _: random.Random) -> None:
        session.execute("INSERT INTO t VALUES (?, NULL, 1, 'beside')", (next(keys),))

    def change(session: kalamdb.Connection, chance: random.Random) -> None:
        session.execute("UPDATE t SET n = n + 1 WHERE id = ?", (chance.randrange(rows),))

    figures = []
    steps: dict[str, Step] = {
        "point read": read_key,
        "newest 50": read_newest,
        "insert": write,
        "update": change,
    }
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        alone = beside(place, steps, lambda: time.sleep(SECONDS_ALONE * min(1.0, setting.scale)))
        flushed: list[tuple[object, ...]] = []
        flush = "STORAGE FLUSH TABLE t"
        with_flush = beside(place, steps, lambda: flushed.extend(con.execute(flush).fetchall()))
    finally:
        sys.setswitchinterval(before)
    con.close()
    for name in steps:
        typical = statistics.median(with_flush[name]) * 1e3
        figures += [
            Figure(f"{name}, longest without a flush", max(alone[name]) * 1e3, "ms"),
            Figure(f"{name} beside a flush of {rows:,} rows, median", typical, "ms"),
            Figure(f"{name} beside it, longest", max(with_flush[name]) * 1e3, "ms", 10),
        ]
    return figures


def beside(
    place: Path, steps: dict[str, Step], work: Callable[[], None]
) -> dict[str, list[float]]:
    """The seconds of each step while `work` runs: reads in one thread, writes in another."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    over = threading.Event()
    problems: list[Exception] = []

    def go(names: list[str]) -> None:
        session, chance = connect(place), random.Random(7)
        try:
            while not over.is_set():
                for name in names:
                    start = time.perf_counter()
                    steps[name](session, chance)
                    times[name].append(time.perf_counter() - start)
        except Exception as error:
            problems.append(error)
        finally:
            session.close()

    names = list(steps)
    threads = [threading.Thread(target=go, args=(part,)) for part in (names[:2], names[2:])]
    for thread in threads:
        thread.start()
    try:
        work()
    finally:
        over.set()
        for thread in threads:
            thread.join()
    if problems:
        raise problems[0]
    return times
