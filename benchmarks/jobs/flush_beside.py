"""How long readers and writers wait while hot rows are flushed."""

import random
import threading
import time
from collections.abc import Callable

import numpy as np

from jobs.insert import MARKS, row
from measure import Case, Goal, Job, Sample
from stores import Work, connect_kalam

# Calls per second of each thread, so that they find the flush at work and leave it the cores.
RATE = 500


def durations(call: Callable[[int], object], ends: threading.Event) -> list[float]:
    """Milliseconds of each call until the event."""
    taken = []
    number = 0
    while not ends.is_set():
        start = time.perf_counter()
        call(number)
        taken.append((time.perf_counter() - start) * 1e3)
        number += 1
        time.sleep(1 / RATE)
    return taken


def kalam(what: str, beside_flush: bool, work: Work) -> Sample:
    """The longest call of one kind."""
    with work.copy("kalam_hot") as store:
        con = connect_kalam(store, "normal")
        insert = con.prepare(f"INSERT INTO chat.messages {MARKS}")
        read = con.prepare("SELECT id, content FROM chat.messages WHERE id = ?")
        keys = random.Random(11).choices(range(1, work.rows + 1), k=1_000_000)
        calls: dict[str, Callable[[int], object]] = {
            "read": lambda number: read.execute([keys[number]]).fetchall(),
            "insert": lambda number: insert.execute(row(work.rows + 1 + number)),
        }
        for number in range(100):
            calls["read"](number)
        ends = threading.Event()
        taken: list[float] = []
        worker = threading.Thread(target=lambda: taken.extend(durations(calls[what], ends)))
        worker.start()
        if beside_flush:
            con.execute("STORAGE FLUSH TABLE chat.messages").fetchall()
        else:
            time.sleep(1)
        ends.set()
        worker.join()
        con.close()
    return Sample(max(taken), p99=float(np.percentile(taken, 99)))


def case(what: str, beside_flush: bool) -> Case:
    name = f"KalamDB, {what}{' beside a flush' if beside_flush else ', nothing else'}"
    return Case(name, lambda work: kalam(what, beside_flush, work), ("kalam_hot",))


JOB = Job(
    title="Longest wait beside a flush",
    unit="ms",
    cases=tuple(case(what, beside) for what in ("read", "insert") for beside in (True, False)),
    goals=(
        Goal("KalamDB, read beside a flush", None, at_most=10.0),
        Goal("KalamDB, insert beside a flush", None, at_most=10.0),
    ),
    note=f"The longest single call of a thread that makes {RATE} a second while all rows are flushed;"
    " what it takes when nothing else is at work says how much of it is the machine.",
    rounds=3,
)
