"""The newest 50 messages of one user."""

import random
from functools import partial

from data import USERS
from measure import Case, Goal, Job, Sample, each_call
from stores import Work, connect_duckdb, connect_kalam, connect_sqlite

READS = 1_000
COLUMNS = "id, role, content, score"


def users() -> list[int]:
    return random.Random(2).choices(range(USERS), k=READS + 100)


def kalam(store: str, work: Work) -> Sample:
    con = connect_kalam(work.store(store))
    sql = f"SELECT {COLUMNS} FROM chat.messages ORDER BY id DESC LIMIT 50"
    return each_call(lambda user: con.as_user(f"user-{user}").execute(sql).fetchall(), users())


def sqlite(work: Work) -> Sample:
    con = connect_sqlite(work.store("sqlite"))
    sql = f"SELECT {COLUMNS} FROM messages WHERE user_id = ? ORDER BY id DESC LIMIT 50"
    return each_call(lambda user: con.execute(sql, (user,)).fetchall(), users())


def duckdb(work: Work) -> Sample:
    con = connect_duckdb(work.store("duckdb"))
    sql = f"SELECT {COLUMNS} FROM messages WHERE user_id = ? ORDER BY id DESC LIMIT 50"
    return each_call(lambda user: con.execute(sql, [user]).fetchall(), users())


JOB = Job(
    title="Newest 50 of one user",
    unit="us",
    cases=(
        Case("KalamDB, hot", partial(kalam, "kalam_users_hot"), ("kalam_users_hot",)),
        Case("KalamDB, cold", partial(kalam, "kalam_users_cold"), ("kalam_users_cold",)),
        Case("KalamDB, mixed", partial(kalam, "kalam_users_mixed"), ("kalam_users_mixed",)),
        Case("SQLite, indexed", sqlite, ("sqlite",)),
        Case("DuckDB", duckdb, ("duckdb",)),
    ),
    goals=(
        Goal("KalamDB, hot", "SQLite, indexed", at_most=1.0),
        Goal("KalamDB, cold", "SQLite, indexed", at_most=1.0),
        Goal("KalamDB, mixed", "SQLite, indexed", at_most=1.0),
    ),
    note="10,000 users; KalamDB makes the user's session and reads a USER table through it."
    " Mixed: the older 80 % in segments, the newer 20 % hot.",
    tried=(
        "A user's rows are a small file of their own. A first read looks the file up in the "
        "manifest, opens and checks it, parses its footer and decodes all of its rows. Pages of "
        "so few rows are compressed by LZ4, and zstd's decoders are kept from one read to the "
        "next: making one for each column was half of a first read. The rows of a segment are "
        "copied once, not twice."
    ),
)
