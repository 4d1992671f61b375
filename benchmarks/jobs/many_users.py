"""The newest 50 rows of one user among a thousand users, and among a hundred thousand: of a
user whom nobody read before, and of one who is read again."""

from functools import partial

import feeds
from feeds import FEW, MANY
from measure import Case, Goal, Job, Sample
from stores import Work, connect_kalam

TIERS = ("hot", "cold")


def newest(full: int, tier: str, which: str, work: Work) -> Sample:
    con = connect_kalam(work.store(feeds.store_name(full, tier)))
    users = feeds.chosen(feeds.users(work, full), feeds.users(work, FEW))
    return feeds.READS[which](con, users)


def build_time(full: int, what: str, work: Work) -> Sample:
    return Sample(feeds.took(work, full, what))


def reads(full: int, tier: str, which: str) -> str:
    return f"{full:,} users, {tier}, {which} read"


def built(full: int, what: str) -> str:
    return f"{full:,} users, {what} of a row"


def read_case(full: int, tier: str, which: str) -> Case:
    run = partial(newest, full, tier, which)
    return Case(reads(full, tier, which), run, (feeds.store_name(full, tier),))


def build_case(full: int, what: str) -> Case:
    run = partial(build_time, full, what)
    return Case(built(full, what), run, (feeds.store_name(full, "cold"),))


JOB = Job(
    title="Newest 50 of one of many users",
    unit="us",
    cases=(
        *(
            read_case(full, tier, which)
            for tier in TIERS
            for which in feeds.READS
            for full in (FEW, MANY)
        ),
        *(build_case(full, what) for what in ("insert", "flush") for full in (FEW, MANY)),
    ),
    goals=(
        *(
            Goal(reads(MANY, tier, which), reads(FEW, tier, which), at_most=1.2)
            for tier in TIERS
            for which in feeds.READS
        ),
        *(Goal(built(MANY, what), built(FEW, what), at_most=1.2) for what in ("insert", "flush")),
    ),
    note="KalamDB, 50 rows each, appended through each user's own session and flushed to a file for each."
    " First: nobody asked for the user since the database was opened, so the user's file is opened,"
    " checked and decoded. Repeated: one of 100 users who were read before.",
    rounds=3,
    tried=(
        "A first read opens a file, reads its footer and its pages. Files of up to 1,024 rows "
        "have no page index, short ones are not compressed and others have LZ4: decoders of zstd "
        "took half of a first read, of few users and of many. What is left of the difference was "
        "not taken apart."
    ),
)
