"""A feed of 50 rows for each of a thousand users, and of a hundred thousand."""

import json
import random
from functools import partial
from pathlib import Path

import kalamdb
import pyarrow as pa

from measure import Sample, each_call, once
from stores import Work, connect_kalam

FEW, MANY = 1_000, 100_000
FULL_ROWS = 1_000_000
ROWS_EACH = 50
TABLE = "CREATE USER TABLE feed (id BIGINT PRIMARY KEY, body TEXT, score DOUBLE)"
NEWEST = f"SELECT id, body, score FROM feed ORDER BY id DESC LIMIT {ROWS_EACH}"

# Users who are read for the first time, a sixth of them to warm up. They lie so far apart
# that none is in a block with another, in the hot tier and in the list of segments, however
# many users there are: with one in two of few users, half of the first reads would find
# their blocks read already.
FIRST_READS = 180
# Users who are read again and again: what is kept of them fits in the caches.
READ_AGAIN = 100
REPEATED_READS = 1_000


def users(work: Work, full: int) -> int:
    return max(20, full * min(work.rows, FULL_ROWS) // FULL_ROWS)


def store_name(full: int, tier: str) -> str:
    return f"kalam_feeds_{full}_{tier}"


def rows_of_one() -> pa.Table:
    ids = list(range(ROWS_EACH))
    return pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "body": [f"message number {at} of the feed" for at in ids],
            "score": [at / ROWS_EACH for at in ids],
        }
    )


def fill(con: kalamdb.Connection, count: int) -> None:
    """Each user's rows through the user's own session."""
    rows = rows_of_one()
    for user in range(count):
        con.as_user(f"user-{user}").append("feed", rows)


def newest(con: kalamdb.Connection, user: int) -> None:
    """Reads the whole feed of a user, through a session of theirs."""
    found = con.as_user(f"user-{user}").execute(NEWEST).fetchall()
    if len(found) != ROWS_EACH or found[0][0] != ROWS_EACH - 1:
        raise RuntimeError(f"the feed of user {user} is {found}")


def chosen(count: int, few: int) -> list[int]:
    """Different users in random order, evenly spread over `count`: as many as out of `few`."""
    number = min(FIRST_READS, few)
    spread = [at * count // number for at in range(number)]
    random.Random(3).shuffle(spread)
    return spread


def first_reads(con: kalamdb.Connection, users: list[int]) -> Sample:
    """Users whom nobody asked for since the database was opened: what is known of them is
    read, and their segment is opened, checked and decoded."""
    return each_call(partial(newest, con), users, warm_up=len(users) // 6)


def repeated_reads(con: kalamdb.Connection, users: list[int]) -> Sample:
    """A few users, each of whom was read before."""
    again = users[:READ_AGAIN]
    calls = again + random.Random(5).choices(again, k=REPEATED_READS)
    return each_call(partial(newest, con), calls, warm_up=len(again))


READS = {"first": first_reads, "repeated": repeated_reads}


def build(full: int, tier: str, work: Work, store: Path) -> None:
    """The microseconds per row that it took are in the file `took`."""
    count = users(work, full)
    # Made beforehand: PyArrow imports pandas for the first list, half a second.
    rows_of_one()
    con = connect_kalam(store, "normal")
    con.execute(TABLE)
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
