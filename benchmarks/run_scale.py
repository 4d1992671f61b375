"""Measures KalamDB at the sizes it is made for and writes results/scale.md and scale.json.

    python benchmarks/run_scale.py [--only NAME ...] [--scale X] [--minutes M] [--folder F]

Takes about an hour at full size. Each measure has its own part of the page, with its date: a
run of some leaves what is known of the others. `--scale 0.01 --minutes 0.2` shows that
everything works; what it measures goes to results/raw, as does a measure that was cut off.
"""

import argparse
import importlib
import json
import os
import platform
import shutil
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import kalamdb
from scale.figure import Figure, Setting

MEASURES = ("open_large", "many_users", "flush_rows", "growth", "mixed_load")
HEADINGS = ["figure", "value", "goal", ""]
MINUTES = 30.0
CACHE = Path(os.environ.get("KALAM_CACHE") or Path.home() / ".cache" / "kalamdb")
RESULTS = Path(__file__).resolve().parent / "results"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--only", nargs="+", choices=MEASURES, default=MEASURES, metavar="NAME")
    options.add_argument("--scale", type=float, default=1.0, help="1 is the size of the goals")
    options.add_argument("--minutes", type=float, default=MINUTES, help="of the mixed load")
    options.add_argument("--folder", type=Path, default=CACHE / "bench-scale", help="where to work")
    chosen = options.parse_args()
    if chosen.scale <= 0 or chosen.minutes <= 0:
        options.error("--scale and --minutes must be above 0")
    is_full = chosen.scale == 1 and chosen.minutes >= MINUTES
    results = RESULTS if is_full else RESULTS / "raw"
    setting = Setting(chosen.folder, chosen.scale, chosen.minutes, results)
    missed = []
    for name in chosen.only:
        print(f"\n{name}", flush=True)
        figures = measured(name, setting)
        missed += [figure.name for figure in figures if figure.verdict == "missed"]
        write(results, name, figures)
    print(f"\nwritten to {results / 'scale.md'}")
    if missed and is_full:
        sys.exit("missed: " + ", ".join(missed))


def measured(name: str, setting: Setting) -> list[Figure]:
    """The figures of one measure, the last of each name: a long one tells how far it is."""
    found: dict[str, Figure] = {}
    for figure in importlib.import_module(f"scale.{name}").run(setting):
        print("  " + "  ".join(cell for cell in figure.cells() if cell), flush=True)
        found[figure.name] = figure
        write(RESULTS / "raw", name, list(found.values()))
    shutil.rmtree(setting.folder, ignore_errors=True)
    return list(found.values())


def write(folder: Path, name: str, figures: list[Figure]) -> None:
    """Puts the figures of one measure in the place of those that the folder has."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "scale.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    taken = (
        f"{time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, KalamDB {kalamdb.__version__},"
        f" {os.cpu_count()} cores, {platform.system()} {platform.release()}"
    )
    known[name] = {"taken": taken, "figures": [asdict(figure) for figure in figures]}
    file.write_text(json.dumps(known, indent=1) + "\n")
    parts = [part(name, known[name]) for name in MEASURES if name in known]
    (folder / "scale.md").write_text("# At scale\n\n" + "\n".join(parts))


def part(name: str, known: dict[str, Any]) -> str:
    """The part of the page about one measure."""
    cells = [Figure(**figure).cells() for figure in known["figures"]]
    rows = "\n".join("| " + " | ".join(row) + " |" for row in (HEADINGS, ["---"] * len(HEADINGS), *cells))
    return f"## {name}\n\n{known['taken']}\n\n{rows}\n"


if __name__ == "__main__":
    main()
