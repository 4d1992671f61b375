"""A bar that tells how far the statements of a connection are."""

import threading
import time
import weakref
from typing import Any

from ._kalamdb import Connection, Error, InterfaceError

SECONDS_BETWEEN_LOOKS = 0.1
# Shorter statements have none.
SECONDS_WITHOUT_BAR = 0.5
BAR = "{percentage:3.0f}%|{bar}| {elapsed}<{remaining}"


def watch(connection: Connection) -> None:
    """Show how far statements of a connection are, at a terminal or in a notebook, until it is closed.

    Raises InterfaceError without tqdm.
    """
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise InterfaceError('a progress bar needs tqdm: pip install "kalamdb[progress]"') from error
    watcher = threading.Thread(
        target=_show, args=(weakref.ref(connection), tqdm), name="kalamdb-progress", daemon=True
    )
    watcher.start()


def _show(reference: "weakref.ref[Connection]", tqdm: Any) -> None:
    bar = None
    idle_at = time.monotonic()
    while (connection := reference()) is not None:
        try:
            done = connection.query_progress()
        except Error:  # It is closed.
            break
        del connection
        if done is None or done >= 100 or (bar is not None and done < bar.n):
            idle_at = time.monotonic()
            bar = _close(bar)
        elif bar is None and time.monotonic() - idle_at >= SECONDS_WITHOUT_BAR:
            # Whether standard error is a terminal decides: `disable=None`.
            bar = tqdm(total=100, unit="%", bar_format=BAR, leave=False, disable=None)
        if bar is not None and done is not None:
            bar.update(done - bar.n)
        time.sleep(SECONDS_BETWEEN_LOOKS)
    _close(bar)


def _close(bar: Any) -> None:
    if bar is not None:
        bar.close()
