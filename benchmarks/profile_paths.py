"""Shows where the instructions of the engine's small paths go, and writes results/profiles.md.

    python benchmarks/profile_paths.py PROGRAM

PROGRAM is `kalam-test-cost` with its symbols. Callgrind runs it and counts: what it finds
does not depend on how fast or busy the machine is.
"""

import re
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"
COUNTED = "kalam_test_cost::counted_by_callgrind"
LINE = re.compile(r"^\s*([\d,]+) \(\s*[\d.]+%\)\s+(.+)$")
# Whose code a function is, by the first of these that its name or its library holds.
PARTS = (
    ("RocksDB", ("rocksdb::", "rocksdb_")),
    ("KalamDB", ("kalam_core::",)),
    ("DataFusion", ("datafusion",)),
    ("Arrow, Parquet", ("arrow_", "parquet::")),
    ("allocation", ("malloc", "free", "calloc", "realloc", "memalign", "operator new", "operator delete", "_int_")),
    ("copies, comparisons", ("memcpy", "memmove", "memcmp", "memset", "bcmp")),
    ("system calls, locks", ("pthread", "syscall", "libpthread", "write", "futex", "clock_gettime")),
)
REST = "the rest"
SHOWN = 12
SHARE_MIN = 0.03


@dataclass
class Profile:
    path: str
    calls: int
    total: int
    parts: Counter[str]
    # Instructions in a function of ours or of RocksDB and below it.
    below: list[tuple[str, int]]


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    profiles = profiled(sys.argv[1])
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "profiles.md").write_text(page(profiles))
    print(page(profiles))


def profiled(program: str) -> list[Profile]:
    with tempfile.TemporaryDirectory() as folder:
        output = subprocess.run(
            [
                "valgrind", "--tool=callgrind", "--quiet", "--collect-atstart=no",
                "--read-inline-info=no", f"--toggle-collect={COUNTED}", f"--dump-after={COUNTED}",
                f"--callgrind-out-file={folder}/profile", program, "instructions",
            ],
            check=True, capture_output=True, text=True,
        ).stdout
        lines = [line.split("\t") for line in output.splitlines()]
        return [
            profile(path, int(calls), Path(folder) / f"profile.{number}")
            for number, (path, calls) in enumerate(lines, 1)
        ]


def profile(path: str, calls: int, file: Path) -> Profile:
    parts: Counter[str] = Counter()
    for name, count in functions(file, inclusive=False):
        parts[part(name)] += count
    total = parts.total()
    below: dict[str, int] = {}
    for name, count in functions(file, inclusive=True):
        short = shortened(name)
        if part(name) in ("RocksDB", "KalamDB") and SHARE_MIN * total <= count < 0.98 * total:
            below.setdefault(short, count)
    return Profile(path, calls, total, parts, list(below.items())[:SHOWN])


def functions(file: Path, inclusive: bool) -> list[tuple[str, int]]:
    """Functions with their instructions, the largest first."""
    text = subprocess.run(
        ["callgrind_annotate", f"--inclusive={'yes' if inclusive else 'no'}", "--threshold=100", file],
        check=True, capture_output=True, text=True,
    ).stdout
    matches = (LINE.match(line) for line in text.splitlines())
    found = ((match[2], int(match[1].replace(",", ""))) for match in matches if match)
    return [(name, count) for name, count in found if not name.startswith("PROGRAM TOTALS")]


def part(name: str) -> str:
    for title, marks in PARTS:
        if any(mark in name for mark in marks):
            return title
    return REST


def shortened(name: str) -> str:
    """A function without its file, its library, its hash and its parameters."""
    name = re.sub(r"^\S*?:(?=[\w<])", "", name, count=1)
    name = re.sub(r" \[.*\]$|::h[0-9a-f]{16}|'\d+$", "", name)
    return re.sub(r"\(.*\)( const)?$", "", name)


def page(profiles: list[Profile]) -> str:
    titles = [title for title, _ in PARTS] + [REST]
    text = [
        "# Where the small paths spend their instructions",
        "",
        "`make profile` writes this page: callgrind counts the instructions of one call, on the",
        "thread of the caller, of the code that packages have.",
        "",
        "| path | instructions | " + " | ".join(titles) + " |",
        "| --- | ---: |" + " ---: |" * len(titles),
    ]
    for one in profiles:
        shares = " | ".join(f"{one.parts[title] / one.total:.0%}" for title in titles)
        text.append(f"| {one.path} | {one.total // one.calls:,} | {shares} |")
    for one in profiles:
        text += ["", f"## {one.path}", "", "| in and below | share |", "| --- | ---: |"]
        text += [f"| `{name}` | {count / one.total:.0%} |" for name, count in one.below]
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    main()
