"""What a benchmark is made of, and how one sample is taken."""

import gc
import resource
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from stores import Work


@dataclass(frozen=True)
class Sample:
    """One measured value, in the job's unit; `answer` is the same for all systems, and
    `detail` has the parts of a job that has parts."""

    value: float
    p99: float | None = None
    answer: Any = None
    detail: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One system doing the job. It runs in a process of its own.

    `needs` names the stores of stores.py that are built before, outside the process.
    """

    system: str
    run: Callable[[Work], Sample]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Goal:
    """What the ratio `system / peer` must be; without a peer, what the value must be."""

    system: str
    peer: str | None
    at_most: float | None = None
    at_least: float | None = None


def unequal(one: Any, other: Any) -> str:
    """How two answers differ; empty if they do not."""
    return "" if one == other else f"{one} and {other}"


@dataclass(frozen=True)
class Job:
    """`differences` says how the answers of two systems differ.

    `tried` tells what the time goes to and what was tried; the page shows it beside goals
    that are missed.
    """

    title: str
    unit: str
    cases: tuple[Case, ...]
    goals: tuple[Goal, ...] = field(default=())
    note: str = ""
    tried: str = ""
    rounds: int = 5
    differences: Callable[[Any, Any], str] = unequal


def each_call(call: Callable[[Any], Any], arguments: Iterable[Any], warm_up: int = 100) -> Sample:
    """The median and the 99th percentile of single calls, in microseconds."""
    arguments = list(arguments)
    answer = 0
    for argument in arguments[:warm_up]:
        call(argument)
    durations = np.empty(len(arguments) - warm_up)
    gc.collect()
    gc.disable()
    for at, argument in enumerate(arguments[warm_up:]):
        start = time.perf_counter_ns()
        found = call(argument)
        durations[at] = (time.perf_counter_ns() - start) / 1_000
        answer += checksum(found)
    gc.enable()
    return Sample(float(np.median(durations)), float(np.percentile(durations, 99)), answer)


def checksum(found: Any) -> int:
    """A number that two systems share only if they found the same rows."""
    return sum(row[0] for row in found) if isinstance(found, list) else 0


def median_of(call: Callable[[], Any], times: int = 5) -> tuple[float, Any]:
    """The median duration of `call` in seconds after one call to warm up, and its result."""
    result = call()
    durations = []
    for _ in range(times):
        start = time.perf_counter()
        result = call()
        durations.append(time.perf_counter() - start)
    return float(np.median(durations)), result


def once(call: Callable[[], Any]) -> float:
    """The duration of one call, in seconds."""
    gc.collect()
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def peak_megabytes() -> float:
    """The most memory that this process has held."""
    if sys.platform == "linux":
        # NOTE: getrusage would count the parent, from which the process was forked.
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
