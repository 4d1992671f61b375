"""What a prepared point read costs from Python beyond the Rust API.

    python benchmarks/python/point_read.py MICROSECONDS_BY_RUST

The table and the keys are those of benchmarks/c/point_read.rs, which measures Rust.
"""

import sys
import tempfile
import time
from pathlib import Path

import kalamdb

ROWS = 10_000
# Reads of one measurement, and measurements, of which the fastest counts.
READS = 500
ROUNDS = 1_000
GOAL_MICROSECONDS = 2.0


def main() -> None:
    by_rust = float(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder, kalamdb.connect(Path(folder) / "db") as db:
        db.execute("CREATE TABLE t (k BIGINT PRIMARY KEY, v BIGINT)")
        db.execute(f"INSERT INTO t SELECT x, x * 2 FROM generate_series(0, {ROWS - 1}) a (x)")
        statement = db.prepare("SELECT v FROM t WHERE k = ?")
        keys = [(key,) for key in range(READS)]
        by_python = min(measured(statement, keys) for _ in range(ROUNDS)) / READS * 1e6
    over = by_python - by_rust
    verdict = "met" if over <= GOAL_MICROSECONDS else "missed"
    print(f"| prepared point read by Rust | {by_rust:.2f} us | | |")
    print(f"| by Python | {by_python:.2f} us | | |")
    print(f"| overhead | {over:.2f} us | {GOAL_MICROSECONDS} us | {verdict} |")


def measured(statement: kalamdb.Statement, keys: list[tuple[int]]) -> float:
    execute = statement.execute
    begin = time.perf_counter()
    for key in keys:
        row = execute(key).fetchone()
    took = time.perf_counter() - begin
    assert row == (2 * keys[-1][0],)
    return took


if __name__ == "__main__":
    main()
