"""The ten nearest of all vectors by cosine distance, without an index."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import vectors
from measure import Case, Goal, Job, Sample, each_call
from stores import Work, connect_duckdb, connect_kalam
from vectors import DIMENSIONS, NEAREST

READS = 15
WARM_UP = 5


def sample(work: Work, ids: Callable[[Any], list[int]]) -> Sample:
    """Milliseconds of one search; the answer is the ids of each."""
    found: list[list[int]] = []
    questions = vectors.questions(work, READS + WARM_UP)
    taken = each_call(lambda question: found.append(ids(question)), questions, WARM_UP)
    return Sample(taken.value / 1e3, (taken.p99 or 0.0) / 1e3, found)


def differences(one: list[list[int]], other: list[list[int]]) -> str:
    return "" if vectors.agree(one, other) else "other rows are nearest"


def kalam(store: str, work: Work) -> Sample:
    con = connect_kalam(work.store(store))
    statement = con.prepare(f"SELECT id FROM doc ORDER BY e <=> ? LIMIT {NEAREST}")
    return sample(work, lambda question: [id for id, in statement.execute([question]).fetchall()])


def duckdb(work: Work) -> Sample:
    con = connect_duckdb(work.store("duckdb_vectors"))
    sql = f"SELECT id FROM doc ORDER BY array_cosine_distance(e, ?::FLOAT[{DIMENSIONS}]) LIMIT {NEAREST}"
    return sample(work, lambda question: [id for id, in con.execute(sql, [question]).fetchall()])


def lancedb(work: Work) -> Sample:
    import lancedb

    table: Any = lancedb.connect(str(work.store("lancedb_vectors") / "db")).open_table("doc")

    def ids(question: Any) -> list[int]:
        search = table.search(question).distance_type("cosine").limit(NEAREST).select(["id", "_distance"])
        return [int(id) for id in search.to_arrow()["id"].to_pylist()]

    return sample(work, ids)


def usearch(work: Work) -> Sample:
    from usearch.index import search

    stored = vectors.matrix(work)

    def ids(question: Any) -> list[int]:
        found = search(stored, question, NEAREST, metric="cos", exact=True)
        return [int(key) for key in found.keys]

    return sample(work, ids)


def numpy(work: Work) -> Sample:
    """The lengths of the vectors are known, so a search is one product and a partition."""
    stored = vectors.matrix(work)
    lengths = np.linalg.norm(stored, axis=1)

    def ids(question: Any) -> list[int]:
        near = stored @ question / lengths
        nearest = np.argpartition(-near, NEAREST)[:NEAREST]
        return [int(id) for id in nearest[np.argsort(-near[nearest])]]

    return sample(work, ids)


JOB = Job(
    title="Nearest 10 of 100,000 vectors, exact",
    unit="ms",
    cases=(
        Case("KalamDB, hot", partial(kalam, "kalam_vectors_hot"), ("kalam_vectors_hot",)),
        Case("KalamDB, cold", partial(kalam, "kalam_vectors_cold"), ("kalam_vectors_cold",)),
        Case("numpy", numpy),
        Case("usearch, exact", usearch),
        Case("DuckDB", duckdb, ("duckdb_vectors",)),
        Case("LanceDB, no index", lancedb, ("lancedb_vectors",)),
    ),
    goals=(
        Goal("KalamDB, hot", "numpy", at_most=1.0),
        Goal("KalamDB, cold", "numpy", at_most=1.0),
    ),
    note="384 dimensions, 32-bit floats, cosine distance, one query at a time. numpy holds the"
    " vectors and their lengths in memory and has no database to keep.",
    rounds=3,
    differences=differences,
    tried=(
        "Distances are computed from sketches of 8 bits an element where they lie, and only "
        "rows that may be nearest are read in full, so the answer is exact. numpy multiplies "
        "a matrix that is in memory already."
    ),
)
