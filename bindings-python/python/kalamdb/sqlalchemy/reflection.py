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
    """The part of the dialect that `inspect()` and `autoload_with` use.

    What an inspector asks of one table is read of all tables of the namespace, once.
    """

    def _rows(self, connection: Connection, query: str, schema: str | None) -> list[Any]:
        values = {"schema": schema or self.default_schema_name or "default"}
        return list(connection.execute(sql.text(query), values))

    @reflection.cache
    def _relations(
        self, connection: Connection, schema: str | None = None, **kw: Any
    ) -> dict[str, tuple[str, str | None]]:
        """Type and comment of each table and view."""
        query = """SELECT table_name, table_type, table_comment FROM information_schema.tables
            WHERE table_schema = :schema ORDER BY table_name"""
        return {name: (kind, comment) for name, kind, comment in self._rows(connection, query, schema)}

    @reflection.cache
    def _columns(
        self, connection: Connection, schema: str | None = None, **kw: Any
    ) -> dict[str, list[dict[str, Any]]]:
        """The columns of each table and view."""
        query = """SELECT table_name, column_name, kalam_type, is_nullable, column_default, column_comment
            FROM information_schema.columns WHERE table_schema = :schema
            ORDER BY table_name, ordinal_position"""
        columns: dict[str, list[dict[str, Any]]] = {}
        for table, name, written, nullable, default_value, comment in self._rows(connection, query, schema):
            column = {
                "name": name,
                "type": data_type(written),
                "nullable": nullable == "YES",
                "default": default_value,
                "autoincrement": default_value is not None and "SNOWFLAKE_ID" in default_value,
                "comment": comment,
            }
            columns.setdefault(table, []).append(column)
        return columns

    @reflection.cache
    def _constraints(
        self, connection: Connection, schema: str | None = None, **kw: Any
    ) -> dict[str, dict[str, str]]:
        """The type of each constraint of each table."""
        query = """SELECT table_name, constraint_name, constraint_type
            FROM information_schema.table_constraints WHERE table_schema = :schema
            ORDER BY table_name, constraint_name"""
        constraints: dict[str, dict[str, str]] = {}
        for table, name, kind in self._rows(connection, query, schema):
            constraints.setdefault(table, {})[name] = kind
        return constraints

    @reflection.cache
    def _key_columns(
        self, connection: Connection, schema: str | None = None, **kw: Any
    ) -> dict[tuple[str, str], list[str]]:
        """The columns of each key."""
        query = """SELECT table_name, constraint_name, column_name
            FROM information_schema.key_column_usage WHERE table_schema = :schema
            ORDER BY table_name, constraint_name, ordinal_position"""
        columns: dict[tuple[str, str], list[str]] = {}
        for table, constraint, column in self._rows(connection, query, schema):
            columns.setdefault((table, constraint), []).append(column)
        return columns

    @reflection.cache
    def _checks(
        self, connection: Connection, schema: str | None = None, **kw: Any
    ) -> dict[tuple[str, str], str]:
        """The condition of each CHECK."""
        query = """SELECT t.table_name, c.constraint_name, c.check_clause
            FROM information_schema.check_constraints c
            JOIN information_schema.table_constraints t
              ON t.constraint_schema = c.constraint_schema AND t.constraint_name = c.constraint_name
            WHERE t.table_schema = :schema AND t.constraint_type = 'CHECK'"""
        return {(table, name): clause for table, name, clause in self._rows(connection, query, schema)}

    def _relation(
        self, connection: Connection, name: str, schema: str | None, **kw: Any
    ) -> tuple[str, str | None]:
        """Type and comment of a table or view that has to be there."""
        relations: dict[str, tuple[str, str | None]] = self._relations(connection, schema, **kw)
        if name not in relations:
            raise exc.NoSuchTableError(f"{schema}.{name}" if schema else name)
        return relations[name]

    def _named(
        self, connection: Connection, table: str, schema: str | None, kind: str, **kw: Any
    ) -> list[str]:
        """The names of the constraints of a type that a table has."""
        self._relation(connection, table, schema, **kw)
        constraints = self._constraints(connection, schema, **kw).get(table, {})
        return [name for name, known in constraints.items() if known == kind]

    @reflection.cache
    def get_schema_names(self, connection: Connection, **kw: Any) -> list[str]:
        """Namespaces."""
        query = "SELECT schema_name FROM information_schema.schemata WHERE :schema <> '' ORDER BY 1"
        return [name for (name,) in self._rows(connection, query, None)]

    @reflection.cache
    def get_table_names(
        self, connection: Connection, schema: str | None = None, **kw: Any
    ) -> list[str]:
        """Tables of a namespace."""
        relations = self._relations(connection, schema, **kw)
        return [name for name, (kind, _) in relations.items() if kind == "BASE TABLE"]

    @reflection.cache
    def get_view_names(
        self, connection: Connection, schema: str | None = None, **kw: Any
    ) -> list[str]:
        """Views of a namespace."""
        relations = self._relations(connection, schema, **kw)
        return [name for name, (kind, _) in relations.items() if kind == "VIEW"]

    @reflection.cache
    def get_view_definition(
        self, connection: Connection, view_name: str, schema: str | None = None, **kw: Any
    ) -> str:
        """The query of a view."""
        query = """SELECT table_name, view_definition FROM information_schema.views
            WHERE table_schema = :schema"""
        for name, definition in self._rows(connection, query, schema):
            if name == view_name:
                return str(definition)
        raise exc.NoSuchTableError(f"{schema}.{view_name}" if schema else view_name)

    @reflection.cache
    def has_table(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> bool:
        """Whether a table or view is there."""
        self._ensure_has_table_connection(connection)
        return table_name in self._relations(connection, schema, **kw)

    @reflection.cache
    def has_schema(self, connection: Connection, schema_name: str, **kw: Any) -> bool:
        """Whether a namespace is there."""
        return schema_name in self.get_schema_names(connection, **kw)

    @reflection.cache
    def get_columns(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> Any:
        """The columns of a table or view."""
        self._relation(connection, table_name, schema, **kw)
        columns = self._columns(connection, schema, **kw).get(table_name, [])
        return [column.copy() for column in columns]

    @reflection.cache
    def get_pk_constraint(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> Any:
        """The primary key, without columns where it is hidden."""
        for name in self._named(connection, table_name, schema, "PRIMARY KEY", **kw):
            columns = self._key_columns(connection, schema, **kw).get((table_name, name), [])
            return {"name": name, "constrained_columns": list(columns)}
        return {"name": None, "constrained_columns": []}

    @reflection.cache
    def get_unique_constraints(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> Any:
        """UNIQUE constraints."""
        names = self._named(connection, table_name, schema, "UNIQUE", **kw)
        columns = self._key_columns(connection, schema, **kw)
        return [{"name": n, "column_names": list(columns.get((table_name, n), []))} for n in names]

    @reflection.cache
    def get_check_constraints(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> Any:
        """CHECK constraints, but those that say NOT NULL."""
        names = self._named(connection, table_name, schema, "CHECK", **kw)
        checks = self._checks(connection, schema, **kw)
        return [
            {"name": name, "sqltext": checks[table_name, name]}
            for name in names
            if (table_name, name) in checks
        ]

    @reflection.cache
    def get_table_comment(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> Any:
        """The comment of a table."""
        return {"text": self._relation(connection, table_name, schema, **kw)[1]}

    @reflection.cache
    def get_foreign_keys(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[Any]:
        """No table has any."""
        self._relation(connection, table_name, schema, **kw)
        return []

    @reflection.cache
    def get_indexes(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[Any]:
        """No table has any beside its key and its UNIQUE constraints."""
        self._relation(connection, table_name, schema, **kw)
        return []
