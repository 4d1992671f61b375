"""A transaction around a ``with`` block."""

from contextlib import suppress

from ._kalamdb import Connection, InterfaceError


class Transaction:
    """What ``Connection.transaction()`` returns: begins, and commits or rolls back at the end."""

    def __init__(self, connection: Connection, isolation: str) -> None:
        self._connection = connection
        self._isolation = isolation

    def __enter__(self) -> Connection:
        self._connection.begin(self._isolation)
        return self._connection

    def __exit__(self, exc_type: type[BaseException] | None, *_exception: object) -> None:
        if exc_type is None:
            self._connection.commit()
            return
        # A connection that was closed in the block has rolled back.
        with suppress(InterfaceError):
            if self._connection.in_transaction:
                self._connection.rollback()
