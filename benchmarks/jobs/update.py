"""One UPDATE by primary key, normal durability."""

import random
from functools import partial

from measure import Case, Goal, Job, Sample, each_call
from stores import Work, connect_kalam, connect_sqlite

COUNT = 2_000


def keys(work: Work) -> list[int]:
    return random.Random(3).sample(range(1, work.rows + 1), k=COUNT + 100)


def kalam(store: str, work: Work) -> Sample:
    with work.copy(store) as copy:
        con = connect_kalam(copy, "normal")
        sql = "UPDATE chat.messages SET content = ? WHERE id = ?"
        sample = each_call(lambda key: con.execute(sql, ["edited", key]), keys(work))
        con.close()
    return sample


def sqlite(work: Work) -> Sample:
    with work.copy("sqlite") as copy:
        con = connect_sqlite(copy, "NORMAL")
        sql = "UPDATE messages SET content = ? WHERE id = ?"
        sample = each_call(lambda key: con.execute(sql, ("edited", key)), keys(work))
        con.close()
    return sample


JOB = Job(
    title="One UPDATE by key, normal",
    unit="us",
    cases=(
        Case("KalamDB, hot", partial(kalam, "kalam_hot"), ("kalam_hot",)),
        Case("KalamDB, cold", partial(kalam, "kalam_cold"), ("kalam_cold",)),
        Case("SQLite, WAL, NORMAL", sqlite, ("sqlite",)),
    ),
    goals=(
        Goal("KalamDB, hot", "SQLite, WAL, NORMAL", at_most=0.7),
        Goal("KalamDB, cold", "SQLite, WAL, NORMAL", at_most=3.0),
    ),
    note="Every key is updated once, so a cold row is still cold when its turn comes.",
    tried=(
        "Of a statement a third is RocksDB's get of the old row, half of that reading and "
        "allocating its block; then the write of the log and the commit. A hot row of plain "
        "values is written without Arrow arrays. The commit looks its key up once more only if "
        "another commit came since the statement's view, which spares 8 % of a statement."
    ),
)
