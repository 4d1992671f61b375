"""Measures KalamDB beside its peers; writes results/results.md, results.json, charts, README.

    python benchmarks/run.py [--rows N] [--rounds N] [--only JOB ...]

`make bench` runs all jobs at full size in about a quarter of an hour. What a part of the
jobs or another size finds goes to results/raw. Each sample is taken in a process of its own, and the systems of a job take turns, so
that a machine that warms up or is busy for a while touches all of them.
"""

import argparse
import importlib
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import chart
import machine
import report
from build import build
from measure import Job, Sample, peak_megabytes
from stores import Work

# Jobs that share stores stand together; the stores of a group are removed after it.
GROUPS = (
    (
        "point_read", "newest", "insert_durable", "insert_threads", "insert_normal", "insert_many",
        "update", "ingest", "flush", "flush_beside", "scan", "scan_to_arrow", "frames",
        "group_by_few", "group_by_many", "disk_size", "open_time", "idle_memory", "package_size",
    ),
    ("tpch_queries",),
    ("nearest", "nearest_of_user"),
    ("many_users",),
    ("open_large",),
)
JOBS = tuple(name for group in GROUPS for name in group)
ROWS = 1_000_000
PROBLEMS: list[str] = []
HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("KALAM_CACHE") or Path.home() / ".cache" / "kalamdb")


def job_of(name: str) -> Job:
    job: Job = importlib.import_module(f"jobs.{name}").JOB
    return job


def in_process(arguments: list[str]) -> Any:
    """Runs this file again and reads the JSON of its last line."""
    command = [sys.executable, str(HERE / "run.py"), *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed with {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def take_sample(work: Work, name: str, system: str) -> None:
    """In the child: one sample of one system, printed as JSON."""
    case = next(case for case in job_of(name).cases if case.system == system)
    sample = case.run(work)
    print(json.dumps({"sample": asdict(sample), "peak": peak_megabytes()}))


def measure(work: Work, name: str, job: Job, rounds: int, common: list[str]) -> list[report.Row]:
    """The figures of every system of a job that could be measured; the others are said."""
    samples: dict[str, list[Sample]] = {case.system: [] for case in job.cases}
    peaks = dict.fromkeys(samples, 0.0)
    failed: set[str] = set()
    for case in job.cases:
        for store in case.needs:
            if not (work.store(store) / ".ready").exists():
                print(f"  building {store}", flush=True)
                try:
                    in_process(["--build", store, *common])
                except RuntimeError as error:
                    complain(str(error))
    for round_number in range(rounds):
        for case in job.cases:
            if case.system in failed:
                continue
            try:
                taken = in_process(["--sample", name, case.system, *common])
            except RuntimeError as error:
                complain(f"{job.title}: {case.system}: {error}")
                failed.add(case.system)
                continue
            samples[case.system].append(Sample(**taken["sample"]))
            peaks[case.system] = max(peaks[case.system], taken["peak"])
            print(f"  round {round_number + 1}: {case.system}:"
                  f" {report.number(taken['sample']['value'])} {job.unit}", flush=True)
    check_answers(job, samples)
    return [report.row(job, s, samples[s], peaks[s]) for s in samples if s not in failed]


def check_answers(job: Job, samples: dict[str, list[Sample]]) -> None:
    """Every system must have found the same rows: a wrong answer is not a fast one."""
    answers = {
        system: sample.answer
        for system, taken in samples.items()
        for sample in taken
        if sample.answer is not None
    }
    systems = list(answers)
    for one, other in zip(systems, systems[1:]):
        if found := job.differences(answers[one], answers[other]):
            complain(f"{job.title}: {one} and {other} disagree: {found[:500]}")


def complain(problem: str) -> None:
    """The run goes on, and ends with a failure."""
    PROBLEMS.append(problem)
    print(f"  {problem}", file=sys.stderr, flush=True)


def options() -> argparse.Namespace:
    known = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    known.add_argument("--rows", type=int, default=ROWS)
    known.add_argument("--rounds", type=int, help="processes for each system; default: as the job says")
    known.add_argument("--only", nargs="+", choices=JOBS, default=JOBS, metavar="JOB", help=", ".join(JOBS))
    known.add_argument("--folder", type=Path, default=CACHE / "bench", help="where to work")
    known.add_argument("--results", type=Path, help="default: results, or results/raw if partial")
    known.add_argument("--keep", action="store_true", help="keep the stores for the next run")
    known.add_argument("--build", metavar="STORE", help=argparse.SUPPRESS)
    known.add_argument("--sample", nargs=2, help=argparse.SUPPRESS)
    chosen = known.parse_args()
    if chosen.rows < 10_000:
        known.error("--rows must be at least 10000")
    return chosen


def measure_all(work: Work, chosen: argparse.Namespace, results: Path) -> list[report.Measured]:
    """Every job that was asked for; what is known is written after each."""
    common = ["--rows", str(chosen.rows), "--folder", str(chosen.folder)]
    described = machine.describe(work.folder)
    print(*(f"{what}: {value}" for what, value in described.items()), sep="\n")
    work.messages()
    measured = []
    for group in GROUPS:
        for name in (name for name in group if name in chosen.only):
            job = job_of(name)
            print(f"\n{job.title}", flush=True)
            start = time.monotonic()
            rows = measure(work, name, job, chosen.rounds or job.rounds, common)
            measured.append(report.Measured(job, rows))
            report.write(results, described, chosen.rows, measured)
            report.show(job.title, report.ROW_HEADINGS, [row.cells() for row in rows])
            print(f"  took {time.monotonic() - start:.0f} s")
        if not chosen.keep:
            remove_stores(work)
    return measured


def remove_stores(work: Work) -> None:
    for store in work.folder.iterdir():
        if store.is_dir():
            shutil.rmtree(store)


def main() -> None:
    chosen = options()
    work = Work(chosen.folder, chosen.rows)
    if chosen.build:
        build(work, chosen.build)
        print("null")
        return
    if chosen.sample:
        take_sample(work, *chosen.sample)
        return
    is_full = chosen.rows == ROWS and len(chosen.only) == len(JOBS)
    results = chosen.results or HERE / ("results" if is_full else "results/raw")
    if not chosen.keep:
        shutil.rmtree(work.folder, ignore_errors=True)
    work.folder.mkdir(parents=True, exist_ok=True)
    measured = measure_all(work, chosen, results)
    goals = [verdict.cells() for verdict in report.all_verdicts(measured)]
    report.show("Goals", report.VERDICT_HEADINGS, goals)
    chart.draw(results, measured)
    if is_full and not PROBLEMS:
        report.write_readme(HERE.parent / "README.md", measured)
    print(f"written to {results / 'results.md'}")
    if not chosen.keep:
        shutil.rmtree(work.folder, ignore_errors=True)
    if PROBLEMS:
        sys.exit("not everything could be measured:\n" + "\n".join(PROBLEMS))


if __name__ == "__main__":
    main()
