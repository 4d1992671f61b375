"""Opening and closing leaves no memory behind. `KALAM_CYCLES=10000` runs as many as are promised."""

import gc
import os
import sys

import kalamdb
import pytest

CYCLES = int(os.environ.get("KALAM_CYCLES", "40"))
WARM = 1_000 if CYCLES >= 1_000 else CYCLES // 4 + 20


def resident():
    """Bytes of the process that are in memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def cycle():
    with kalamdb.connect() as db:
        db.execute("CREATE TABLE t (id BIGINT PRIMARY KEY, body TEXT)")
        db.executemany("INSERT INTO t VALUES (?, ?)", [(1, "x"), (2, "y")])
        with pytest.raises(kalamdb.ProgrammingError):
            db.execute("SELECT nothing")
        statement = db.prepare("SELECT body FROM t WHERE id = ?")
        assert statement.execute([1]).fetchone() == ("x",)
        cursor = db.cursor()
        cursor.execute("SELECT id FROM t ORDER BY id")
        assert cursor.fetchall() == [(1,), (2,)]
        unread = db.execute("SELECT id, body FROM t")
        capsule = db.execute("SELECT id FROM t").__arrow_c_stream__()
    del unread, capsule


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_opening_and_closing_leaves_no_memory_behind():
    for _ in range(WARM):
        cycle()
    gc.collect()
    before = resident()
    for done in range(1, CYCLES + 1):
        cycle()
        if done % 1_000 == 0:
            print(f"{WARM + done} cycles: {resident() // 1024} KiB")
    gc.collect()
    grown = resident() - before
    print(f"{WARM + CYCLES} cycles: {grown // 1024:+} KiB since the first {WARM}")
    # What a cycle leaves behind grows with their number; the allocator's own does not.
    assert grown < (8 << 20) + CYCLES * 256
