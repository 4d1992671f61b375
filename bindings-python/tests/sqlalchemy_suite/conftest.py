"""SQLAlchemy's own suite of tests for dialects runs in a pytest of its own: its plugin changes pytest."""

import os

import exclusions
import kalamdb
import pytest

# Pytest takes over the asserts of these modules only if they are named before they are imported.
pytest.register_assert_rewrite("sqlalchemy.testing.assertions")
with kalamdb.connect(os.environ["KALAMDB_SUITE_PATH"], config={"durability": "off"}) as connection:
    connection.execute("CREATE NAMESPACE IF NOT EXISTS test_schema")

from sqlalchemy.testing.plugin.pytestplugin import *  # noqa: E402, F403


def pytest_collection_finish(session):
    """Exclude tests; an exclusion that no test has is an error, as long as all are collected."""
    names = []
    for item in session.items:
        name = f"{item.cls.__name__.partition('_kalamdb')[0]}::{item.name}"
        names.append(name)
        if why := exclusions.reason(name):
            item.add_marker(pytest.mark.skip(reason=why))
    unused = exclusions.unused(names)
    if unused and not session.config.option.keyword:
        raise pytest.UsageError(f"exclusions that no test has: {unused}")
