"""executemany of 100,000 tuples into an empty table, in one commit."""

from measure import Case, Goal, Job, Sample, once
from stores import Work, connect_kalam, connect_sqlite

COUNT = 100_000
ROWS = [(key, f"name {key % 977}", key / 7) for key in range(COUNT)]
INSERT = "VALUES (?, ?, ?)"
CHECK = "SELECT COUNT(*), SUM(id), COUNT(name) FROM"


def kalam(work: Work) -> Sample:
    with work.scratch() as store:
        con = connect_kalam(store)
        con.execute("CREATE TABLE many (id BIGINT PRIMARY KEY, name TEXT, x DOUBLE)")
        seconds = once(lambda: con.executemany(f"INSERT INTO many {INSERT}", ROWS))
        found = con.execute(f"{CHECK} many").fetchone()
        con.close()
    return Sample(COUNT / seconds, answer=[int(value) for value in found or ()])


def sqlite(work: Work) -> Sample:
    with work.scratch() as store:
        con = connect_sqlite(store, "FULL")
        con.execute("CREATE TABLE many (id INTEGER PRIMARY KEY, name TEXT, x REAL)")

        def insert() -> None:
            con.execute("BEGIN")
            con.executemany(f"INSERT INTO many {INSERT}", ROWS)
            con.execute("COMMIT")

        seconds = once(insert)
        found = con.execute(f"{CHECK} many").fetchone()
        con.close()
    return Sample(COUNT / seconds, answer=list(found))


JOB = Job(
    title="executemany of 100,000 tuples",
    unit="rows/s",
    cases=(Case("KalamDB", kalam), Case("SQLite, WAL, FULL", sqlite)),
    goals=(Goal("KalamDB", "SQLite, WAL, FULL", at_least=1.5),),
    note="Tuples of an integer, a text and a float into an empty table; durable when the call returns.",
)
