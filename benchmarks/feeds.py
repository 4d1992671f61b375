"""A feed of 50 rows for each of a thousand users, and of a hundred thousand."""

import json
from functools import partial
from pathlib import Path

import kalamdb
import pyarrow as pa

from measure import once
from stores import Work, connect_kalam

FEW, MANY = 1_000, 100_000
FULL_ROWS = 1_000_000
ROWS_EACH = 50


def users(work: Work, full: int) -> int:
    return max(20, full * min(work.rows, FULL_ROWS) // FULL_ROWS)


def store_name(full: int, tier: str) -> str:
    return f"kalam_feeds_{full}_{tier}"


def fill(con: kalamdb.Connection, count: int) -> None:
    """Each user's rows through the user's own session."""
    ids = list(range(ROWS_EACH))
    rows = pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "body": [f"message number {at} of the feed" for at in ids],
            "score": [at / ROWS_EACH for at in ids],
        }
    )
    for user in range(count):
        con.as_user(f"user-{user}").append("feed", rows)


def build(full: int, tier: str, work: Work, store: Path) -> None:
    """The microseconds per row that it took are in the file `took`."""
    count = users(work, full)
    con = connect_kalam(store, "normal")
    con.execute("CREATE USER TABLE feed (id BIGINT PRIMARY KEY, body TEXT, score DOUBLE)")
    insert = once(lambda: fill(con, count))
    flush = 0.0
    if tier == "cold":
        flush = once(lambda: con.execute("STORAGE FLUSH TABLE feed").fetchall())
    con.close()
    per_row = {"insert": insert, "flush": flush}
    took = {what: seconds / (count * ROWS_EACH) * 1e6 for what, seconds in per_row.items()}
    (store / "took").write_text(json.dumps(took))


def took(work: Work, full: int, what: str) -> float:
    return float(json.loads((work.store(store_name(full, "cold")) / "took").read_text())[what])


BUILDERS = {
    store_name(full, tier): partial(build, full, tier)
    for full in (FEW, MANY)
    for tier in ("hot", "cold")
}
