"""KalamDB's ADBC driver, as `adbc-driver-manager` loads it."""

from adbc_driver_manager import AdbcDatabase
from kalamdb._adbc import ENTRYPOINT, driver_path

__all__ = ["connect", "driver_path"]


def connect(uri: str = ":memory:", db_kwargs: dict[str, str] | None = None) -> AdbcDatabase:
    """Open a database: a directory, ``kalamdb:///directory``, or ``:memory:``."""
    options = {"uri": uri, **(db_kwargs or {})}
    return AdbcDatabase(driver=driver_path(), entrypoint=ENTRYPOINT, **options)
