"""PEP 249 over ADBC: what `adbc_driver_manager.dbapi` has, with this driver."""

from adbc_driver_manager.dbapi import *  # noqa: F403
from adbc_driver_manager.dbapi import Connection
from adbc_driver_manager.dbapi import connect as _connect
from kalamdb._adbc import ENTRYPOINT, driver_path


def connect(
    uri: str = ":memory:",
    db_kwargs: dict[str, str] | None = None,
    conn_kwargs: dict[str, str] | None = None,
    *,
    autocommit: bool = False,
) -> Connection:
    """Open a database: a directory, ``kalamdb:///directory``, or ``:memory:``."""
    return _connect(
        driver=driver_path(),
        entrypoint=ENTRYPOINT,
        db_kwargs={"uri": uri, **(db_kwargs or {})},
        conn_kwargs=conn_kwargs,
        autocommit=autocommit,
    )
