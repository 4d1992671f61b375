"""Where statements end in a text."""

import re

# What a semicolon or a comment's signs may stand in, each with its end, or without one.
_PART = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*(?:\n|$)|/\*.*?\*/|[^'"/-]|[/-]|(?P<open>['"])""",
    re.DOTALL,
)


def is_complete(text: str) -> bool:
    """Whether the last statement ends with a semicolon."""
    last = ""
    for part in _parts(text):
        if part is None:
            return False
        if part.strip() and not part.startswith(("--", "/*")):
            last = part
    return last == ";" or is_blank(text)


def is_blank(text: str) -> bool:
    """Whether there is nothing but white space and comments."""
    return all(
        part is not None and (not part.strip() or part.startswith(("--", "/*")))
        for part in _parts(text)
    )


def _parts(text: str) -> list[str | None]:
    """The parts of a text; None for one that does not end."""
    parts: list[str | None] = []
    for found in _PART.finditer(text):
        if found["open"] or (found[0] == "/" and text.startswith("/*", found.start())):
            parts.append(None)
            break
        parts.append(found[0])
    return parts
