"""Stores by name, each built once."""

import shutil
from collections.abc import Callable
from pathlib import Path

import feeds
import large
import stores
import tpch_stores
import vectors
from stores import Work

BUILDERS: dict[str, Callable[[Work, Path], None]] = {
    **stores.BUILDERS,
    **tpch_stores.BUILDERS,
    **vectors.BUILDERS,
    **large.BUILDERS,
    **feeds.BUILDERS,
}


def build(work: Work, name: str) -> None:
    """Builds a store unless it is there. A store that was cut off is built again."""
    store = work.store(name)
    if (store / ".ready").exists():
        return
    shutil.rmtree(store, ignore_errors=True)
    store.mkdir(parents=True)
    BUILDERS[name](work, store)
    (store / ".ready").touch()
