"""One measured figure and the goal it has to reach."""

import resource
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import kalamdb


@dataclass
class Figure:
    """`goal` is the most that `value` may be; None: it is shown only."""

    name: str
    value: float
    unit: str
    goal: float | None = None

    @property
    def verdict(self) -> str:
        if self.goal is None:
            return ""
        return "met" if self.value <= self.goal else "missed"

    def cells(self) -> list[str]:
        goal = "" if self.goal is None else f"<= {self.goal:g} {self.unit}"
        return [self.name, f"{self.value:.4g} {self.unit}", goal, self.verdict]


@dataclass
class Setting:
    """Where a measure works, how large it is, and where its charts go: 1.0 is the size that
    the goals are for."""

    folder: Path
    scale: float
    minutes: float
    results: Path

    def count(self, full: int, least: int = 1) -> int:
        return max(least, round(full * self.scale))

    def empty(self, name: str) -> Path:
        """A path where nothing is."""
        place = self.folder / name
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        return place


def connect(place: Path, **config: str) -> kalamdb.Connection:
    return kalamdb.connect(str(place), config={"durability": "normal"} | config)


def seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def processor_seconds(action: Callable[[], object]) -> tuple[float, float]:
    """Wall time, and the time of all threads of this process."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    wall = seconds(action)
    after = resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, used


def resident_megabytes() -> float:
    """Memory of this process now; on systems without /proc its peak."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def disk_bytes(folder: Path) -> int:
    """Bytes of all files below a folder, those that go away meanwhile left out."""
    total = 0
    for path in folder.rglob("*"):
        try:
            if path.is_file():
                total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total
