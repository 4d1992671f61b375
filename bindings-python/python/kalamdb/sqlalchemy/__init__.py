"""SQLAlchemy's dialect: ``create_engine("kalamdb:///directory")``.

The path of the URL is a directory, relative as in ``kalamdb:///app.kalam`` or absolute as in
``kalamdb:////srv/app.kalam``; without one the database is in memory and ends with the engine. User and
password are those of ``kalamdb.connect()``, as are ``role``, ``namespace``, ``read_only`` and the keys of
``config`` in the query of the URL.
"""

from .dialect import KalamDialect
from .types import EMBEDDING

__all__ = ["EMBEDDING", "KalamDialect"]
