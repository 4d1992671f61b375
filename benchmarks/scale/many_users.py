"""The newest 50 rows of one user among 1,000 users and among 100,000: of a user whom nobody
read before, and of one who is read again."""

from functools import partial
from pathlib import Path

import feeds
from feeds import FEW, MANY, ROWS_EACH
from scale.figure import Figure, Setting, connect, resident_megabytes, seconds

# The cost of a read by tier, and by whether the user is read for the first time.
Costs = dict[tuple[str, str], float]


def run(setting: Setting) -> list[Figure]:
    counts = [setting.count(full, 20) for full in (FEW, MANY)]
    figures: list[Figure] = []
    costs: list[Costs] = []
    took: list[tuple[float, float]] = []
    for users in counts:
        of_reads, of_rows = measure(setting, users, counts[0], figures)
        costs.append(of_reads)
        took.append(of_rows)
    for at, what in enumerate(("insert", "flush")):
        name = f"{what} of a row: many users over few"
        figures.append(Figure(name, took[1][at] / took[0][at], "x", 1.2))
    for (tier, which), few in costs[0].items():
        name = f"newest 50, {tier}, {which} read: many users over few"
        figures.append(Figure(name, costs[1][tier, which] / few, "x", 1.2))
    return figures


def measure(
    setting: Setting, users: int, few: int, figures: list[Figure]
) -> tuple[Costs, tuple[float, float]]:
    """What reads cost, and an insert and the flush of a row."""
    place = setting.empty(f"many_users_{users}")
    rows = users * ROWS_EACH
    # As in feeds.build.
    feeds.rows_of_one()
    con = connect(place)
    con.execute(feeds.TABLE)
    insert = seconds(partial(feeds.fill, con, users))
    figures.append(Figure(f"insert, {users:,} users", insert / rows * 1e6, "us/row"))
    con.close()
    chosen = feeds.chosen(users, few)
    costs = read(place, "hot", chosen)
    con = connect(place)
    flush = seconds(partial(con.execute, "STORAGE FLUSH TABLE feed"))
    figures.append(Figure(f"flush, {users:,} users", flush / rows * 1e6, "us/row"))
    figures.append(Figure(f"memory after the flush, {users:,} users", resident_megabytes(), "MB"))
    con.close()
    costs |= read(place, "flushed", chosen)
    for (tier, which), cost in costs.items():
        figures.append(Figure(f"newest 50, {tier}, {which} read, {users:,} users", cost, "us"))
    figures.append(Figure(f"memory after the reads, {users:,} users", resident_megabytes(), "MB"))
    return costs, (insert / rows, flush / rows)


def read(place: Path, tier: str, chosen: list[int]) -> Costs:
    """Median microseconds in a database that is opened for it: nothing is in its caches."""
    con = connect(place)
    costs = {(tier, which): reads(con, chosen).value for which, reads in feeds.READS.items()}
    con.close()
    return costs
