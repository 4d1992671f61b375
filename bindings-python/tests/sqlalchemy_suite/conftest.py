"""SQLAlchemy's own suite of tests for dialects runs in a pytest of its own: its plugin changes pytest."""

import os

import kalamdb
import pytest
from sqlalchemy.dialects import registry

# Pytest takes over the asserts of these modules only if they are named before they are imported.
pytest.register_assert_rewrite("sqlalchemy.testing.assertions")
registry.register("kalamdb", "kalamdb.sqlalchemy", "KalamDialect")

with kalamdb.connect(os.environ["KALAMDB_SUITE_PATH"], config={"durability": "off"}) as connection:
    connection.execute("CREATE NAMESPACE IF NOT EXISTS test_schema")

from sqlalchemy.testing.plugin.pytestplugin import *  # noqa: E402, F403
