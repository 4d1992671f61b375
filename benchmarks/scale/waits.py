"""How long calls take while something else is at work, and while nothing is."""

import time
from collections.abc import Callable, Sequence

import numpy as np

# Calls between two looks at what was at work beside them.
CALLS_KEPT = 1 << 16
# Forty buckets for each power of ten, of milliseconds: a percentile is 6 % too high at most.
EDGES = np.geomspace(1e-3, 1e5, 8 * 40 + 1)


class Distribution:
    """Durations in milliseconds. It holds the same memory however many there are."""

    def __init__(self) -> None:
        self.counts = np.zeros(len(EDGES) + 1, np.int64)
        self.longest = 0.0

    def add(self, durations: np.ndarray) -> None:
        if len(durations):
            buckets = np.searchsorted(EDGES, durations)
            self.counts += np.bincount(buckets, minlength=len(self.counts))
            self.longest = max(self.longest, float(durations.max()))

    def calls(self) -> int:
        return int(self.counts.sum())

    def percentile(self, percent: float) -> float:
        """The upper end of the bucket that it lies in."""
        bucket = int(np.searchsorted(np.cumsum(self.counts), self.calls() * percent / 100))
        return min(float(EDGES[min(bucket, len(EDGES) - 1)]), self.longest)


class Waits:
    """The calls of one thread, told apart by another one afterwards."""

    def __init__(self) -> None:
        self.begun = np.zeros(CALLS_KEPT)
        self.ended = np.zeros(CALLS_KEPT)
        self.count = 0
        self.settled = 0
        self.beside = Distribution()
        self.alone = Distribution()

    def timed(self, call: Callable[[], object]) -> None:
        """Calls it, and notes when it began and ended, in seconds since 1970 UTC."""
        at = self.count % CALLS_KEPT
        self.begun[at] = time.time()
        try:
            call()
        finally:
            self.ended[at] = time.time()
            self.count += 1

    def settle(self, count: int, work: Sequence[tuple[float, float]]) -> None:
        """Counts the first `count` calls among those that met one of these pieces of work,
        each from its begin to its end, or among the others."""
        if count - self.settled > CALLS_KEPT:
            raise RuntimeError("calls were forgotten before anyone looked at them")
        at = np.arange(self.settled, count) % CALLS_KEPT
        begun, ended = self.begun[at], self.ended[at]
        is_beside = np.zeros(len(at), bool)
        for first, last in work:
            is_beside |= (begun <= last) & (ended >= first)
        durations = (ended - begun) * 1e3
        self.beside.add(durations[is_beside])
        self.alone.add(durations[~is_beside])
        self.settled = count
