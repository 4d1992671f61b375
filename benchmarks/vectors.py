"""100,000 vectors of 384 dimensions, 100 of each of 1,000 users, and what holds them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from stores import HOT_APPEND_ROWS, Work, connect_duckdb, connect_kalam

SEED = 384
DIMENSIONS = 384
FULL_VECTORS = 100_000
FULL_ROWS = 1_000_000
USER_VECTORS = 100
NEAREST = 10

Matrix = np.ndarray[Any, np.dtype[np.float32]]


def count(work: Work) -> int:
    return max(1_000, FULL_VECTORS * work.rows // FULL_ROWS)


def users(work: Work) -> int:
    return count(work) // USER_VECTORS


def matrix(work: Work) -> Matrix:
    """Vectors around a centre for each user, as texts of one author lie together; a row's id
    is its number."""
    rng = np.random.default_rng(SEED)
    centres = rng.standard_normal((users(work), DIMENSIONS), dtype=np.float32)
    around = np.repeat(centres, USER_VECTORS, axis=0)
    found: Matrix = around + rng.standard_normal(around.shape, dtype=np.float32)
    return found


def questions(work: Work, number: int) -> Matrix:
    """Vectors near to stored ones."""
    rng = np.random.default_rng(SEED + 1)
    stored = matrix(work)[rng.integers(0, count(work), number)]
    noise = rng.standard_normal(stored.shape, dtype=np.float32)
    found: Matrix = stored + noise / np.float32(2)
    return found


def table(vectors: Matrix, first: int = 0) -> pa.Table:
    """Columns `id` from `first` on and `e`."""
    items = pa.array(np.ascontiguousarray(vectors).reshape(-1), pa.float32())
    return pa.table(
        {
            "id": np.arange(first, first + len(vectors), dtype=np.int64),
            "e": pa.FixedSizeListArray.from_arrays(items, DIMENSIONS),
        }
    )


def agree(one: Sequence[Sequence[int]], other: Sequence[Sequence[int]]) -> bool:
    """Whether the same rows are nearest: sums of another order may swap a few at the end."""
    shared = sum(len(set(left) & set(right)) for left, right in zip(one, other))
    return shared >= 0.98 * sum(len(rows) for rows in one)


def build_kalam(work: Work, store: Path, is_hot: bool) -> None:
    con = connect_kalam(store, "normal")
    con.execute(f"CREATE TABLE doc (id BIGINT PRIMARY KEY, e EMBEDDING({DIMENSIONS}))")
    vectors = matrix(work)
    step = HOT_APPEND_ROWS // 10 if is_hot else len(vectors)
    for first in range(0, len(vectors), step):
        con.append("doc", table(vectors[first : first + step], first))
    if not is_hot:
        con.execute("STORAGE FLUSH TABLE doc")
    con.close()


def build_kalam_users(work: Work, store: Path, is_hot: bool) -> None:
    con = connect_kalam(store, "normal")
    con.execute(f"CREATE USER TABLE doc (id BIGINT PRIMARY KEY, e EMBEDDING({DIMENSIONS}))")
    vectors = matrix(work)
    for user in range(users(work)):
        first = user * USER_VECTORS
        con.as_user(f"user-{user}").append("doc", table(vectors[first : first + USER_VECTORS], first))
    if not is_hot:
        con.execute("STORAGE FLUSH TABLE doc")
    con.close()


def with_users(work: Work) -> pa.Table:
    """The table with the number of the user beside each vector, for systems without users."""
    rows = table(matrix(work))
    owners = np.arange(rows.num_rows, dtype=np.int64) // USER_VECTORS
    return rows.append_column("owner", pa.array(owners))


def build_duckdb(work: Work, store: Path) -> None:
    con = connect_duckdb(store)
    con.register("vectors", with_users(work))
    con.execute(f"CREATE TABLE doc AS SELECT id, owner, e::FLOAT[{DIMENSIONS}] AS e FROM vectors")
    con.execute("CHECKPOINT")
    con.close()


def build_lancedb(work: Work, store: Path) -> None:
    import lancedb

    lancedb.connect(str(store / "db")).create_table("doc", with_users(work))


BUILDERS = {
    "kalam_vectors_hot": lambda work, store: build_kalam(work, store, is_hot=True),
    "kalam_vectors_cold": lambda work, store: build_kalam(work, store, is_hot=False),
    "kalam_user_vectors_hot": lambda work, store: build_kalam_users(work, store, is_hot=True),
    "kalam_user_vectors_cold": lambda work, store: build_kalam_users(work, store, is_hot=False),
    "duckdb_vectors": build_duckdb,
    "lancedb_vectors": build_lancedb,
}
