"""Measures KalamDB at the sizes it is made for and writes results/scale.md and scale.json.

    python benchmarks/run_scale.py [--only NAME ...] [--scale X] [--minutes M] [--folder F]

Takes about an hour at full size. `--scale 0.01 --minutes 0.2` shows that everything works;
what it measures then goes to results/raw, and so does what a run has found so far.
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
    is_full = chosen.scale == 1 and chosen.minutes >= MINUTES and len(chosen.only) == len(MEASURES)
    results = RESULTS if is_full else RESULTS / "raw"
    setting = Setting(chosen.folder, chosen.scale, chosen.minutes, results)
    # By name: a measure may tell how far it is, and again.
    found: dict[str, Figure] = {}
    for name in chosen.only:
        print(f"\n{name}", flush=True)
        for figure in importlib.import_module(f"scale.{name}").run(setting):
            print("  " + "  ".join(cell for cell in figure.cells() if cell), flush=True)
            found[figure.name] = figure
            # A run that is cut off leaves what it found.
            write(RESULTS / "raw", list(found.values()))
        shutil.rmtree(setting.folder, ignore_errors=True)
    figures = list(found.values())
    write(results, figures)
    print(f"\nwritten to {results / 'scale.md'}")
    missed = [figure.name for figure in figures if figure.verdict == "missed"]
    if missed and is_full:
        sys.exit("missed: " + ", ".join(missed))


def write(folder: Path, figures: list[Figure]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    taken = (
        f"{time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, KalamDB {kalamdb.__version__},"
        f" {os.cpu_count()} cores, {platform.system()} {platform.release()}"
    )
    rows = [HEADINGS, ["---"] * len(HEADINGS), *(figure.cells() for figure in figures)]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    (folder / "scale.md").write_text(f"# At scale\n\n{taken}\n\n{table}\n")
    document = {"taken": taken, "figures": [asdict(figure) for figure in figures]}
    (folder / "scale.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
