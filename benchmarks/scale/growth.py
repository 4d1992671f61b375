"""How cost grows: the same calls at 10^4 to 10^7 rows, and at 1 to 10^5 users.

Draws growth.svg. A series that grows faster than its order is a missed figure.
"""

import random
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import kalamdb
import numpy as np
import pyarrow as pa
from matplotlib import pyplot

import chart
from scale.figure import Figure, Setting, disk_bytes, seconds

ROWS = (10_000, 100_000, 1_000_000, 10_000_000)
USERS = (1, 1_000, 100_000)
# Rows of all users together.
USER_ROWS = 1_000_000
HOT_CHUNK = 10_000
CALLS = 500
# A read decodes as many rows of a segment.
BLOCK_ROWS = 1_024
# A call that looks up a key or the end of an order may cost this much more over all sizes:
# trees are deeper, and caches miss.
FLAT_MAX = 3.0
# A call that reads everything may cost this much more for each row.
LINEAR_MAX = 1.5
# Below this many rows what does not depend on them is most of the cost.
LINEAR_FROM = 100_000

CONFIG = {"durability": "normal", "auto_maintenance": "off", "hot_budget": "16GiB"}
COLUMNS = "(id BIGINT PRIMARY KEY, role TEXT, body TEXT, score DOUBLE)"


@dataclass
class Series:
    """The cost of one call by size; `is_flat` says that the size should not matter."""

    name: str
    axis: str
    unit: str
    is_flat: bool
    points: dict[int, float] = field(default_factory=dict)

    def growth(self) -> float:
        """The last cost over the first, for each row if it is linear."""
        sizes = sorted(self.points)
        if self.is_flat:
            return self.points[sizes[-1]] / self.points[sizes[0]]
        first = next((size for size in sizes if size >= LINEAR_FROM), sizes[0])
        per_row = {size: self.points[size] / size for size in sizes}
        return per_row[sizes[-1]] / per_row[first]

    def figure(self) -> Figure:
        costs = ", ".join(f"{value:.3g}" for _, value in sorted(self.points.items()))
        order = "" if self.is_flat else ", per row"
        name = f"growth by {self.axis}: {self.name} ({costs} {self.unit}){order}"
        return Figure(name, self.growth(), "x", FLAT_MAX if self.is_flat else LINEAR_MAX)


@dataclass
class AllSeries:
    """Series by name, in the order in which they were first added to."""

    axis: str
    by_name: dict[str, Series] = field(default_factory=dict)

    def add(self, name: str, size: int, value: float, unit: str, is_flat: bool) -> None:
        series = self.by_name.setdefault(name, Series(name, self.axis, unit, is_flat))
        series.points[size] = value

    def flat(self, name: str, size: int, call: Callable[[int], object], arguments: Iterable[int]) -> None:
        self.add(name, size, each(call, arguments), "us", True)

    def reads(
        self,
        name: str,
        size: int,
        call: Callable[[int], object],
        apart: Iterable[int],
        arguments: Iterable[int],
    ) -> None:
        """Reads that find nothing kept, because they lie `apart`, and reads that were made
        before. Among few rows all but some are of the second kind."""
        self.flat(f"{name}, first", size, call, apart)
        for argument in arguments:
            call(argument)
        self.flat(f"{name}, again", size, call, arguments)

    def linear(self, name: str, size: int, call: Callable[[], object]) -> None:
        call()
        value = statistics.median(seconds(call) for _ in range(3)) * 1e3
        self.add(name, size, value, "ms", False)


def run(setting: Setting) -> list[Figure]:
    by_rows, by_users = AllSeries("rows"), AllSeries("users")
    for full in ROWS:
        rows = setting.count(full, 1_000)
        measure_rows(by_rows, setting.empty(f"growth_rows_{full}"), rows)
    for full in USERS:
        users = 1 if full == 1 else setting.count(full, 10)
        measure_users(by_users, setting, users)
    found = [*by_rows.by_name.values(), *by_users.by_name.values()]
    draw(setting.results / "growth.svg", (by_rows, by_users))
    return [series.figure() for series in found]


def each(call: Callable[[int], object], arguments: Iterable[int]) -> float:
    """The median of single calls in microseconds, the first tenth left out."""
    times = [seconds(lambda: call(argument)) * 1e6 for argument in arguments]
    return statistics.median(times[len(times) // 10 :])


def some(of: range) -> list[int]:
    """At most `CALLS` of them, each once, in any order."""
    return random.Random(3).sample(of, k=min(CALLS, len(of)))


def messages(first: int, count: int) -> pa.Table:
    """Rows with ids from `first` on."""
    ids = np.arange(first, first + count, dtype=np.int64)
    words = pa.array([f"a message of some words, as many as {at}" for at in range(1_000)])
    roles = pa.array(["user", "assistant", "system"])
    return pa.table(
        {
            "id": ids,
            "role": roles.take(pa.array(ids % 3)),
            "body": words.take(pa.array(ids * 7919 % 1_000)),
            "score": (ids % 1_013) / 1_013,
        }
    )


def measure_rows(found: AllSeries, place: Path, rows: int) -> None:
    con = kalamdb.connect(str(place), config=CONFIG)
    for table in ("hot", "cold"):
        con.execute(f"CREATE TABLE {table} {COLUMNS}")
    for first in range(0, rows, HOT_CHUNK):
        con.append("hot", messages(first, min(HOT_CHUNK, rows - first)))
    everything = messages(0, rows)
    found.add("ingest", rows, seconds(lambda: con.append("cold", everything)) * 1e3, "ms", False)
    con.execute("STORAGE FLUSH TABLE cold")
    keys = random.Random(1).choices(range(rows), k=CALLS)
    apart = some(range(BLOCK_ROWS // 2, rows, BLOCK_ROWS))
    for table in ("hot", "cold"):
        by_key = con.prepare(f"SELECT id, body, score FROM {table} WHERE id = ?")
        newest = f"SELECT id, body FROM {table} ORDER BY id DESC LIMIT 50"
        update = con.prepare(f"UPDATE {table} SET score = 2 WHERE id = ?")
        total = f"SELECT SUM(id), COUNT(score) FROM {table}"
        groups = f"SELECT role, COUNT(*), AVG(score) FROM {table} GROUP BY role"
        found.reads(
            f"point read, {table}", rows, lambda key: by_key.execute([key]).fetchall(), apart, keys
        )
        found.flat(f"newest 50, {table}", rows, lambda _: con.execute(newest).fetchall(), keys)
        found.linear(f"sum, {table}", rows, lambda: con.execute(total).fetchall())
        found.linear(f"three groups, {table}", rows, lambda: con.execute(groups).fetchall())
        found.flat(f"update, {table}", rows, lambda key: update.execute([key]), keys)
    insert = con.prepare("INSERT INTO hot VALUES (?, 'user', 'new', 0.5)")
    found.flat("insert", rows, lambda key: insert.execute([key]), range(rows, rows + CALLS))
    flush = seconds(lambda: con.execute("STORAGE FLUSH TABLE hot").fetchall())
    found.add("flush", rows, flush * 1e3, "ms", False)
    con.close()
    found.add("bytes on disk", rows, disk_bytes(place) / 1e6, "MB", False)
    found.flat("open", rows, lambda _: open_and_close(place), range(5))


def measure_users(found: AllSeries, setting: Setting, users: int) -> None:
    each_has = max(1, setting.count(USER_ROWS, 1_000) // users)
    place = setting.empty(f"growth_users_{users}")
    con = kalamdb.connect(str(place), config=CONFIG)
    con.execute(f"CREATE USER TABLE feed {COLUMNS}")
    fill_users(con, users, messages(0, each_has))
    apart = some(range(users))
    chosen = random.Random(2).choices(apart, k=CALLS)
    newest = "SELECT id, body FROM feed ORDER BY id DESC LIMIT 10"
    by_key = f"SELECT id, body FROM feed WHERE id = {each_has // 2}"
    insert = "INSERT INTO feed VALUES (?, 'user', 'new', 0.5)"
    new_keys = iter(range(each_has, each_has + CALLS))

    def of_user(sql: str) -> Callable[[int], object]:
        return lambda user: con.as_user(f"user-{user}").execute(sql).fetchall()

    for tier in ("hot", "cold"):
        found.reads(f"newest 10, {tier}", users, of_user(newest), apart, chosen)
        found.flat(f"point read, {tier}", users, of_user(by_key), chosen)
        if tier == "hot":
            flush = seconds(lambda: con.execute("STORAGE FLUSH TABLE feed").fetchall())
            found.add("flush", users, flush * 1e3, "ms", False)
    found.flat(
        "insert", users,
        lambda user: con.as_user(f"user-{user}").execute(insert, [next(new_keys)]), chosen,
    )
    con.close()
    found.flat("open", users, lambda _: open_and_close(place), range(5))


def fill_users(con: kalamdb.Connection, users: int, rows: pa.Table) -> None:
    """The same rows for each user. No session stays, which would keep the database open."""
    for user in range(users):
        for first in range(0, rows.num_rows, HOT_CHUNK):
            con.as_user(f"user-{user}").append("feed", rows.slice(first, HOT_CHUNK))


def open_and_close(place: Path) -> None:
    kalamdb.connect(str(place), config=CONFIG).close()


def draw(file: Path, both: tuple[AllSeries, AllSeries]) -> None:
    figure, grid = pyplot.subplots(1, 2, figsize=(15, 7))
    for axes, every in zip(grid, both):
        for series in every.by_name.values():
            sizes = sorted(series.points)
            axes.plot(
                sizes, [series.points[size] for size in sizes], marker="o", markersize=3,
                linestyle="-" if series.is_flat else "--", label=f"{series.name} [{series.unit}]",
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel(f"{every.axis}; solid: should be flat, dashed: should grow with them")
        axes.legend(fontsize=7)
    file.parent.mkdir(parents=True, exist_ok=True)
    chart.save(figure, file)
