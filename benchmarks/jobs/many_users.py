"""The newest 50 rows of one user among a thousand users, and among a hundred thousand."""

import random
from functools import partial

import feeds
from feeds import FEW, MANY, ROWS_EACH
from measure import Case, Goal, Job, Sample, each_call
from stores import Work, connect_kalam

READS = 1_000


def newest(full: int, tier: str, work: Work) -> Sample:
    con = connect_kalam(work.store(feeds.store_name(full, tier)))
    sql = f"SELECT id, body, score FROM feed ORDER BY id DESC LIMIT {ROWS_EACH}"
    users = random.Random(3).choices(range(feeds.users(work, full)), k=READS + 100)
    return each_call(lambda user: con.as_user(f"user-{user}").execute(sql).fetchall(), users)


def built(full: int, what: str, work: Work) -> Sample:
    return Sample(feeds.took(work, full, what))


def read_case(full: int, tier: str) -> Case:
    return Case(f"{full:,} users, {tier}", partial(newest, full, tier), (feeds.store_name(full, tier),))


def build_case(full: int, what: str) -> Case:
    name = f"{full:,} users, {what} of a row"
    return Case(name, partial(built, full, what), (feeds.store_name(full, "cold"),))


JOB = Job(
    title="Newest 50 of one of many users",
    unit="us",
    cases=(
        *(read_case(full, tier) for tier in ("hot", "cold") for full in (FEW, MANY)),
        *(build_case(full, what) for what in ("insert", "flush") for full in (FEW, MANY)),
    ),
    goals=tuple(
        Goal(f"{MANY:,} users, {tier}", f"{FEW:,} users, {tier}", at_most=1.2)
        for tier in ("hot", "cold")
    ),
    note="KalamDB, 50 rows each, appended through each user's own session and flushed to a file for each.",
    rounds=3,
)
