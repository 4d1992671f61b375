"""Memory of a process that has a database open, beyond an empty Python."""

import subprocess
import sys
from functools import partial

from measure import Case, Goal, Job, Sample
from stores import Work

# The process reads a row and says how much memory it holds when a second is over.
PROGRAM = """
import pathlib, time
{open}
time.sleep(1)
status = pathlib.Path("/proc/self/status").read_text()
print(int(status.split("VmRSS:")[1].split()[0]) * 1024 / 1e6)
"""
KALAM = "import kalamdb; con = kalamdb.connect({place!r}); con.execute({sql!r}).fetchall()"
SQLITE = "import sqlite3; con = sqlite3.connect({place!r}); con.execute({sql!r}).fetchall()"
DUCKDB = "import duckdb; con = duckdb.connect({place!r}); con.execute({sql!r}).fetchall()"


def resident(program: str) -> float:
    command = [sys.executable, "-c", PROGRAM.format(open=program)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def idle(store: str, program: str, table: str, work: Work) -> Sample:
    sql = f"SELECT id FROM {table} WHERE id = 1"
    opened = program.format(place=str(work.store(store) / "db"), sql=sql)
    return Sample(resident(opened) - resident("pass"))


def case(system: str, store: str, program: str, table: str) -> Case:
    return Case(system, partial(idle, store, program, table), (store,))


JOB = Job(
    title="Memory of an idle open database",
    unit="MB",
    cases=(
        case("KalamDB, hot", "kalam_hot", KALAM, "chat.messages"),
        case("KalamDB, flushed", "kalam_cold", KALAM, "chat.messages"),
        case("SQLite", "sqlite", SQLITE, "messages"),
        case("DuckDB", "duckdb", DUCKDB, "messages"),
    ),
    goals=(
        Goal("KalamDB, flushed", "DuckDB", at_most=1.0),
        Goal("KalamDB, hot", "DuckDB", at_most=1.0),
    ),
    note="Resident memory one second after the first row was read, less that of Python alone;"
    " pages of the library that were touched count (Linux).",
    rounds=3,
    tried=(
        "The block cache is empty when idle; what is left, the library's relocated pages "
        "among it, was not taken apart."
    ),
)
