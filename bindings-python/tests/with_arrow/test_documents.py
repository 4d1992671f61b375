"""The programs of the documents do what the documents say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ANSWER = re.compile(r"print\(.*# -> (.*)$", re.MULTILINE)


def test_every_document_is_there():
    assert {page.stem for page in DOCS.glob("*.md")} == {
        "machine_learning", "notebook", "sqlalchemy", "web_service",
    }  # fmt: skip


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.stem)
def test_a_page_runs_and_prints_what_it_says(page, tmp_path):
    program = "\n".join(BLOCK.findall(page.read_text()))
    answers = ANSWER.findall(program)
    assert answers, "a page shows answers"
    (tmp_path / "page.py").write_text(program)
    command = [sys.executable, "-W", "error::ResourceWarning", "page.py"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    shown = done.stdout.splitlines()
    missing = [answer for answer in answers if answer not in shown]
    assert not missing, done.stdout
