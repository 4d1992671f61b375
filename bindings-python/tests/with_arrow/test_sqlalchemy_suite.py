"""SQLAlchemy's own suite of tests for dialects, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

SUITE = Path(__file__).parents[1] / "sqlalchemy_suite"


def test_the_suite_passes_but_for_what_it_names(tmp_path):
    command = [
        sys.executable, "-m", "pytest", "-c", "setup.cfg", "--rootdir", ".", "-q", "test_suite.py",
        "--dburi", f"kalamdb:///{tmp_path}/d?omit=foreign_keys,indexes&durability=off",
    ]  # fmt: skip
    environment = os.environ | {"KALAMDB_SUITE_PATH": str(tmp_path / "d"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=SUITE, env=environment, timeout=600)
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2_000:]
