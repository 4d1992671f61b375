"""10 million rows and 1,000 tables: how long an open takes."""

import statistics

import pyarrow as pa

from scale.figure import Figure, Setting, connect, seconds

ROWS = 10_000_000
TABLES = 1_000
CHUNK = 250_000
OPENS = 5


def run(setting: Setting) -> list[Figure]:
    place = setting.empty("open_large")
    rows, tables = setting.count(ROWS, 10_000), setting.count(TABLES, 10)
    con = connect(place)
    con.execute("CREATE TABLE big (id BIGINT PRIMARY KEY, value BIGINT, text TEXT)")
    for table in range(tables - 1):
        con.execute(f"CREATE TABLE t{table} (id BIGINT PRIMARY KEY, text TEXT)")
        con.execute(f"INSERT INTO t{table} VALUES (1, 'one'), (2, 'two')")
    for first in range(0, rows, CHUNK):
        ids = range(first, min(first + CHUNK, rows))
        texts = [f"row {at}" for at in ids]
        con.append("big", pa.table({"id": ids, "value": ids, "text": texts}))
    con.execute("STORAGE FLUSH TABLE big")
    con.close()
    times = []
    for _ in range(OPENS):
        opened = []
        times.append(seconds(lambda: opened.append(connect(place))))
        found = opened[0].execute("SELECT COUNT(*) FROM big").fetchone()
        assert found == (rows,), found
        opened[0].close()
    title = f"open, {rows:,} rows and {tables:,} tables"
    return [Figure(title, statistics.median(times) * 1e3, "ms", 200)]
