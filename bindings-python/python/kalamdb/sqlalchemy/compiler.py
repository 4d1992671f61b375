"""SQL, definitions and types as the engine reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import exc, schema, types
from sqlalchemy.dialects.postgresql.base import PGCompiler
from sqlalchemy.sql import compiler
from sqlalchemy.sql.elements import BindParameter

if TYPE_CHECKING:
    from .dialect import KalamDialect

# The parser's keywords that are no names without quotes.
RESERVED_WORDS = {
    "all", "analyze", "and", "any", "array", "as", "asc", "between", "both", "by", "case", "cast",
    "check", "cluster", "collate", "column", "connect", "constraint", "create", "cross", "current_date",
    "current_role", "current_time", "current_timestamp", "current_user", "default", "delete", "desc",
    "distinct", "distribute", "drop", "else", "end", "end-exec", "except", "exists", "explain", "false",
    "fetch", "final", "for", "foreign", "format", "from", "full", "global", "grant", "group", "having",
    "in", "inner", "insert", "intersect", "interval", "into", "is", "join", "kill", "lateral", "leading",
    "left", "like", "limit", "localtime", "localtimestamp", "match_recognize", "merge", "minus",
    "natural", "not", "null", "of", "offset", "on", "open", "or", "order", "outer", "pivot", "prewhere",
    "primary", "qualify", "references", "returning", "right", "sample", "select", "semi", "session_user",
    "set", "settings", "show", "some", "sort", "start", "table", "tablesample", "then", "to", "top",
    "trailing", "true", "truncate", "union", "unique", "unnest", "unpivot", "update", "use", "user",
    "using", "values", "view", "when", "where", "window", "with",
}  # fmt: skip


class KalamIdentifierPreparer(compiler.IdentifierPreparer):
    """Names in double quotes where they need them."""

    reserved_words = RESERVED_WORDS


class KalamCompiler(PGCompiler):
    """Queries and changes of rows: PostgreSQL's, where it is not said otherwise."""

    def for_update_clause(self, select: Any, **kw: Any) -> str:
        """No row is locked: who commits first wins, and the other is told."""
        return ""

    def limit_clause(self, select: Any, **kw: Any) -> str:
        """LIMIT and OFFSET, each alone too."""
        text = ""
        if select._limit_clause is not None:
            text += "\n LIMIT " + self.process(select._limit_clause, **kw)
        if select._offset_clause is not None:
            text += "\n OFFSET " + self.process(select._offset_clause, **kw)
        return text

    def fetch_clause(
        self,
        select: Any,
        fetch_clause: Any = None,
        require_offset: bool = False,
        use_literal_execute_for_simple_int: bool = False,
        **kw: Any,
    ) -> str:
        """FETCH FIRST as LIMIT, which it is without PERCENT and WITH TIES."""
        if any((select._fetch_clause_options or {}).values()):
            raise exc.CompileError("FETCH takes neither PERCENT nor WITH TIES")
        count = select._fetch_clause if fetch_clause is None else fetch_clause
        text = "" if count is None else "\n LIMIT " + self.process(count, **kw)
        if select._offset_clause is not None:
            text += "\n OFFSET " + self.process(select._offset_clause, **kw)
        return text

    def visit_frame_clause(self, frameclause: Any, **kw: Any) -> str:
        """Offsets of a window's frame are numbers in the text: no parameter may stand there."""
        kw["literal_execute"] = True
        return super().visit_frame_clause(frameclause, **kw)

    def visit_concat_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        """Two parameters have no type between them, so the first one gets it."""
        return f"{self._text(binary.left, **kw)} || {self.process(binary.right, **kw)}"

    def visit_concat_op_expression_clauselist(self, clauses: Any, operator: Any, **kw: Any) -> str:
        """As `visit_concat_op_binary`."""
        first, *rest = clauses.clauses
        return " || ".join([self._text(first, **kw), *(self.process(c, **kw) for c in rest)])

    def _text(self, operand: Any, **kw: Any) -> str:
        text = self.process(operand, **kw)
        return f"CAST({text} AS TEXT)" if isinstance(operand, BindParameter) else text

    def visit_now_func(self, fn: Any, **kw: Any) -> str:
        """The moment of the statement."""
        return "NOW()"


class KalamDDLCompiler(compiler.DDLCompiler):
    """Definitions."""

    dialect: KalamDialect

    def get_column_specification(self, column: schema.Column[Any], **kwargs: Any) -> str:
        """A column; one that numbers itself is a BIGINT of the time and a counter."""
        if column.computed is not None:
            raise exc.CompileError(f"column {column.name!r} is computed, which no table can hold")
        name = self.preparer.format_column(column)
        is_numbered = column is column.table._autoincrement_column and column.server_default is None
        if is_numbered or column.identity is not None:
            return f"{name} BIGINT DEFAULT SNOWFLAKE_ID() NOT NULL"
        data_type = self.dialect.type_compiler_instance.process(column.type, type_expression=column)
        default = self.get_column_default_string(column)
        text = f"{name} {data_type}"
        if default is not None:
            text += f" DEFAULT {default}"
        return text if column.nullable else f"{text} NOT NULL"

    def post_create_table(self, table: schema.Table) -> str:
        """The options of the table: ``kalamdb_type`` and ``kalamdb_options``."""
        given = table.dialect_options["kalamdb"]
        options = dict(given["options"] or {})
        if given["type"] is not None:
            options["TYPE"] = str(given["type"]).upper()
        if not options:
            return ""
        shown = ", ".join(f"{key} = {self._option(value)}" for key, value in options.items())
        return f" WITH ({shown})"

    def _option(self, value: Any) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            return str(value)
        return self.sql_compiler.render_literal_value(str(value), types.String())

    def visit_foreign_key_constraint(self, constraint: Any, **kw: Any) -> Any:
        """What the engine refuses, unless the engine of SQLAlchemy was told to leave it out."""
        if self.dialect.omits("foreign_keys"):
            return None
        return super().visit_foreign_key_constraint(constraint, **kw)

    def visit_create_index(
        self,
        create: Any,
        include_schema: bool = False,
        include_table_schema: bool = True,
        **kw: Any,
    ) -> str:
        """What the engine refuses, unless the engine of SQLAlchemy was told to leave it out."""
        if self.dialect.omits("indexes"):
            return ""
        return super().visit_create_index(create, include_schema, include_table_schema, **kw)

    def visit_drop_index(self, drop: Any, **kw: Any) -> str:
        """As `visit_create_index`."""
        return "" if self.dialect.omits("indexes") else super().visit_drop_index(drop, **kw)

    def visit_create_schema(self, create: Any, **kw: Any) -> str:
        """A schema is a namespace."""
        if_not_exists = "IF NOT EXISTS " if create.if_not_exists else ""
        return f"CREATE NAMESPACE {if_not_exists}{self.preparer.format_schema(create.element)}"

    def visit_drop_schema(self, drop: Any, **kw: Any) -> str:
        """A schema is a namespace."""
        if_exists = "IF EXISTS " if drop.if_exists else ""
        cascade = " CASCADE" if drop.cascade else ""
        return f"DROP NAMESPACE {if_exists}{self.preparer.format_schema(drop.element)}{cascade}"


class KalamTypeCompiler(compiler.GenericTypeCompiler):
    """Types of columns and casts."""

    def visit_integer(self, type_: Any, **kw: Any) -> str:
        """64 bits, as keys that number themselves have, and those that name them; INTEGER has 32."""
        return "BIGINT"

    def visit_FLOAT(self, type_: Any, **kw: Any) -> str:
        """FLOAT is of 64 bits in SQL, and of 32 in the engine."""
        return "DOUBLE"

    def visit_DOUBLE_PRECISION(self, type_: Any, **kw: Any) -> str:
        """64 bits."""
        return "DOUBLE"

    def visit_NUMERIC(self, type_: Any, **kw: Any) -> str:
        """DECIMAL, with ten digits after the point where nothing is said."""
        if type_.precision is None:
            return "DECIMAL(38, 10)"
        return f"DECIMAL({type_.precision}, {type_.scale or 0})"

    def visit_DECIMAL(self, type_: Any, **kw: Any) -> str:
        """As `visit_NUMERIC`."""
        return self.visit_NUMERIC(type_, **kw)

    def visit_VARCHAR(self, type_: Any, **kw: Any) -> str:
        """VARCHAR(n), or TEXT."""
        return "TEXT" if type_.length is None else f"VARCHAR({type_.length})"

    def visit_CHAR(self, type_: Any, **kw: Any) -> str:
        """As `visit_VARCHAR`: nothing is padded."""
        return self.visit_VARCHAR(type_, **kw)

    def visit_NVARCHAR(self, type_: Any, **kw: Any) -> str:
        """As `visit_VARCHAR`."""
        return self.visit_VARCHAR(type_, **kw)

    def visit_NCHAR(self, type_: Any, **kw: Any) -> str:
        """As `visit_VARCHAR`."""
        return self.visit_VARCHAR(type_, **kw)

    def visit_CLOB(self, type_: Any, **kw: Any) -> str:
        """TEXT."""
        return "TEXT"

    def visit_BLOB(self, type_: Any, **kw: Any) -> str:
        """BYTES."""
        return "BYTES"

    def visit_BINARY(self, type_: Any, **kw: Any) -> str:
        """BYTES."""
        return "BYTES"

    def visit_VARBINARY(self, type_: Any, **kw: Any) -> str:
        """BYTES."""
        return "BYTES"

    def visit_DATETIME(self, type_: Any, **kw: Any) -> str:
        """TIMESTAMP, or DATETIME where there is a time zone."""
        return "DATETIME" if type_.timezone else "TIMESTAMP"

    def visit_TIMESTAMP(self, type_: Any, **kw: Any) -> str:
        """As `visit_DATETIME`."""
        return self.visit_DATETIME(type_, **kw)

    def visit_TIME(self, type_: Any, **kw: Any) -> str:
        """TIME has no time zone."""
        return "TIME"

    def visit_JSON(self, type_: Any, **kw: Any) -> str:
        """JSON."""
        return "JSON"

    def visit_json_int_index(self, type_: Any, **kw: Any) -> str:
        """A place in an array."""
        return "INT"

    def visit_json_str_index(self, type_: Any, **kw: Any) -> str:
        """A key of an object."""
        return "TEXT"

    def visit_ARRAY(self, type_: Any, **kw: Any) -> str:
        """A list of scalars."""
        if type_.dimensions not in (None, 1):
            raise exc.CompileError("lists of lists are no type of a column")
        return f"{self.process(type_.item_type, **kw)}[]"
