"""Types whose values differ from what the connection takes and gives."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from typing import Any

from sqlalchemy import types
from sqlalchemy.engine import Dialect

_Process = Callable[[Any], Any]


class EMBEDDING(types.UserDefinedType[Any]):
    """A vector of ``dimensions`` floats: a list, or a numpy array, of that length."""

    cache_ok = True

    class Comparator(types.UserDefinedType.Comparator[Any]):
        """Distances, smallest first: what ORDER BY takes for the nearest."""

        def cosine_distance(self, vector: Any) -> Any:
            """1 minus the cosine of the angle."""
            return self.op("<=>", return_type=types.Float(), is_comparison=False)(vector)

        def l2_distance(self, vector: Any) -> Any:
            """The Euclidean distance."""
            return self.op("<->", return_type=types.Float(), is_comparison=False)(vector)

        def max_inner_product(self, vector: Any) -> Any:
            """The negative inner product."""
            return self.op("<#>", return_type=types.Float(), is_comparison=False)(vector)

    comparator_factory = Comparator

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions

    def get_col_spec(self, **_: Any) -> str:
        """The type in SQL."""
        return f"EMBEDDING({self.dimensions})"

    def coerce_compared_value(self, op: Any, value: Any) -> Any:
        """A value beside it is a vector too."""
        return self


class KalamDateTime(types.DateTime):
    """TIMESTAMP, or DATETIME, which is an instant: what has no time zone is in UTC."""

    def result_processor(self, dialect: Dialect, coltype: object) -> _Process | None:
        """Instants come naive and in UTC."""
        if not self.timezone:
            return None
        utc = datetime.UTC
        return lambda value: None if value is None else value.replace(tzinfo=utc)


class KalamUuid(types.Uuid[Any]):
    """UUID, of which a program may want the text."""

    def bind_processor(self, dialect: Dialect) -> _Process | None:
        """The text becomes a UUID."""
        if not self.native_uuid:
            return super().bind_processor(dialect)
        if self.as_uuid:
            return None
        return lambda value: None if value is None else uuid.UUID(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> _Process | None:
        """A UUID becomes its text."""
        if not self.native_uuid:
            return super().result_processor(dialect, coltype)
        if self.as_uuid:
            return None
        return lambda value: None if value is None else str(value)


class KalamTime(types.Time):
    """TIME, which has no time zone."""
