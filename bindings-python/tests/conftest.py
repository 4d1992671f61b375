"""A database in memory with the namespace `app`, for each test that asks for one."""

import kalamdb
import pytest


@pytest.fixture
def db():
    with kalamdb.connect() as connection:
        connection.execute("CREATE NAMESPACE app")
        yield connection


@pytest.fixture
def numbers(db):
    """A shared table with rows (0, 'n0') to (9, 'n9')."""
    db.execute("CREATE SHARED TABLE app.numbers (id BIGINT PRIMARY KEY, name TEXT)")
    db.executemany("INSERT INTO app.numbers VALUES (?, ?)", [(i, f"n{i}") for i in range(10)])
    return db
