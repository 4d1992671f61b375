"""The stubs say what the module has."""

import subprocess
import sys


def test_stubtest_finds_no_difference(tmp_path):
    command = [sys.executable, "-m", "mypy.stubtest", "kalamdb._kalamdb"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_passes_strict_type_checking(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        """
import kalamdb
from kalamdb import aio

with kalamdb.connect("d", user="alice", config={"threads": 2}) as db:
    rows: int = db.append("t", [{"id": 1}], mode="upsert")
    for row in db.execute("SELECT ?", [1]):
        first: object = row[0]
    try:
        db.cursor().execute("SELECT 1").fetchall()
    except kalamdb.ConflictError as error:
        state: str | None = error.sqlstate
    with db.transaction(), db.appender("t", rows=10) as appender:
        appender.append({"id": 1})
    db.prepare("SELECT ?").execute([1]).fetchone()
    db.execute("SELECT * FROM d", data={"d": [{"x": 1}]}, timeout=1.5)


async def main() -> None:
    async with await aio.connect("d", read_only=True) as db, db.transaction():
        async for row in await db.execute("SELECT ?", [1]):
            first: object = row[0]
        count: int = await db.append("t", [(1, "a")])
"""
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", str(program)], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
