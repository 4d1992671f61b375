"""Samples to tables: terminal, Markdown, JSON, and the table of the README."""

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
    detail: dict[str, float]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def cells(self) -> list[str]:
        p99 = "" if self.p99 is None else number(self.p99)
        spread = f"{number(min(self.values))} .. {number(max(self.values))}"
        return [self.system, f"{number(self.median)} {self.unit}", spread, p99,
                f"{self.peak_megabytes:,.0f} MB"]


@dataclass(frozen=True)
class Measured:
    """A job and its figures."""

    job: Job
    rows: list[Row]


@dataclass(frozen=True)
class Verdict:
    """A goal beside what was found: `found` is the ratio, or the value where no peer is named."""

    job: str
    unit: str
    goal: Goal
    found: float
    value: float
    peer_value: float | None

    @property
    def met(self) -> bool:
        above = self.goal.at_most is not None and self.found > self.goal.at_most
        below = self.goal.at_least is not None and self.found < self.goal.at_least
        return not (above or below)

    @property
    def share_of_limit(self) -> float:
        """How much of what is allowed was used: 1 is as much as may be, less is better."""
        if self.goal.at_most is not None:
            return self.found / self.goal.at_most
        return (self.goal.at_least or 0.0) / self.found

    def cells(self) -> list[str]:
        limit = self.goal.at_most if self.goal.at_most is not None else self.goal.at_least or 0.0
        sign = "<=" if self.goal.at_most is not None else ">="
        value = f"{number(self.value)} {self.unit}"
        if self.peer_value is None:
            peer, found, times = "", value, f" {self.unit}"
        else:
            peer = f"{self.goal.peer}: {number(self.peer_value)} {self.unit}"
            found, times = f"{number(self.found)} x", " x"
        return [f"{self.job}: {self.goal.system}", value, peer, found,
                f"{sign} {number(limit)}{times}", "meets" if self.met else "falls short"]


ROW_HEADINGS = ["System", "Median", "Spread", "p99", "Peak memory"]
VERDICT_HEADINGS = ["Job", "KalamDB", "Peer", "Found", "Must be", ""]
README_BEGIN = "<!-- written by `make bench`: begin -->"
README_END = "<!-- written by `make bench`: end -->"


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
        detail={
            part: statistics.median(sample.detail[part] for sample in samples)
            for part in (samples[0].detail if samples else ())
        },
    )


def verdicts(job: Job, rows: list[Row]) -> list[Verdict]:
    median = {row.system: row.median for row in rows}
    found = []
    for goal in job.goals:
        if goal.system in median and (goal.peer is None or goal.peer in median):
            value, peer = median[goal.system], median[goal.peer] if goal.peer else None
            found.append(Verdict(job.title, job.unit, goal, value / (peer or 1.0), value, peer))
    return found


def all_verdicts(measured: list[Measured]) -> list[Verdict]:
    return [verdict for found in measured for verdict in verdicts(found.job, found.rows)]


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


def detail(rows: list[Row], unit: str) -> str:
    """The parts of a job, with a column for each system."""
    headings = [f"Part, {unit}", *(row.system for row in rows)]
    parts = list(rows[0].detail)
    return markdown(headings, [[part, *(number(row.detail[part]) for row in rows)] for part in parts])


def shortfalls(found: Measured) -> list[str]:
    """By how much a job misses its goals, and what was tried; empty if it meets them."""
    missed = [verdict for verdict in verdicts(found.job, found.rows) if not verdict.met]
    if not missed:
        return []
    sentences = [
        f"{one.goal.system} takes {number(one.share_of_limit)} times what it may."
        if one.goal.at_most is not None
        else f"{one.goal.system} reaches {number(1 / one.share_of_limit)} of what it must."
        for one in missed
    ]
    return [" ".join(["**Falls short.**", *sentences, found.job.tried]).strip()]


def write(folder: Path, machine: dict[str, str], rows: int, measured: list[Measured]) -> None:
    """results.md for people, results.json for programs."""
    folder.mkdir(parents=True, exist_ok=True)
    every_verdict = all_verdicts(measured)
    parts = [
        "# Benchmark results",
        f"{rows:,} chat messages of 10,000 users; `make bench` repeats this. Each value is the"
        " median of several processes, one after another in turn with the other systems; the"
        " spread is their smallest and largest value.",
        "## Goals",
        markdown(VERDICT_HEADINGS, [verdict.cells() for verdict in every_verdict]),
        "![How much of what is allowed each job takes](goals.svg)",
        "## Figures",
    ]
    for found in measured:
        parts.append(f"### {found.job.title}")
        if found.job.note:
            parts.append(found.job.note)
        parts.append(markdown(ROW_HEADINGS, [row.cells() for row in found.rows]))
        if found.rows and found.rows[0].detail:
            parts.append(detail(found.rows, found.job.unit))
        parts += shortfalls(found)
    parts += ["![Every figure](figures.svg)"]
    parts += ["## Machine", markdown(["What", "Value"], [[k, v] for k, v in machine.items()])]
    (folder / "results.md").write_text("\n\n".join(parts) + "\n")
    figures: dict[str, Any] = {
        "machine": machine,
        "rows": rows,
        "figures": [{**vars(row), "median": row.median} for found in measured for row in found.rows],
        "goals": [
            {"job": verdict.job, **vars(verdict.goal), "found": verdict.found, "met": verdict.met}
            for verdict in every_verdict
        ],
    }
    (folder / "results.json").write_text(json.dumps(figures, indent=1) + "\n")


def write_readme(readme: Path, measured: list[Measured]) -> None:
    """Puts the table of goals between the two markers."""
    text = readme.read_text()
    before, rest = text.split(README_BEGIN)
    after = rest.split(README_END)[1]
    table = markdown(VERDICT_HEADINGS, [verdict.cells() for verdict in all_verdicts(measured)])
    readme.write_text(f"{before}{README_BEGIN}\n\n{table}\n\n{README_END}{after}")
