"""The newest 50 rows of one user among 1,000 users and among 100,000."""

import random
import statistics
from functools import partial

import kalamdb
import pyarrow as pa

from scale.figure import Figure, Setting, connect, seconds

USERS = (1_000, 100_000)
ROWS_EACH = 50
READS = 2_000
WARM_UP = 200


def run(setting: Setting) -> list[Figure]:
    figures = []
    costs = []
    for full in USERS:
        users = setting.count(full, 20)
        place = setting.empty(f"many_users_{full}")
        con = connect(place)
        con.execute("CREATE USER TABLE feed (id BIGINT PRIMARY KEY, body TEXT, score DOUBLE)")
        # Made beforehand: PyArrow imports pandas for the first list, half a second.
        insert = seconds(partial(fill, con, users, rows_of_one()))
        hot = newest(con, users)
        flush = seconds(partial(con.execute, "STORAGE FLUSH TABLE feed"))
        cold = newest(con, users)
        con.close()
        costs.append((hot, cold))
        rows = users * ROWS_EACH
        figures += [
            Figure(f"insert, {users:,} users", insert / rows * 1e6, "us/row"),
            Figure(f"flush, {users:,} users", flush / rows * 1e6, "us/row"),
            Figure(f"newest 50, hot, {users:,} users", hot, "us"),
            Figure(f"newest 50, flushed, {users:,} users", cold, "us"),
        ]
    (few_hot, few_cold), (many_hot, many_cold) = costs
    figures.append(Figure("newest 50, hot: many users over few", many_hot / few_hot, "x", 1.2))
    figures.append(Figure("newest 50, flushed: many users over few", many_cold / few_cold, "x", 1.2))
    return figures


def rows_of_one() -> pa.Table:
    ids = list(range(ROWS_EACH))
    return pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "body": [f"message number {at} of the feed" for at in ids],
            "score": [at / ROWS_EACH for at in ids],
        }
    )


def fill(con: kalamdb.Connection, users: int, rows: pa.Table) -> None:
    for user in range(users):
        con.as_user(f"user-{user}").append("feed", rows)


def newest(con: kalamdb.Connection, users: int) -> float:
    """The median microseconds of a read by a user who is picked at random."""
    sql = f"SELECT id, body, score FROM feed ORDER BY id DESC LIMIT {ROWS_EACH}"
    times = []
    for user in random.Random(3).choices(range(users), k=WARM_UP + READS):
        session = con.as_user(f"user-{user}")

        def read(session: kalamdb.Connection = session) -> None:
            assert len(session.execute(sql).fetchall()) == ROWS_EACH

        times.append(seconds(read) * 1e6)
    return float(statistics.median(times[WARM_UP:]))
