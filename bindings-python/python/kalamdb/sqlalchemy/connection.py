"""PEP 249's connection as SQLAlchemy uses it: a transaction opens by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import kalamdb

AUTOCOMMIT = "AUTOCOMMIT"


class AutobeginConnection:
    """A connection whose statements belong to a transaction, unless it is in autocommit.

    A definition, which no transaction can hold, runs outside of one as long as the open transaction has
    written nothing. Otherwise the engine refuses it. Names of the connection below are here too.
    """

    def __init__(self, connection: kalamdb.Connection, isolation: str) -> None:
        self.connection = connection
        self.isolation = isolation
        self._wrote = False

    def cursor(self) -> AutobeginCursor:
        """Make a cursor."""
        return AutobeginCursor(self, self.connection.cursor())

    def admit(self, sql: str) -> None:
        """Open the transaction that a statement belongs to."""
        if self.isolation == AUTOCOMMIT:
            return
        effects = self.connection._within_transaction(sql)
        writes = "writes" in effects
        if "refused" in effects and not writes:
            if self.connection.in_transaction and not self._wrote:
                self.connection.commit()
        elif not self.connection.in_transaction:
            self.connection.begin(self.isolation)
            self._wrote = False
        self._wrote |= writes

    def commit(self) -> None:
        """Commit the open transaction, if there is one."""
        self.connection.commit()

    def rollback(self) -> None:
        """Roll the open transaction back, if there is one."""
        if self.connection.in_transaction:
            self.connection.rollback()

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)


class AutobeginCursor:
    """A cursor of an ``AutobeginConnection``."""

    def __init__(self, connection: AutobeginConnection, cursor: kalamdb.Cursor) -> None:
        self.connection = connection
        self.cursor = cursor

    @property
    def arraysize(self) -> int:
        """How many rows fetchmany() fetches by default."""
        return self.cursor.arraysize

    @arraysize.setter
    def arraysize(self, size: int) -> None:
        self.cursor.arraysize = size

    def execute(self, operation: str, parameters: Any = None) -> AutobeginCursor:
        """Run SQL."""
        # A definition of which everything is left out.
        if operation:
            self.connection.admit(operation)
            self.cursor.execute(operation, parameters or None)
        return self

    def executemany(self, operation: str, parameters: Any) -> AutobeginCursor:
        """Run a write for each set of parameters, all or none."""
        self.connection.admit(operation)
        self.cursor.executemany(operation, parameters)
        return self

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.cursor)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cursor, name)
