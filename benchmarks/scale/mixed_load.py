"""Inserts, updates, deletes and reads together, for a time, while the policy flushes and the
background compacts.

Memory may not grow from the end of the warm-up to the end, the folder may not be much larger
than the same rows written once, and nobody may wait for long beside a flush.

The caches have a tenth of the room that they have by default: with 256 MiB of blocks and 192 MiB
of segments this load would fill them for an hour, and what is measured would be that. How full
they are, and what memtables hold, is told beside the memory.
"""

import random
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import kalamdb

from scale.figure import Figure, Setting, connect, disk_bytes, resident_megabytes
from scale.waits import Waits

USERS = 200
KEYS = 5_000
BATCH = 50
TABLE = """
    CREATE USER TABLE item (id BIGINT PRIMARY KEY, version BIGINT, body TEXT)
    WITH (FLUSH_POLICY = 'rows:2000,interval:10', DELETED_RETENTION_HOURS = 0)
"""
# Calls per second of each thread: the load is the same on every machine, and the cores have
# room for what is done beside it.
RATE = 200
CACHE = "24MiB"
# Parts of the time; the first one is to warm up.
PARTS = 6
SECONDS_BETWEEN_LOOKS = 0.5
WAIT_MS_MAX = 10


@dataclass
class Load:
    """What the threads share."""

    ends: float
    waits: dict[str, list[Waits]] = field(default_factory=lambda: {"read": [], "write": []})
    done: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def goes_on(self) -> bool:
        return time.monotonic() < self.ends and not self.problems

    def count(self, what: str) -> None:
        with self.lock:
            self.done[what] = self.done.get(what, 0) + 1


def run(setting: Setting) -> Iterator[Figure]:
    """What is known after each part of the time, so that a run that is cut off has told it."""
    place = setting.empty("mixed_load")
    con = connect(place, cache_bytes=CACHE)
    con.execute(TABLE)
    length = setting.minutes * 60
    load = Load(time.monotonic() + length)
    workers = [worker(load, "write", write, con, seed) for seed in range(2)]
    workers.append(worker(load, "read", read, con, 7))
    jobs = Jobs(con, load)
    # A thread whose call is over would wait five milliseconds for another one's Python.
    sys.setswitchinterval(0.0005)
    memory = []
    for part in range(PARTS):
        memory.append(memory_until(load, load.ends - length * (PARTS - 1 - part) / PARTS, jobs))
        if load.problems:
            break
        minute = setting.minutes * (part + 1) / PARTS
        yield Figure(f"mixed load: memory up to minute {minute:.3g}", memory[-1], "MB")
        for held in ("block_cache", "segment_cache", "memtable"):
            name = f"mixed load: {held.replace('_', ' ')} at minute {minute:.3g}"
            yield Figure(name, held_megabytes(con, f"{held}_bytes"), "MB")
        if part > 1:
            growth = (memory[-1] / memory[1] - 1) * 100
            yield Figure("mixed load: memory growth after the first part", growth, "%", 5)
        yield from longest_waits(load)
    for thread in workers:
        thread.join()
    jobs.look()
    if load.problems:
        raise RuntimeError("; ".join(load.problems))
    for what, count in sorted((load.done | jobs.counts).items()):
        yield Figure(f"mixed load of {setting.minutes:g} minutes: {what}", count, "")
    once = bytes_once(con, setting.empty("mixed_load_copy"))
    for statement in ("STORAGE FLUSH ALL", "STORAGE COMPACT ALL"):
        con.execute(statement).fetchall()
        amplification = disk_bytes(place / "segments") / max(1, once)
        name = f"mixed load: folder after {statement} over the same rows written once"
        yield Figure(name, amplification, "x", 1.5)
    con.close()


def memory_until(load: Load, end: float, jobs: "Jobs") -> float:
    """The mean megabytes of this process from now on."""
    held = []
    while time.monotonic() < end and not load.problems:
        time.sleep(SECONDS_BETWEEN_LOOKS)
        held.append(resident_megabytes())
        jobs.look()
    return statistics.mean(held or [resident_megabytes()])


def held_megabytes(con: kalamdb.Connection, name: str) -> float:
    row = con.execute("SELECT value FROM system.stats WHERE name = ?", (name,)).fetchone()
    assert row is not None, name
    return float(row[0]) / 2**20


def longest_waits(load: Load) -> Iterator[Figure]:
    """The longest of all threads of a kind; of their percentiles, the highest."""
    for what, threads in load.waits.items():
        for where in ("beside", "alone"):
            every = [getattr(one, where) for one in threads]
            title = f"mixed load: a {what} {'beside a flush' if where == 'beside' else 'without one'}"
            yield Figure(f"{title}, calls", sum(one.calls() for one in every), "")
            for percent in (50, 99):
                value = max(one.percentile(percent) for one in every)
                yield Figure(f"{title}, p{percent}", value, "ms")
            goal = WAIT_MS_MAX if where == "beside" else None
            yield Figure(f"{title}, longest", max(one.longest for one in every), "ms", goal)


class Jobs:
    """What is done in the background, and which calls met a flush."""

    def __init__(self, con: kalamdb.Connection, load: Load) -> None:
        self.con = con
        self.load = load
        # Jobs that were over when they were last looked at; the others are counted alone, for
        # what this process holds is what is measured.
        self.over: set[str] = set()
        self.counts: Counter[str] = Counter()

    def look(self) -> None:
        # The calls first: whatever they met has begun by now.
        counts = [(one, one.count) for threads in self.load.waits.values() for one in threads]
        now = time.time()
        jobs = self.con.execute(
            "SELECT job_id, kind, EXTRACT(EPOCH FROM started_at), EXTRACT(EPOCH FROM finished_at)"
            " FROM system.jobs WHERE started_at IS NOT NULL"
            " AND (finished_at IS NULL OR EXTRACT(EPOCH FROM finished_at) > ?)",
            # Whoever met a job may have been at work for long after it.
            (now - 60,),
        ).fetchall()
        # Times of jobs are whole milliseconds.
        flushes = [
            (begun, now if ended is None else ended + 1e-3)
            for _, kind, begun, ended in jobs
            if kind == "flush"
        ]
        for one, count in counts:
            one.settle(count, flushes)
        over = {job: kind for job, kind, _, ended in jobs if ended is not None}
        self.counts.update(f"{over[job]} jobs" for job in over.keys() - self.over)
        self.over = set(over)


Work = Callable[[Load, Waits, kalamdb.Connection, random.Random], None]


def worker(load: Load, what: str, work: Work, con: kalamdb.Connection, seed: int) -> threading.Thread:
    """A thread that goes on until the load ends. If it fails, the load ends."""
    own = Waits()
    load.waits[what].append(own)
    chance = random.Random(seed)

    def loop() -> None:
        try:
            while load.goes_on():
                work(load, own, con.as_user(f"user-{chance.randrange(USERS)}"), chance)
                time.sleep(1 / RATE)
        except Exception as error:
            load.problems.append(repr(error))

    thread = threading.Thread(target=loop)
    thread.start()
    return thread


def write(load: Load, waits: Waits, session: kalamdb.Connection, chance: random.Random) -> None:
    first = chance.randrange(KEYS - BATCH)
    action = chance.choices(("insert", "update", "delete"), (5, 3, 2))[0]
    if action == "insert":
        body = "x" * chance.randrange(200)
        rows = ", ".join(f"({key}, 1, '{body}{key}')" for key in range(first, first + BATCH))
        sql, bounds = f"INSERT INTO item VALUES {rows} ON CONFLICT (id) DO NOTHING", None
    elif action == "update":
        sql, bounds = "UPDATE item SET version = version + 1 WHERE id BETWEEN ? AND ?", (first, first + 10)
    else:
        sql, bounds = "DELETE FROM item WHERE id BETWEEN ? AND ?", (first, first + 20)
    try:
        waits.timed(lambda: session.execute(sql, bounds))
    except kalamdb.ConflictError:
        action = "conflict"
    load.count(f"{action}s")


def read(load: Load, waits: Waits, session: kalamdb.Connection, chance: random.Random) -> None:
    if chance.random() < 0.8:
        newest = "SELECT * FROM item ORDER BY id DESC LIMIT 50"
        waits.timed(lambda: session.execute(newest).fetchall())
        load.count("reads of the newest rows")
    else:
        session.execute("SELECT COUNT(*), SUM(version), MAX(body) FROM item").fetchall()
        load.count("aggregates")


def bytes_once(con: kalamdb.Connection, copy: Path) -> int:
    """The bytes of segments of a database into which each user's rows are put once."""
    fresh = connect(copy)
    fresh.execute("CREATE USER TABLE item (id BIGINT PRIMARY KEY, version BIGINT, body TEXT)")
    for user in range(USERS):
        name = f"user-{user}"
        rows = con.as_user(name).execute("SELECT * FROM item").fetch_arrow_table()
        if rows.num_rows:
            fresh.as_user(name).append("item", rows)
    fresh.execute("STORAGE FLUSH ALL")
    fresh.close()
    return disk_bytes(copy / "segments")
