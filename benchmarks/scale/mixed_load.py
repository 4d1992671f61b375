"""Inserts, updates, deletes, reads, flushes and compaction together, for a time.

Memory may not grow from the first third of the time to the last, and the folder may not
be much larger than the same rows written once.
"""

import random
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import kalamdb

from scale.figure import Figure, Setting, connect, disk_bytes, resident_megabytes

USERS = 200
KEYS = 5_000
BATCH = 50
SECONDS_BETWEEN_FLUSHES = 5
SECONDS_BETWEEN_COMPACTIONS = 20


@dataclass
class Load:
    """What the threads share."""

    ends: float
    scale: float
    done: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def goes_on(self) -> bool:
        return time.monotonic() < self.ends and not self.problems

    def count(self, what: str) -> None:
        with self.lock:
            self.done[what] = self.done.get(what, 0) + 1


def run(setting: Setting) -> list[Figure]:
    place = setting.empty("mixed_load")
    con = connect(place)
    con.execute(
        "CREATE USER TABLE item (id BIGINT PRIMARY KEY, version BIGINT, body TEXT)"
        " WITH (FLUSH_POLICY = 'rows:2000,interval:10', DELETED_RETENTION_HOURS = 0)"
    )
    load = Load(time.monotonic() + setting.minutes * 60, setting.scale)
    workers = [threading.Thread(target=guarded, args=(load, write, con, n)) for n in range(2)]
    workers.append(threading.Thread(target=guarded, args=(load, read, con, 7)))
    workers.append(threading.Thread(target=guarded, args=(load, tidy_up, con, 0)))
    for worker in workers:
        worker.start()
    memory: list[float] = []
    while load.goes_on():
        time.sleep(min(1.0, setting.minutes * 60 / 60))
        memory.append(resident_megabytes())
    for worker in workers:
        worker.join()
    if load.problems:
        raise RuntimeError("; ".join(load.problems))
    third = max(1, len(memory) // 3)
    early = statistics.mean(memory[third : 2 * third] or memory)
    late = statistics.mean(memory[-third:])
    for statement in ("STORAGE FLUSH ALL", "STORAGE COMPACT ALL"):
        maintain(con, statement, load)
    amplification = folder_over_copy(con, place, setting.empty("mixed_load_copy"))
    con.close()
    figures = [
        Figure(f"mixed load of {setting.minutes:g} minutes: memory growth", (late / early - 1) * 100, "%", 5),
        Figure("mixed load: folder over the same rows written once", amplification, "x", 1.5),
    ]
    figures += [Figure(f"mixed load: {what}", count, "") for what, count in sorted(load.done.items())]
    return figures


Work = Callable[[Load, kalamdb.Connection, random.Random], None]


def guarded(load: Load, work: Work, con: kalamdb.Connection, seed: int) -> None:
    """A thread that fails ends the load, and the measure with it."""
    try:
        work(load, con, random.Random(seed))
    except Exception as error:
        load.problems.append(repr(error))


def session_of(con: kalamdb.Connection, chance: random.Random) -> kalamdb.Connection:
    return con.as_user(f"user-{chance.randrange(USERS)}")


def write(load: Load, con: kalamdb.Connection, chance: random.Random) -> None:
    while load.goes_on():
        session = session_of(con, chance)
        first = chance.randrange(KEYS - BATCH)
        action = chance.choices(("insert", "update", "delete"), (5, 3, 2))[0]
        try:
            if action == "insert":
                body = "x" * chance.randrange(200)
                rows = ", ".join(f"({key}, 1, '{body}{key}')" for key in range(first, first + BATCH))
                session.execute(f"INSERT INTO item VALUES {rows} ON CONFLICT (id) DO NOTHING")
            elif action == "update":
                session.execute(
                    "UPDATE item SET version = version + 1 WHERE id BETWEEN ? AND ?",
                    (first, first + 10),
                )
            else:
                session.execute("DELETE FROM item WHERE id BETWEEN ? AND ?", (first, first + 20))
        except kalamdb.ConflictError:
            action = "conflicts"
        load.count(action)


def read(load: Load, con: kalamdb.Connection, chance: random.Random) -> None:
    while load.goes_on():
        session = session_of(con, chance)
        if chance.random() < 0.8:
            session.execute("SELECT * FROM item ORDER BY id DESC LIMIT 50").fetchall()
            load.count("newest rows")
        else:
            session.execute("SELECT COUNT(*), SUM(version), MAX(body) FROM item").fetchall()
            load.count("aggregates")


def tidy_up(load: Load, con: kalamdb.Connection, _chance: random.Random) -> None:
    """What the background does by itself is done here too, for versions without it."""
    flush, compact = time.monotonic(), time.monotonic()
    while load.goes_on():
        time.sleep(0.1)
        if time.monotonic() - flush > SECONDS_BETWEEN_FLUSHES:
            maintain(con, "STORAGE FLUSH TABLE item", load)
            flush = time.monotonic()
        if time.monotonic() - compact > SECONDS_BETWEEN_COMPACTIONS:
            maintain(con, "STORAGE COMPACT TABLE item", load)
            compact = time.monotonic()


def maintain(con: kalamdb.Connection, statement: str, load: Load) -> None:
    try:
        con.execute(statement).fetchall()
    except kalamdb.NotSupportedError:
        return
    load.count(" ".join(statement.split()[:2]).lower())


def folder_over_copy(con: kalamdb.Connection, place: Path, copy: Path) -> float:
    """The folder's size over that of a database into which each user's rows were put once."""
    fresh = connect(copy)
    fresh.execute("CREATE USER TABLE item (id BIGINT PRIMARY KEY, version BIGINT, body TEXT)")
    for user in range(USERS):
        name = f"user-{user}"
        rows = con.as_user(name).execute("SELECT * FROM item").fetch_arrow_table()
        if rows.num_rows:
            fresh.as_user(name).append("item", rows)
    fresh.execute("STORAGE FLUSH ALL")
    fresh.close()
    return disk_bytes(place / "segments") / max(1, disk_bytes(copy / "segments"))
