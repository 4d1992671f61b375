"""Rows as a table of text, for terminals."""

import unicodedata
from collections.abc import Sequence
from typing import Any

CHARS_MAX = 60


def table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Lines of columns that stand below their names; numbers stand right."""
    cells = [[_text(value) for value in row] for row in rows]
    widths = [
        max([_width(name), *(_width(row[place]) for row in cells)])
        for place, name in enumerate(names)
    ]
    is_right = [
        any(row[place] is not None for row in rows)
        and all(isinstance(row[place], int | float | None) for row in rows)
        for place in range(len(names))
    ]

    def line(texts: Sequence[str]) -> str:
        padded = (
            " " * (width - _width(text)) + text if right else text + " " * (width - _width(text))
            for text, width, right in zip(texts, widths, is_right, strict=True)
        )
        return "  ".join(padded).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([line(names), rule, *map(line, cells)])


def _text(value: Any) -> str:
    if value is None:
        return "NULL"
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(value))
    return text if len(text) <= CHARS_MAX else text[: CHARS_MAX - 1] + "…"


def _width(text: str) -> int:
    """Columns of a terminal; Chinese and the like take two."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)
