"""KalamDB for asyncio: the names of the package, awaitable.

The engine works in threads of this module, so the event loop goes on. Cancelling an awaitable stops
its statement, and returns when it has stopped: what was not committed by then is not written. One
connection may be used from several tasks, and from several event loops.
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Self, TypeVar

from . import _kalamdb
from ._kalamdb import CancelledError, Connection, Result, Schema, Statement

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped, unused-ignore]
    import polars
    import pyarrow  # type: ignore[import-untyped, unused-ignore]
    from numpy.typing import NDArray

__all__ = ["AsyncConnection", "AsyncResult", "AsyncStatement", "connect"]

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Params = Sequence[Any] | Mapping[str, Any]

# Statements of all connections that are at work at a time; more wait for one to end.
_THREADS_MAX = 32
_threads = ThreadPoolExecutor(_THREADS_MAX, "kalamdb")


def _renew_threads() -> None:
    global _threads
    _threads = ThreadPoolExecutor(_THREADS_MAX, "kalamdb")


# A child has none of its parent's threads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_threads)


async def _call(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Call in a thread, and stop what it waits for if this is cancelled."""
    stop = _kalamdb._CallStop()
    call = functools.partial(stop.run, functools.partial(function, *args, **kwargs))
    work = asyncio.get_running_loop().run_in_executor(_threads, call)
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as error:
            # The thread is waited for all the same: what it does is over when this is.
            cancelled = error
            stop.stop()
    if cancelled is None:
        return work.result()
    if isinstance(work.exception(), CancelledError | None):
        raise cancelled
    raise cancelled from work.exception()


async def connect(
    path: str | PathLike[str] = ":memory:",
    *,
    user: str | None = None,
    role: str | None = None,
    password: str | None = None,
    namespace: str | None = None,
    read_only: bool = False,
    config: Mapping[str, str | int] | None = None,
    timeout: float | None = None,
    progress: bool = False,
) -> AsyncConnection:
    """Open a database, as ``kalamdb.connect()`` does."""
    connection = await _call(
        _kalamdb.connect,
        path,
        user=user,
        role=role,
        password=password,
        namespace=namespace,
        read_only=read_only,
        config=config,
        timeout=timeout,
        progress=progress,
    )
    return AsyncConnection(connection)


class AsyncConnection:
    """A ``Connection`` whose methods are awaitable. Tasks may share it, and its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def connection(self) -> Connection:
        """The connection that blocks, over the same session."""
        return self._connection

    @property
    def user(self) -> str:
        """Whose rows the connection sees."""
        return self._connection.user

    @property
    def role(self) -> str:
        """'anonymous', 'user', 'service', 'dba' or 'system'."""
        return self._connection.role

    @property
    def namespace(self) -> str:
        """Where unqualified names resolve."""
        return self._connection.namespace

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._connection.in_transaction

    async def execute(
        self,
        sql: str,
        params: _Params | None = None,
        *,
        data: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> AsyncResult:
        """Run SQL; a write is committed then, unless a transaction is open."""
        execute = self._connection.execute
        return AsyncResult(await _call(execute, sql, params, data=data, timeout=timeout))

    sql = execute

    async def executemany(self, sql: str, seq_of_params: Iterable[_Params]) -> int:
        """Run a write for each set of parameters, all or none. Return the rows affected."""
        return await _call(self._connection.executemany, sql, seq_of_params)

    async def executescript(self, sql: str) -> None:
        """Run statements that are separated by semicolons, up to the first that fails."""
        await _call(self._connection.executescript, sql)

    async def prepare(self, sql: str) -> AsyncStatement:
        """Parse one statement and look it up, to run it many times."""
        return AsyncStatement(await _call(self._connection.prepare, sql))

    async def explain(
        self, sql: str, params: _Params | None = None, *, analyze: bool = False
    ) -> str:
        """How a query is run, in lines."""
        return await _call(self._connection.explain, sql, params, analyze=analyze)

    async def append(
        self, table: str, data: Any, *, mode: Literal["append", "upsert"] = "append"
    ) -> int:
        """Append rows in one commit and return how many."""
        return await _call(self._connection.append, table, data, mode=mode)

    async def create_table(
        self,
        name: str,
        data: Any,
        *,
        type: Literal["shared", "user", "stream"] = "shared",
        primary_key: Sequence[str] | None = None,
    ) -> int:
        """Make a table with the columns of ``data``, append the rows, and return how many."""
        create = self._connection.create_table
        return await _call(create, name, data, type=type, primary_key=primary_key)

    async def register(self, name: str, data: Any) -> None:
        """Keep data that statements of this connection read by its name."""
        await _call(self._connection.register, name, data)

    async def query_progress(self) -> float | None:
        """How much of what other tasks wait for is done, in percent, or None."""
        return await _call(self._connection.query_progress)

    async def unregister(self, name: str) -> None:
        """Forget what register() keeps under a name."""
        await _call(self._connection.unregister, name)

    async def as_user(self, user: str) -> AsyncConnection:
        """Connect as another user, with role 'user' at most this one's."""
        return AsyncConnection(await _call(self._connection.as_user, user))

    async def begin(self, isolation: str = "repeatable read") -> None:
        """Open a transaction, which all tasks of the connection share."""
        await _call(self._connection.begin, isolation)

    async def commit(self) -> None:
        """Commit the open transaction. Outside of one it does nothing."""
        await _call(self._connection.commit)

    async def rollback(self) -> None:
        """Forget what the open transaction wrote."""
        await _call(self._connection.rollback)

    @asynccontextmanager
    async def transaction(self, isolation: str = "repeatable read") -> AsyncIterator[Self]:
        """Begin, and commit at the end of the block, or roll back if it raises."""
        await self.begin(isolation)
        try:
            yield self
            await self.commit()
        except BaseException:
            if self.in_transaction:
                await self.rollback()
            raise

    async def flush(self, table: str | None = None) -> AsyncResult:
        """Move recent rows of a table, or of all, to segments."""
        return AsyncResult(await _call(self._connection.flush, table))

    def interrupt(self) -> None:
        """Stop every statement of this connection that is at work."""
        self._connection.interrupt()

    async def close(self) -> None:
        """Release the session; results stay readable."""
        await _call(self._connection.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return repr(self._connection).replace("kalamdb.", "kalamdb.aio.Async", 1)


class AsyncStatement:
    """A ``Statement`` whose methods are awaitable."""

    def __init__(self, statement: Statement) -> None:
        self._statement = statement

    @property
    def parameter_types(self) -> list[str | None]:
        """The SQL type of each parameter; None: any."""
        return self._statement.parameter_types

    @property
    def parameter_names(self) -> list[str]:
        """The names of the parameters ``:name``."""
        return self._statement.parameter_names

    @property
    def schema(self) -> Schema:
        """The columns of the result."""
        return self._statement.schema

    async def execute(
        self, params: _Params | None = None, *, timeout: float | None = None
    ) -> AsyncResult:
        """Run it; ``timeout`` is in seconds."""
        return AsyncResult(await _call(self._statement.execute, params, timeout=timeout))

    async def executemany(self, seq_of_params: Iterable[_Params]) -> int:
        """Run it for each set of parameters, all or none. Return the rows affected."""
        return await _call(self._statement.executemany, seq_of_params)


class AsyncResult:
    """A ``Result`` whose methods are awaitable; ``async for`` goes over its rows."""

    def __init__(self, result: Result) -> None:
        self._result = result

    @property
    def result(self) -> Result:
        """The result that blocks, over the same rows."""
        return self._result

    @property
    def description(self) -> list[tuple[str, str, None, None, int | None, int | None, bool]] | None:
        """Seven items for each column, or None for a statement without columns."""
        return self._result.description

    @property
    def rowcount(self) -> int:
        """Rows that the statement changed, else -1."""
        return self._result.rowcount

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return self._result.columns

    @property
    def schema(self) -> Schema:
        """The columns, for any Arrow library and for people."""
        return self._result.schema

    async def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row, or None."""
        row = self._result._next_decoded()
        return row if row is not None else await _call(self._result.fetchone)

    async def fetchmany(self, size: int = 1) -> list[tuple[Any, ...]]:
        """Return the next rows, fewer at the end."""
        return await _call(self._result.fetchmany, size)

    async def fetchall(self) -> list[tuple[Any, ...]]:
        """Return every remaining row."""
        return await _call(self._result.fetchall)

    async def arrow(self) -> pyarrow.Table:
        """Return the remaining rows as a pyarrow.Table, uncopied."""
        return await _call(self._result.arrow)

    to_arrow_table = arrow

    async def pl(self) -> polars.DataFrame:
        """Return the remaining rows as a polars.DataFrame."""
        return await _call(self._result.pl)

    to_polars = pl

    async def df(self) -> pandas.DataFrame:
        """Return the remaining rows as a pandas.DataFrame of Arrow-backed columns."""
        return await _call(self._result.df)

    to_pandas = df

    async def to_dicts(self) -> list[dict[str, Any]]:
        """Return the remaining rows as a list of dicts."""
        return await _call(self._result.to_dicts)

    async def to_numpy(self) -> dict[str, NDArray[Any]]:
        """Return the remaining rows as a dict of numpy arrays."""
        return await _call(self._result.to_numpy)

    def cancel(self) -> None:
        """Stop the query: whoever fetches from it gets CancelledError."""
        self._result.cancel()

    async def close(self) -> None:
        """Stop the query and let go of its rows."""
        await _call(self._result.close)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[Any, ...]:
        row = await self.fetchone()
        if row is None:
            raise StopAsyncIteration
        return row

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    def _repr_html_(self) -> str:
        return self._result._repr_html_()

    def __repr__(self) -> str:
        return repr(self._result).replace("kalamdb.", "kalamdb.aio.Async", 1)
