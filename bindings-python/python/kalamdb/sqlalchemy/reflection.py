"""What tables there are, from information_schema."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sqlalchemy import exc, sql, types
from sqlalchemy.engine import default, reflection

from .types import EMBEDDING, KalamDateTime

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_NAMES: dict[str, Any] = {
    "BOOLEAN": types.BOOLEAN,
    "SMALLINT": types.SMALLINT,
    "INT": types.INTEGER,
    "BIGINT": types.BIGINT,
    "FLOAT": types.REAL,
    "DOUBLE": types.DOUBLE,
    "TEXT": types.TEXT,
    "FILE": types.TEXT,
    "BYTES": types.LargeBinary,
    "DATE": types.DATE,
    "TIME": types.TIME,
    "TIMESTAMP": types.TIMESTAMP,
    "JSON": types.JSON,
    "UUID": types.UUID,
}
_TYPE = re.compile(r"(?P<name>[A-Z]+)(\((?P<arguments>[0-9, ]+)\))?(?P<is_list>\[\])?")


def data_type(written: str) -> Any:
    """The type that a column was written with."""
    found = _TYPE.fullmatch(written)
    if found is None:
        return types.NULLTYPE
    arguments = [int(argument) for argument in (found["arguments"] or "").split(",") if argument]
    scalar = _scalar(found["name"], arguments)
    return types.ARRAY(scalar) if found["is_list"] else scalar


def _scalar(name: str, arguments: list[int]) -> Any:
    match name, arguments:
        case "DECIMAL", [precision, scale]:
            return types.DECIMAL(precision, scale)
        case "VARCHAR" | "TEXT" | "CHAR", [length]:
            return types.VARCHAR(length)
        case "EMBEDDING", [dimensions]:
            return EMBEDDING(dimensions)
        case "DATETIME", _:
            return KalamDateTime(timezone=True)
    return _NAMES[name]() if name in _NAMES else types.NULLTYPE


class Reflection(default.DefaultDialect):
    """The part of the dialect that `inspect()` and `autoload_with` use."""

    def _rows(self, connection: Connection, query: str, **values: str) -> list[Any]:
        return list(connection.execute(sql.text(query), values))

    def _schema(self, schema: str | None) -> str:
        return schema or self.default_schema_name or "default"

    def _kind(self, connection: Connection, name: str, schema: str | None) -> str | None:
        query = """SELECT table_type FROM information_schema.tables
            WHERE table_schema = :schema AND table_name = :name"""
        found = self._rows(connection, query, schema=self._schema(schema), name=name)
        return found[0][0] if found else None

    def _check_known(self, connection: Connection, name: str, schema: str | None) -> None:
        if self._kind(connection, name, schema) is None:
            raise exc.NoSuchTableError(f"{schema}.{name}" if schema else name)

    @reflection.cache
    def get_schema_names(self, connection: Connection, **kw: Any) -> list[str]:
        """Namespaces."""
        query = "SELECT schema_name FROM information_schema.schemata ORDER BY 1"
        return [name for (name,) in self._rows(connection, query)]

    def _names(self, connection: Connection, schema: str | None, kind: str) -> list[str]:
        query = """SELECT table_name FROM information_schema.tables
            WHERE table_schema = :schema AND table_type = :kind ORDER BY 1"""
        rows = self._rows(connection, query, schema=self._schema(schema), kind=kind)
        return [name for (name,) in rows]

    @reflection.cache
    def get_table_names(
        self, connection: Connection, schema: str | None = None, **kw: Any
    ) -> list[str]:
        """Tables of a namespace."""
        return self._names(connection, schema, "BASE TABLE")

    @reflection.cache
    def get_view_names(
        self, connection: Connection, schema: str | None = None, **kw: Any
    ) -> list[str]:
        """Views of a namespace."""
        return self._names(connection, schema, "VIEW")

    @reflection.cache
    def get_view_definition(
        self, connection: Connection, view_name: str, schema: str | None = None, **kw: Any
    ) -> str:
        """The query of a view."""
        query = """SELECT view_definition FROM information_schema.views
            WHERE table_schema = :schema AND table_name = :name"""
        found = self._rows(connection, query, schema=self._schema(schema), name=view_name)
        if not found:
            raise exc.NoSuchTableError(f"{schema}.{view_name}" if schema else view_name)
        return str(found[0][0])

    @reflection.cache
    def has_table(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> bool:
        """Whether a table or view is there."""
        self._ensure_has_table_connection(connection)
        return self._kind(connection, table_name, schema) is not None

    @reflection.cache
    def has_schema(self, connection: Connection, schema_name: str, **kw: Any) -> bool:
        """Whether a namespace is there."""
        return schema_name in self.get_schema_names(connection, **kw)

    @reflection.cache
    def get_columns(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> Any:
        """The columns of a table or view."""
        query = """SELECT column_name, kalam_type, is_nullable, column_default, column_comment
            FROM information_schema.columns
            WHERE table_schema = :schema AND table_name = :name ORDER BY ordinal_position"""
        rows = self._rows(connection, query, schema=self._schema(schema), name=table_name)
        if not rows:
            self._check_known(connection, table_name, schema)
        return [
            {
                "name": name,
                "type": data_type(written),
                "nullable": nullable == "YES",
                "default": default_value,
                "autoincrement": default_value is not None and "SNOWFLAKE_ID" in default_value,
                "comment": comment,
            }
            for name, written, nullable, default_value, comment in rows
        ]

    def _constraints(
        self, connection: Connection, table_name: str, schema: str | None, kind: str
    ) -> dict[str, list[str]]:
        query = """SELECT c.constraint_name, k.column_name
            FROM information_schema.table_constraints c
            JOIN information_schema.key_column_usage k
              ON k.table_schema = c.table_schema AND k.table_name = c.table_name
             AND k.constraint_name = c.constraint_name
            WHERE c.table_schema = :schema AND c.table_name = :name AND c.constraint_type = :kind
            ORDER BY c.constraint_name, k.ordinal_position"""
        schema_name = self._schema(schema)
        rows = self._rows(connection, query, schema=schema_name, name=table_name, kind=kind)
        if not rows:
            self._check_known(connection, table_name, schema)
        constraints: dict[str, list[str]] = {}
        for name, column in rows:
            constraints.setdefault(name, []).append(column)
        return constraints

    @reflection.cache
    def get_pk_constraint(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> Any:
        """The primary key, without columns where it is hidden."""
        for name, columns in self._constraints(
            connection, table_name, schema, "PRIMARY KEY"
        ).items():
            return {"name": name, "constrained_columns": columns}
        return {"name": None, "constrained_columns": []}

    @reflection.cache
    def get_unique_constraints(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> Any:
        """UNIQUE constraints."""
        found = self._constraints(connection, table_name, schema, "UNIQUE")
        return [{"name": name, "column_names": columns} for name, columns in found.items()]

    @reflection.cache
    def get_check_constraints(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> Any:
        """CHECK constraints, but those that say NOT NULL."""
        query = """SELECT c.constraint_name, c.check_clause
            FROM information_schema.check_constraints c
            JOIN information_schema.table_constraints t
              ON t.constraint_schema = c.constraint_schema AND t.constraint_name = c.constraint_name
            WHERE t.table_schema = :schema AND t.table_name = :name AND t.constraint_type = 'CHECK'
            ORDER BY 1"""
        rows = self._rows(connection, query, schema=self._schema(schema), name=table_name)
        if not rows:
            self._check_known(connection, table_name, schema)
        return [{"name": name, "sqltext": clause} for name, clause in rows]

    @reflection.cache
    def get_table_comment(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> Any:
        """The comment of a table."""
        query = """SELECT table_comment FROM information_schema.tables
            WHERE table_schema = :schema AND table_name = :name"""
        found = self._rows(connection, query, schema=self._schema(schema), name=table_name)
        if not found:
            raise exc.NoSuchTableError(f"{schema}.{table_name}" if schema else table_name)
        return {"text": found[0][0]}

    @reflection.cache
    def get_foreign_keys(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[Any]:
        """No table has any."""
        self._check_known(connection, table_name, schema)
        return []

    @reflection.cache
    def get_indexes(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[Any]:
        """No table has any beside its key and its UNIQUE constraints."""
        self._check_known(connection, table_name, schema)
        return []
