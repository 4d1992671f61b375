"""What the figures were taken on."""

import os
import platform
import sqlite3
import statistics
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = {
    "KalamDB": "kalamdb",
    "DuckDB": "duckdb",
    "DataFusion": "datafusion",
    "LanceDB": "lancedb",
    "usearch": "usearch",
    "numpy": "numpy",
    "PyArrow": "pyarrow",
    "polars": "polars",
    "pandas": "pandas",
}


def describe(folder: Path) -> dict[str, str]:
    """The machine, the device under `folder`, and the versions of everything compared."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "processor": processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "load before": f"{os.getloadavg()[0]:.2f}",
        "fsync of 4 KiB": f"{sync_microseconds(folder):.0f} us",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        **{name: installed(package) for name, package in PACKAGES.items()},
    }


def installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def processor() -> str:
    if platform.system() == "Darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def sync_microseconds(folder: Path) -> float:
    """The median of 200 writes of one page, each synced: the floor of a durable commit."""
    file = folder / "sync"
    handle = os.open(file, os.O_CREAT | os.O_WRONLY)
    durations = []
    for at in range(200):
        os.pwrite(handle, bytes(4096), at * 4096)
        start = time.perf_counter()
        os.fsync(handle)
        durations.append(time.perf_counter() - start)
    os.close(handle)
    file.unlink()
    return statistics.median(durations) * 1e6
