"""What an installed package takes on disk, with the packages that it cannot do without."""

import os
from functools import partial
from importlib.metadata import distribution
from pathlib import Path

from measure import Case, Goal, Job, Sample
from stores import Work


def installed(packages: tuple[str, ...], _work: Work) -> Sample:
    files = [file for package in packages for file in distribution(package).files or ()]
    paths = {Path(str(file.locate())) for file in files}
    # Byte code is written when a module is first used.
    sizes = [path.stat().st_size for path in paths if path.suffix != ".pyc" and path.exists()]
    return Sample(sum(sizes) / 1e6)


def wheel(_work: Work) -> Sample:
    """The newest wheel below the folder that Cargo builds in."""
    folder = Path(os.environ["CARGO_TARGET_DIR"]) / "wheels"
    wheels = sorted(folder.glob("*/kalamdb-*.whl"), key=lambda file: file.stat().st_mtime)
    return Sample(wheels[-1].stat().st_size / 1e6)


def case(system: str, *packages: str) -> Case:
    return Case(system, partial(installed, packages))


WHEEL = (Case("KalamDB, wheel", wheel),) if "CARGO_TARGET_DIR" in os.environ else ()

JOB = Job(
    title="Size of the Python package",
    unit="MB",
    cases=(
        case("KalamDB", "kalamdb"),
        *WHEEL,
        case("DuckDB", "duckdb"),
        case("LanceDB with PyArrow", "lancedb", "pyarrow", "lance-namespace", "pydantic", "pydantic_core"),
        case("DataFusion with PyArrow", "datafusion", "pyarrow"),
    ),
    goals=(
        Goal("KalamDB", None, at_most=68.0),
        Goal("KalamDB, wheel", None, at_most=25.0),
    ),
    note="Installed files without byte code. The wheel is that of the profile which was built.",
    rounds=1,
    tried=(
        "Thin LTO, equal functions folded, and the smallest code for planners and the network "
        "brought 154 MB to 101 MB, and the wheel from 53 to 35 MB. Most of what is left is "
        "code of DataFusion's functions and Arrow's kernels, once for each type."
    ),
)
