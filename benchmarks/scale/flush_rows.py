"""One million hot rows to segments: the time of all cores together."""

import pyarrow as pa

from scale.figure import Figure, Setting, connect, processor_seconds

ROWS = 1_000_000
# More rows at once go past the hot tier.
CHUNK = 10_000


def run(setting: Setting) -> list[Figure]:
    rows = setting.count(ROWS, 10_000)
    con = connect(setting.empty("flush_rows"))
    con.execute("CREATE TABLE t (id BIGINT PRIMARY KEY, at TIMESTAMP, n INT, text TEXT)")
    for first in range(0, rows, CHUNK):
        ids = list(range(first, min(first + CHUNK, rows)))
        con.append(
            "t",
            pa.table(
                {
                    "id": pa.array(ids, pa.int64()),
                    "at": pa.array(ids, pa.timestamp("us")),
                    "n": pa.array([at % 1000 for at in ids], pa.int32()),
                    "text": [f"some words of row {at}" for at in ids],
                }
            ),
        )
    flushed: list[tuple[object, ...]] = []
    wall, used = processor_seconds(
        lambda: flushed.extend(con.execute("STORAGE FLUSH TABLE t").fetchall())
    )
    assert rows in flushed[0], flushed
    con.close()
    million = rows / 1_000_000
    return [
        Figure(f"flush of {rows:,} hot rows, per million: wall", wall / million, "s"),
        Figure(f"flush of {rows:,} hot rows, per million: all cores", used / million, "s", 1.0),
    ]
