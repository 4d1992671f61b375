"""Charts of the figures, as SVG that does not change when the figures do not."""

from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "kalamdb"

from matplotlib import pyplot  # noqa: E402 - the backend is chosen before
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from report import Measured, Row, all_verdicts, number  # noqa: E402

OURS, PEERS, SHORT = "#2a6f97", "#a9b4bd", "#c8553d"
PANELS_IN_A_ROW = 3


def draw(folder: Path, measured: list[Measured]) -> None:
    """goals.svg, figures.svg, and parts.svg of the jobs that have parts."""
    folder.mkdir(parents=True, exist_ok=True)
    draw_goals(folder / "goals.svg", measured)
    draw_figures(folder / "figures.svg", [found for found in measured if found.rows])
    for found in measured:
        if found.rows and found.rows[0].detail:
            draw_parts(folder / "parts.svg", found)


def draw_goals(file: Path, measured: list[Measured]) -> None:
    """How much of what is allowed was used; left of the line the goal is met."""
    verdicts = all_verdicts(measured)
    if not verdicts:
        return
    figure, axes = pyplot.subplots(figsize=(10, 1 + 0.25 * len(verdicts)))
    names = [f"{verdict.job}: {verdict.goal.system}" for verdict in verdicts]
    shares = [verdict.share_of_limit for verdict in verdicts]
    colours = [OURS if verdict.met else SHORT for verdict in verdicts]
    axes.barh(range(len(names)), [share - 1 for share in shares], left=1, color=colours)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.invert_yaxis()
    axes.set_xlabel("what was found over what is allowed: less is better, 1 is the goal")
    save(figure, file)


def draw_figures(file: Path, measured: list[Measured]) -> None:
    """A panel for each job, a bar for each system."""
    lines = -(-len(measured) // PANELS_IN_A_ROW)
    figure, grid = pyplot.subplots(
        lines, PANELS_IN_A_ROW, figsize=(15, 2.2 * lines), squeeze=False
    )
    panels = [axes for row in grid for axes in row]
    for axes, found in zip(panels, measured):
        draw_bars(axes, found.rows, f"{found.job.title} [{found.job.unit}]")
    for axes in panels[len(measured) :]:
        axes.set_axis_off()
    save(figure, file)


def draw_bars(axes: Axes, rows: list[Row], title: str) -> None:
    colours = [OURS if is_ours(row) else PEERS for row in rows]
    medians = [row.median for row in rows]
    axes.barh(range(len(rows)), medians, color=colours)
    axes.set_yticks(range(len(rows)), [row.system for row in rows], fontsize=7)
    axes.set_title(title, fontsize=8)
    axes.tick_params(axis="x", labelsize=7)
    for at, median in enumerate(medians):
        axes.text(median, at, f" {number(median)}", va="center", fontsize=6)
    if min(medians) > 0 and max(medians) / min(medians) > 30:
        axes.set_xscale("log")
    axes.margins(x=0.15)
    axes.invert_yaxis()


def is_ours(row: Row) -> bool:
    return row.system.startswith("KalamDB") or "users" in row.system


def draw_parts(file: Path, found: Measured) -> None:
    """A group of bars for each part."""
    parts = list(found.rows[0].detail)
    width = 0.8 / len(found.rows)
    figure, axes = pyplot.subplots(figsize=(14, 5))
    for at, row in enumerate(found.rows):
        places = [place + at * width for place in range(len(parts))]
        axes.bar(places, [row.detail[part] for part in parts], width, label=row.system)
    axes.set_xticks([place + 0.4 - width / 2 for place in range(len(parts))], parts, fontsize=8)
    axes.set_yscale("log")
    axes.set_ylabel(found.job.unit)
    axes.set_title(found.job.title)
    axes.legend(fontsize=8)
    save(figure, file)


def save(figure: Figure, file: Path) -> None:
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)
