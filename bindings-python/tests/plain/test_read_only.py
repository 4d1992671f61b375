"""Connections that change nothing."""

import kalamdb
import pytest

WRITES = [
    "INSERT INTO app.t VALUES (2)", "DELETE FROM app.t", "CREATE TABLE app.u (k INT PRIMARY KEY)",
    "DROP TABLE app.t", "STORAGE FLUSH TABLE app.t", "CREATE USER 'u' WITH PASSWORD 'p' ROLE user",
]


@pytest.fixture
def path(tmp_path):
    with kalamdb.connect(tmp_path / "d") as db:
        db.executescript("CREATE NAMESPACE app; CREATE TABLE app.t (k INT PRIMARY KEY); INSERT INTO app.t VALUES (1)")
    return tmp_path / "d"


def test_every_way_to_write_is_refused_and_reading_goes(path):
    with kalamdb.connect(path, read_only=True) as db:
        ways = [lambda sql=sql: db.execute(sql) for sql in WRITES]
        ways += [
            lambda: db.executemany("DELETE FROM app.t WHERE k = ?", [(1,)]),
            lambda: db.append("app.t", {"k": [2]}),
            lambda: db.create_table("app.u", {"k": [2]}),
            lambda: db.prepare("DELETE FROM app.t").execute(),
            lambda: db.cursor().execute("DELETE FROM app.t"),
            db.flush,
        ]
        for way in ways:
            with pytest.raises(kalamdb.PermissionDeniedError) as raised:
                way()
            assert raised.value.sqlstate == "25006"
        with pytest.raises(kalamdb.PermissionDeniedError):
            db.as_user("alice").execute("INSERT INTO app.t VALUES (3)")
        assert db.execute("SELECT * FROM app.t").fetchall() == [(1,)]
    with kalamdb.connect(path) as db:
        assert db.execute("DELETE FROM app.t").rowcount == 1


def test_a_directory_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(kalamdb.ProgrammingError) as raised:
        kalamdb.connect(tmp_path / "missing", read_only=True)
    assert raised.value.sqlstate == "42704"
    assert not (tmp_path / "missing").exists()


def test_a_timeout_of_the_connection_holds_for_its_statements():
    endless = "SELECT COUNT(*) FROM generate_series(1, 1000000000000) a (x) WHERE x % 7 = 8"
    with kalamdb.connect(timeout=0.02) as db:
        with pytest.raises(kalamdb.CancelledError):
            db.execute(endless).fetchall()
        assert db.execute("SELECT 1", timeout=60).fetchone() == (1,)
    with pytest.raises(kalamdb.DataError):
        kalamdb.connect(timeout=0)
