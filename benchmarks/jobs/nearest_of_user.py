"""The ten nearest of one user's vectors."""

import random
from functools import partial
from typing import Any

import vectors
from jobs.nearest import differences
from measure import Case, Goal, Job, Sample, each_call
from stores import Work, connect_duckdb, connect_kalam
from vectors import DIMENSIONS, NEAREST

READS = 100
WARM_UP = 20


def questions(work: Work, number: int) -> list[tuple[int, Any]]:
    """A user and a vector."""
    owners = random.Random(5).choices(range(vectors.users(work)), k=number)
    return list(zip(owners, vectors.questions(work, number)))


def sample(work: Work, ids: Any, reads: int = READS, warm_up: int = WARM_UP) -> Sample:
    found: list[list[int]] = []
    asked = questions(work, READS + WARM_UP)[: reads + warm_up]
    taken = each_call(lambda question: found.append(ids(*question)), asked, warm_up)
    return Sample(taken.value, taken.p99, found[: 10 + 2])


def kalam(store: str, work: Work) -> Sample:
    con = connect_kalam(work.store(store))
    sql = f"SELECT id FROM doc ORDER BY e <=> ? LIMIT {NEAREST}"

    def ids(owner: int, question: Any) -> list[int]:
        return [id for id, in con.as_user(f"user-{owner}").execute(sql, [question]).fetchall()]

    return sample(work, ids)


def duckdb(work: Work) -> Sample:
    con = connect_duckdb(work.store("duckdb_vectors"))
    sql = ("SELECT id FROM doc WHERE owner = ?"
           f" ORDER BY array_cosine_distance(e, ?::FLOAT[{DIMENSIONS}]) LIMIT {NEAREST}")

    def ids(owner: int, question: Any) -> list[int]:
        return [id for id, in con.execute(sql, [owner, question]).fetchall()]

    return sample(work, ids)


def lancedb(work: Work) -> Sample:
    import lancedb

    table: Any = lancedb.connect(str(work.store("lancedb_vectors") / "db")).open_table("doc")

    def ids(owner: int, question: Any) -> list[int]:
        search = table.search(question).where(f"owner = {owner}", prefilter=True)
        found = search.distance_type("cosine").limit(NEAREST).select(["id", "_distance"]).to_arrow()
        return [int(id) for id in found["id"].to_pylist()]

    return sample(work, ids, reads=10, warm_up=2)


JOB = Job(
    title="Nearest 10 of one user's 100 vectors",
    unit="us",
    cases=(
        Case("KalamDB, hot", partial(kalam, "kalam_user_vectors_hot"), ("kalam_user_vectors_hot",)),
        Case("KalamDB, cold", partial(kalam, "kalam_user_vectors_cold"), ("kalam_user_vectors_cold",)),
        Case("DuckDB", duckdb, ("duckdb_vectors",)),
        Case("LanceDB, no index", lancedb, ("lancedb_vectors",)),
    ),
    goals=(
        Goal("KalamDB, hot", None, at_most=500.0),
        Goal("KalamDB, cold", None, at_most=500.0),
    ),
    note="1,000 users; KalamDB makes the user's session and reads a USER table through it,"
    " the others filter one table.",
    rounds=3,
    differences=differences,
    tried=(
        "No plan is made for a search alone; distances are computed on the records and pages."
    ),
)
