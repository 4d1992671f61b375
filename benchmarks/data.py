"""The chat messages that every benchmark uses: the same rows from the same seed."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SEED = 20_130_101
USERS = 10_000
ROLES = ("user", "assistant", "system")
COLUMNS = ("id", "user_id", "role", "content", "score", "created_at")
FIRST_MICROSECOND = 1_735_689_600_000_000  # 2025-01-01


def messages(folder: Path, rows: int) -> pa.Table:
    """Messages 1 to `rows`, read from a file in `folder` that the first call writes.

    id int64, ascending; user_id int64 of 10,000 users, evenly spread; role utf8; content
    utf8, 5 to 15 words; score float64, three decimals from 0 to 1; created_at
    timestamp[us], ascending.
    """
    file = folder / f"messages-{rows}.parquet"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(generate(rows), file)
    return pq.read_table(file)


def generate(rows: int) -> pa.Table:
    rng = np.random.default_rng(SEED)
    return pa.table(
        {
            "id": np.arange(1, rows + 1, dtype=np.int64),
            "user_id": rng.permutation(np.arange(rows, dtype=np.int64) % USERS),
            "role": pa.array(ROLES).take(pa.array(rng.choice(3, rows, p=[0.48, 0.48, 0.04]))),
            "content": contents(rng, rows),
            "score": rng.random(rows).round(3),
            "created_at": pa.array(
                FIRST_MICROSECOND + np.cumsum(rng.integers(1, 2_000_000, rows)),
                type=pa.timestamp("us"),
            ),
        }
    )


def contents(rng: np.random.Generator, rows: int) -> pa.Array:
    """Sentences of words whose frequency falls as in natural text (Zipf)."""
    letters = np.array(list("etaoinshrdlucmfw"))
    words = np.array(["".join(rng.choice(letters, n)) for n in rng.integers(2, 10, 5_000)])
    weights = 1 / np.arange(1, len(words) + 1)
    lengths = rng.integers(5, 16, rows)
    chosen = words[rng.choice(len(words), int(lengths.sum()), p=weights / weights.sum())]
    ends = np.cumsum(lengths)
    return pa.array(
        [" ".join(chosen[end - length : end]) for end, length in zip(ends, lengths)]
    )
