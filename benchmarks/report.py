"""Samples to tables: terminal, Markdown, JSON."""

import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from measure import Goal, Job, Sample


@dataclass(frozen=True)
class Row:
    """The figures of one system in one job."""

    job: str
    system: str
    unit: str
    values: list[float]
    p99: float | None
    peak_megabytes: float

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def cells(self) -> list[str]:
        p99 = "" if self.p99 is None else number(self.p99)
        spread = f"{number(min(self.values))} .. {number(max(self.values))}"
        return [self.system, f"{number(self.median)} {self.unit}", spread, p99,
                f"{self.peak_megabytes:,.0f} MB"]


@dataclass(frozen=True)
class Verdict:
    """A goal beside what was found."""

    job: str
    goal: Goal
    found: float

    @property
    def met(self) -> bool:
        above = self.goal.at_most is not None and self.found > self.goal.at_most
        below = self.goal.at_least is not None and self.found < self.goal.at_least
        return not (above or below)

    def cells(self) -> list[str]:
        limit = self.goal.at_most if self.goal.at_most is not None else self.goal.at_least or 0.0
        sign = "<=" if self.goal.at_most is not None else ">="
        times, peer = (" x", f" {self.goal.peer}") if self.goal.peer else ("", "")
        return [f"{self.job}: {self.goal.system}", f"{number(self.found)}{times}",
                f"{sign} {number(limit)}{times}{peer}", "meets" if self.met else "falls short"]


ROW_HEADINGS = ["System", "Median", "Spread", "p99", "Peak memory"]
VERDICT_HEADINGS = ["Job", "Found", "Must be", ""]


def number(value: float) -> str:
    if value >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def row(job: Job, system: str, samples: list[Sample], peak_megabytes: float) -> Row:
    tails = [sample.p99 for sample in samples if sample.p99 is not None]
    return Row(
        job=job.title,
        system=system,
        unit=job.unit,
        values=[sample.value for sample in samples],
        p99=statistics.median(tails) if tails else None,
        peak_megabytes=peak_megabytes,
    )


def verdicts(job: Job, rows: list[Row]) -> list[Verdict]:
    median = {row.system: row.median for row in rows}
    found = []
    for goal in job.goals:
        if goal.system in median and (goal.peer is None or goal.peer in median):
            peer = median[goal.peer] if goal.peer else 1.0
            found.append(Verdict(job.title, goal, median[goal.system] / peer))
    return found


def show(title: str, headings: list[str], lines: list[list[str]]) -> None:
    table = Table(title=title, title_justify="left")
    for at, heading in enumerate(headings):
        table.add_column(heading, justify="left" if at == 0 else "right")
    for line in lines:
        table.add_row(*line)
    Console().print(table)


def markdown(headings: list[str], lines: list[list[str]]) -> str:
    rule = ["---"] + ["---:"] * (len(headings) - 1)
    return "\n".join("| " + " | ".join(line) + " |" for line in [headings, rule, *lines])


def write(
    folder: Path, machine: dict[str, str], rows: int, jobs: list[tuple[Job, list[Row]]]
) -> None:
    """results.md for people, results.json for programs."""
    folder.mkdir(parents=True, exist_ok=True)
    every_verdict = [verdict for job, found in jobs for verdict in verdicts(job, found)]
    parts = [
        "# Benchmark results",
        f"{rows:,} chat messages of 10,000 users; `make bench` repeats this. Each value is the"
        " median of several processes, one after another in turn with the other systems; the"
        " spread is their smallest and largest value.",
        "## Goals",
        markdown(VERDICT_HEADINGS, [verdict.cells() for verdict in every_verdict]),
        "## Figures",
    ]
    for job, found in jobs:
        parts.append(f"### {job.title}")
        if job.note:
            parts.append(job.note)
        parts.append(markdown(ROW_HEADINGS, [row.cells() for row in found]))
    parts += ["## Machine", markdown(["What", "Value"], [[k, v] for k, v in machine.items()])]
    (folder / "results.md").write_text("\n\n".join(parts) + "\n")
    figures: dict[str, Any] = {
        "machine": machine,
        "rows": rows,
        "figures": [{**vars(row), "median": row.median} for _, found in jobs for row in found],
        "goals": [
            {"job": verdict.job, **vars(verdict.goal), "found": verdict.found, "met": verdict.met}
            for verdict in every_verdict
        ],
    }
    (folder / "results.json").write_text(json.dumps(figures, indent=1) + "\n")
