"""A result as a table of HTML, for notebooks."""

from html import escape
from typing import Any

from ._kalamdb import Error, Result

ROWS_MAX = 20
CHARS_MAX = 200


def table(result: Result) -> str:
    """The first rows of a result, which stay to be fetched."""
    try:
        rows = result._peek(ROWS_MAX + 1)
    except Error as error:
        return f"<pre>{escape(repr(result))}\n{escape(str(error))}</pre>"
    if not result.columns:
        return f"<pre>{escape(repr(result))}</pre>"
    types = result.schema.types
    heads = "".join(
        f"<th>{escape(name)}<br><small>{escape(kind)}</small></th>"
        for name, kind in zip(result.columns, types, strict=True)
    )
    lines = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows[:ROWS_MAX])
    more = f"<p>the first {ROWS_MAX} rows</p>" if len(rows) > ROWS_MAX else ""
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>{more}"


def _cell(value: Any) -> str:
    if value is None:
        return "<td><i>NULL</i></td>"
    text = str(value)
    if len(text) > CHARS_MAX:
        text = text[: CHARS_MAX - 1] + "…"
    align = ' style="text-align: right"' if isinstance(value, int | float) else ""
    return f"<td{align}>{escape(text)}</td>"
