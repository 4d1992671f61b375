"""The PyPI package dbapi-compliance over this module, every test but those that are named here."""

import dbapi20
import kalamdb
import pytest


class TestCompliance(dbapi20.DatabaseAPI20Test):
    """Each connection of a test opens the same directory."""

    driver = kalamdb

    @pytest.fixture(autouse=True)
    def directory(self, tmp_path):
        self.connect_args = (tmp_path / "d",)

    def test_nextset(self):
        """A statement has one result, so cursors have no nextset(), which PEP 249 makes optional."""
        assert not hasattr(kalamdb.Cursor, "nextset")

    def test_setoutputsize(self):
        """Columns are sized by themselves: the call is there and changes nothing."""
        with kalamdb.connect() as connection, connection.cursor() as cursor:
            cursor.setoutputsize(1)
            assert cursor.execute("SELECT 'three'").fetchall() == [("three",)]

    def test_non_idempotent_close(self):
        """A second close() does nothing; the suite says of its own test that reasonable persons differ."""
        connection = kalamdb.connect()
        connection.close()
        connection.close()
