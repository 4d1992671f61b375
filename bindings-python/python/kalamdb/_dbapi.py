"""The type objects and constructors that PEP 249 asks a module for."""

import datetime

Date = datetime.date
Time = datetime.time
Timestamp = datetime.datetime
Binary = bytes


def DateFromTicks(ticks: float) -> datetime.date:
    """The local date of a number of seconds since the epoch."""
    return datetime.date.fromtimestamp(ticks)


def TimeFromTicks(ticks: float) -> datetime.time:
    """The local time of day of a number of seconds since the epoch."""
    return datetime.datetime.fromtimestamp(ticks).time()


def TimestampFromTicks(ticks: float) -> datetime.datetime:
    """The local date and time of a number of seconds since the epoch."""
    return datetime.datetime.fromtimestamp(ticks)


class TypeObject:
    """Equal to every type name in ``description`` of one group of SQL types."""

    def __init__(self, *names: str) -> None:
        self.names = frozenset(names)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            # DECIMAL(10,2) and EMBEDDING(3) carry parameters.
            return other.partition("(")[0] in self.names
        return self is other

    def __hash__(self) -> int:
        return hash(self.names)

    def __repr__(self) -> str:
        return f"<kalamdb type {' | '.join(sorted(self.names))}>"


STRING = TypeObject("TEXT", "JSON", "FILE", "UUID")
BINARY = TypeObject("BYTES")
NUMBER = TypeObject("BOOLEAN", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL")
DATETIME = TypeObject("DATE", "TIME", "TIMESTAMP", "DATETIME")
ROWID = TypeObject()
