"""Lines from a terminal: history and completion where Python has readline."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Self

import kalamdb

if TYPE_CHECKING:
    from ._shell import Shell

try:
    import readline
except ImportError:
    readline = None  # type: ignore[assignment]

PROMPT, PROMPT_MORE = "kalamdb> ", "    ...> "
HISTORY_MAX = 10_000
KEYWORDS = """
    ALTER ANALYZE AND AS ASC BEGIN BETWEEN BY CASE CAST COLUMN COMMIT CREATE CROSS DEFAULT DELETE DESC
    DESCRIBE DISTINCT DROP ELSE END EXISTS EXPLAIN FLUSH FROM FULL GROUP HAVING IN INNER INSERT INTO IS
    JOIN KEY LEFT LIKE LIMIT MERGE NAMESPACE NOT NULL OFFSET ON OR ORDER OUTER PRIMARY RETURNING RIGHT
    ROLLBACK SELECT SET SHARED SHOW STORAGE STREAM TABLE THEN TRUNCATE UNION UPDATE USE USER USING VALUES
    VIEW WHEN WHERE WITH
""".split()


def history_path() -> Path:
    """Where lines are kept."""
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "kalamdb" / "history"


class LineEditor:
    """Asks for lines; Ctrl-C drops what was typed, Ctrl-D ends."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._found: list[str] = []

    def __enter__(self) -> Self:
        if readline is not None:
            readline.set_completer(self.complete)
            readline.set_completer_delims(" \t\n;,()='\"<>+-*/")
            readline.parse_and_bind("tab: complete")
            try:
                readline.read_history_file(history_path())
            except OSError:
                pass
        return self

    def __exit__(self, *_exception: object) -> None:
        if readline is not None:
            readline.set_history_length(HISTORY_MAX)
            try:
                history_path().parent.mkdir(parents=True, exist_ok=True)
                readline.write_history_file(history_path())
            except OSError:
                # A shell without a home still is one.
                pass

    def lines(self) -> Iterator[str]:
        """Each line that is typed."""
        while True:
            try:
                yield input(PROMPT_MORE if self._shell.waiting else PROMPT)
            except EOFError:
                print()
                return
            except KeyboardInterrupt:
                print()
                self._shell.waiting = ""

    def complete(self, text: str, state: int) -> str | None:
        """The words that go on with a text, one at a time."""
        if state == 0:
            self._found = self._words(text)
        return self._found[state] if state < len(self._found) else None

    def _words(self, text: str) -> list[str]:
        if text.startswith("."):
            return [word for word in self._shell.commands if word.startswith(text)]
        words = [word if text.isupper() else word.lower() for word in KEYWORDS]
        words += self._names()
        return sorted({word for word in words if word.startswith(text)})

    def _names(self) -> list[str]:
        connection = self._shell.connection
        query = "SELECT table_schema, table_name, column_name FROM information_schema.columns"
        try:
            rows = connection.execute(query, timeout=1).fetchall()
            own = connection.namespace
        except kalamdb.Error:
            # In a failed transaction, say: completion is no reason to complain.
            return []
        names = [column for _, _, column in rows]
        names += [table for namespace, table, _ in rows if namespace == own]
        return names + [f"{namespace}.{table}" for namespace, table, _ in rows]
