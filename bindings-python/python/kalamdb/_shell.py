"""The shell of `python -m kalamdb`: SQL in, tables out."""

from __future__ import annotations

import argparse
import csv
import json
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import kalamdb

from . import _line_editor, _statement_text, _text_table

ROWS_MAX = 1_000


class Quit(Exception):
    """The shell is to end."""


class Shell:
    """Runs statements and commands, and writes what they answer."""

    def __init__(self, connection: kalamdb.Connection, out: TextIO, error: TextIO) -> None:
        self.connection = connection
        self._opened = connection
        self._out = out
        self._error = error
        self._mode = "table"
        self._rows_max = ROWS_MAX
        self._shows_time = False
        # Lines of a statement that does not end yet.
        self.waiting = ""
        self._commands: dict[str, tuple[str, str, Callable[..., None]]] = {
            ".help": ("", "this list", self._help),
            ".tables": ("[NAMESPACE]", "tables, and what kind they are of", self._tables),
            ".schema": ("TABLE", "the statement that makes a table", self._schema),
            ".namespaces": ("", "namespaces", self._namespaces),
            ".user": ("[USER]", "act for a user, or again for the one of the start", self._user),
            ".explain": ("STATEMENT", "how a query is run", self._explain),
            ".mode": ("table|csv|json", "how rows are written", self._set_mode),
            ".rows": ("COUNT", f"most rows of a result that are written ({ROWS_MAX})", self._set_rows),
            ".timer": ("on|off", "how long statements take", self._set_timer),
            ".read": ("FILE", "run the statements of a file", self._read),
            ".quit": ("", "end", self._quit),
        }

    @property
    def commands(self) -> list[str]:
        """The names of the commands."""
        return list(self._commands)

    def run_lines(self, lines: Iterator[str], *, goes_on: bool) -> bool:
        """Run statements and commands up to the end, or up to the first that fails."""
        for line in lines:
            if not self.waiting and line.startswith("."):
                is_done = self.run_command(line)
            else:
                self.waiting += line if line.endswith("\n") else f"{line}\n"
                if not _statement_text.is_complete(self.waiting):
                    continue
                is_done = self.run(self._take())
            if not is_done and not goes_on:
                self.waiting = ""
                return False
        return self.run(self._take())

    def _take(self) -> str:
        sql, self.waiting = self.waiting, ""
        return sql

    def run(self, sql: str) -> bool:
        """Run SQL and write its rows. Return whether it succeeded."""
        if _statement_text.is_blank(sql):
            return True
        started = time.perf_counter()
        try:
            with self.connection.execute(sql) as result:
                self._write(result)
        except kalamdb.Error as error:
            self._write_error(error)
            return False
        except KeyboardInterrupt:
            print("interrupted", file=self._error)
            return False
        if self._shows_time:
            print(f"{time.perf_counter() - started:.3f} s", file=self._out)
        return True

    def run_command(self, line: str) -> bool:
        """Run a command that begins with a dot. Return whether it succeeded."""
        word, _, rest = line.strip().partition(" ")
        if word not in self._commands:
            print(f"{word} is no command; .help lists them", file=self._error)
            return False
        usage, _, command = self._commands[word]
        try:
            if word == ".explain":
                command(rest)
            else:
                command(*shlex.split(rest))
        except kalamdb.Error as error:
            self._write_error(error)
            return False
        except (OSError, TypeError, ValueError) as error:
            what = error if isinstance(error, OSError) else f"usage: {word} {usage}".rstrip()
            print(what, file=self._error)
            return False
        return True

    def _write(self, result: kalamdb.Result) -> None:
        if not result.columns:
            if result.rowcount >= 0:
                print(f"{result.rowcount} rows changed", file=self._out)
            return
        rows = result.fetchmany(self._rows_max)
        match self._mode:
            case "csv":
                writer = csv.writer(self._out, lineterminator="\n")
                writer.writerow(result.columns)
                writer.writerows(rows)
            case "json":
                for row in rows:
                    shown = dict(zip(result.columns, row, strict=True))
                    print(json.dumps(shown, default=str, ensure_ascii=False), file=self._out)
            case _:
                print(_text_table.table(result.columns, rows), file=self._out)
        if result.fetchone() is not None:
            print(f"the first {len(rows)} rows; .rows COUNT shows more", file=self._error)

    def _write_error(self, error: kalamdb.Error) -> None:
        print(f"error {error.sqlstate}: {error}", file=self._error)

    def _help(self) -> None:
        print("statements end with ;", file=self._out)
        for word, (usage, what, _) in self._commands.items():
            print(f"  {f'{word} {usage}':<22} {what}", file=self._out)

    def _tables(self, namespace: str | None = None) -> None:
        query = """SELECT table_schema AS namespace, table_name, kalam_kind AS kind
            FROM information_schema.tables WHERE $1 IS NULL OR table_schema = $1 ORDER BY 1, 2"""
        self._write(self.connection.execute(query, [namespace]))

    def _namespaces(self) -> None:
        self._write(self.connection.execute("SHOW NAMESPACES"))

    def _schema(self, table: str) -> None:
        for row in self.connection.execute(f"SHOW CREATE TABLE {table}"):
            print(row[-1], file=self._out)

    def _explain(self, sql: str) -> None:
        print(self.connection.explain(sql.strip().rstrip(";")), file=self._out)

    def _user(self, user: str | None = None) -> None:
        if self.connection is not self._opened:
            self.connection.close()
        self.connection = self._opened
        if user is not None:
            self.connection = self._opened.as_user(user)

    def _set_mode(self, mode: str) -> None:
        if mode not in ("table", "csv", "json"):
            raise ValueError(mode)
        self._mode = mode

    def _set_rows(self, count: str) -> None:
        if int(count) < 1:
            raise ValueError(count)
        self._rows_max = int(count)

    def _set_timer(self, word: str) -> None:
        if word not in ("on", "off"):
            raise ValueError(word)
        self._shows_time = word == "on"

    def _read(self, file: str) -> None:
        with Path(file).expanduser().open(encoding="utf-8") as lines:
            self.run_lines(lines, goes_on=False)

    def _quit(self) -> None:
        raise Quit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that open a database."""
    parser.add_argument("path", nargs="?", default=":memory:", help="the database directory; none: in memory")
    parser.add_argument("-c", "--command", metavar="SQL", help="run SQL and end")
    parser.add_argument("--user", help="whose rows to see")
    parser.add_argument("--role", help="with which role")
    parser.add_argument("--namespace", help="where unqualified names are looked up")
    parser.add_argument("--read-only", action="store_true", help="change nothing")


def main(options: argparse.Namespace) -> int:
    """Open a database and run what comes, and return the exit status."""
    try:
        connection = kalamdb.connect(
            options.path,
            user=options.user,
            role=options.role,
            namespace=options.namespace,
            read_only=options.read_only,
        )
    except kalamdb.Error as error:
        print(f"error {error.sqlstate}: {error}", file=sys.stderr)
        return 1
    with connection:
        shell = Shell(connection, sys.stdout, sys.stderr)
        try:
            if options.command is not None:
                return 0 if shell.run(options.command) else 1
            if not sys.stdin.isatty():
                return 0 if shell.run_lines(sys.stdin, goes_on=False) else 1
            print(f"KalamDB {kalamdb.__version__}, {options.path}; .help lists commands")
            with _line_editor.LineEditor(shell) as editor:
                shell.run_lines(editor.lines(), goes_on=True)
        except Quit:
            pass
    return 0
