"""Rows that are collected before they are appended."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Self

from ._kalamdb import Connection, DataError, InterfaceError

Row = Mapping[str, Any] | Sequence[Any]


class Appender:
    """What ``Connection.appender()`` returns: appends rows many at a time.

    Every time that ``rows`` rows have come they are one commit, or part of the open transaction. A
    commit that is refused takes none of its rows and drops them; earlier ones stay. One thread at a
    time may use it.
    """

    def __init__(self, connection: Connection, table: str, mode: str, rows: int) -> None:
        if rows < 1:
            raise DataError(f"an appender of {rows} rows appends nothing")
        self._connection = connection
        self._table = table
        self._mode: Literal["append", "upsert"] = "upsert" if mode == "upsert" else "append"
        self._rows = rows
        self._waiting: list[Row] = []
        self._appended = 0
        self._is_open = True

    @property
    def rowcount(self) -> int:
        """Rows that were appended so far; those that wait do not count."""
        return self._appended

    def append(self, row: Row | None = None, /, **columns: Any) -> None:
        """Add one row: a dict, the values of all columns in their order, or keywords."""
        if not self._is_open:
            raise InterfaceError("appender is closed")
        self._waiting.append(columns if row is None else row)
        if len(self._waiting) >= self._rows:
            self.flush()

    def extend(self, rows: Iterable[Row]) -> None:
        """Add rows."""
        for row in rows:
            self.append(row)

    def flush(self) -> int:
        """Append the rows that wait, and return how many."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return 0
        appended = self._connection.append(self._table, waiting, mode=self._mode)
        self._appended += appended
        return appended

    def close(self) -> None:
        """Append the rows that wait; no more can be added. Closing twice is fine."""
        self._is_open = False
        self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, exc_type: type[BaseException] | None, *_exception: object) -> None:
        if exc_type is not None:
            self._waiting = []
        self.close()
