"""The dialect: how SQLAlchemy connects, and what the engine can do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import kalamdb
from sqlalchemy import exc, pool, schema, types
from sqlalchemy.engine import characteristics, default
from sqlalchemy.sql.compiler import InsertmanyvaluesSentinelOpts

from .compiler import KalamCompiler, KalamDDLCompiler, KalamIdentifierPreparer, KalamTypeCompiler
from .connection import AUTOCOMMIT, AutobeginConnection
from .reflection import Reflection
from .types import KalamDateTime, KalamUuid

if TYPE_CHECKING:
    from sqlalchemy.engine import URL
    from sqlalchemy.engine.interfaces import DBAPIConnection

_MEMORY = ":memory:"
_CONNECT_WORDS = ("role", "namespace")
_LEVELS = (AUTOCOMMIT, "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")
_DEFAULT_LEVEL = "REPEATABLE READ"
_OMITTED = {"foreign_keys", "indexes"}


class KalamDialect(Reflection):
    """KalamDB.

    ``create_engine(url, omit={"foreign_keys", "indexes"})``, or ``?omit=foreign_keys,indexes`` in the URL,
    leaves out of definitions what the engine refuses; FOREIGN KEY then serves the joins of the ORM and is
    not enforced.
    """

    name = "kalamdb"
    driver = "kalamdb"
    default_paramstyle = "qmark"
    supports_statement_cache = True

    statement_compiler = KalamCompiler
    ddl_compiler = KalamDDLCompiler
    type_compiler_cls = KalamTypeCompiler
    preparer = KalamIdentifierPreparer
    colspecs = {types.DateTime: KalamDateTime, types.Uuid: KalamUuid}
    construct_arguments = [(schema.Table, {"type": None, "options": None})]

    max_identifier_length = 64
    supports_alter = True
    supports_comments = True
    supports_native_boolean = True
    supports_native_decimal = True
    supports_native_uuid = True
    supports_sane_rowcount = True
    supports_sane_multi_rowcount = True
    supports_default_values = True
    supports_empty_insert = False
    supports_multivalues_insert = True
    supports_is_distinct_from = True
    postfetch_lastrowid = False
    insert_returning = True
    update_returning = True
    delete_returning = True
    use_insertmanyvalues = True
    insertmanyvalues_implicit_sentinel = InsertmanyvaluesSentinelOpts.ANY_AUTOINCREMENT
    returns_native_bytes = True
    div_is_floordiv = True
    # PostgreSQL's compiler asks.
    _backslash_escapes = False
    _supports_jsonb_subscripting = False

    def __init__(
        self,
        omit: Iterable[str] | str = (),
        json_serializer: Callable[[Any], str] | None = None,
        json_deserializer: Callable[[str], Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._json_serializer = json_serializer
        self._json_deserializer = json_deserializer
        self._omitted: set[str] = set()
        self._omit(omit)
        self._memory: kalamdb.Connection | None = None
        self._memory_lock = threading.Lock()

    def _omit(self, words: Iterable[str] | str) -> None:
        words = words.split(",") if isinstance(words, str) else words
        self._omitted |= {word for word in words if word}
        if not self._omitted <= _OMITTED:
            known = ", ".join(sorted(_OMITTED))
            raise exc.ArgumentError(f"omit takes {known}, got {sorted(self._omitted)}")

    def omits(self, what: str) -> bool:
        """Whether definitions leave `what` out."""
        return what in self._omitted

    @classmethod
    def import_dbapi(cls) -> Any:
        """PEP 249's module."""
        return kalamdb

    @classmethod
    def get_pool_class(cls, url: URL) -> type[pool.Pool]:
        """Connections of one database, in memory too."""
        return pool.QueuePool

    def create_connect_args(self, url: URL) -> tuple[list[Any], dict[str, Any]]:
        """The arguments of `kalamdb.connect()` that a URL stands for."""
        if url.host or url.port:
            raise exc.ArgumentError("kalamdb is no server: write kalamdb:///directory")
        query = dict(url.query)
        arguments: dict[str, Any] = {"path": url.database or _MEMORY}
        if url.username is not None:
            arguments["user"] = url.username
        if url.password is not None:
            arguments["password"] = url.password
        for word in _CONNECT_WORDS:
            if word in query:
                arguments[word] = query.pop(word)
        if "read_only" in query:
            arguments["read_only"] = query.pop("read_only") in ("true", "1", "yes", "on")
        if "timeout" in query:
            arguments["timeout"] = float(str(query.pop("timeout")))
        if "omit" in query:
            self._omit(query.pop("omit"))
        if query:
            arguments["config"] = query
        return [], arguments

    def connect(self, *arguments: Any, **keywords: Any) -> Any:
        """Connect; what is in memory is one database for all connections of an engine."""
        if keywords.get("path", _MEMORY) != _MEMORY:
            connection = kalamdb.connect(*arguments, **keywords)
        else:
            connection = self._connect_to_memory(*arguments, **keywords)
        return AutobeginConnection(connection, _DEFAULT_LEVEL)

    def _connect_to_memory(self, *arguments: Any, **keywords: Any) -> kalamdb.Connection:
        with self._memory_lock:
            if self._memory is None:
                self._memory = kalamdb.connect(*arguments, **keywords)
            return self._memory.as_user(self._memory.user)

    def get_driver_connection(self, connection: DBAPIConnection) -> Any:
        """The connection with `append()`, `execute()` and what else it has."""
        return connection.connection

    def _get_default_schema_name(self, connection: Any) -> str:
        return str(connection.connection.dbapi_connection.namespace)

    def get_isolation_level_values(self, dbapi_conn: DBAPIConnection) -> Any:
        """AUTOCOMMIT, and how transactions can be isolated."""
        return list(_LEVELS)

    def get_isolation_level(self, dbapi_connection: DBAPIConnection) -> Any:
        """How the next transaction is isolated."""
        return dbapi_connection.isolation

    def set_isolation_level(self, dbapi_connection: DBAPIConnection, level: str) -> None:
        """Holds from the next transaction on."""
        dbapi_connection.isolation = level

    def detect_autocommit_setting(self, dbapi_conn: DBAPIConnection) -> bool:
        """Whether each statement commits by itself."""
        return bool(dbapi_conn.isolation == AUTOCOMMIT)

    def is_disconnect(self, e: Exception, connection: Any, cursor: Any) -> bool:
        """A closed connection is not used again, nor one that takes no writes or came over fork()."""
        return isinstance(e, kalamdb.InterfaceError) and e.sqlstate in ("08003", "08007", "KD001")
