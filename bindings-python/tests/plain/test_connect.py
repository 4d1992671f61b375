"""Opening, identity, closing."""

import pathlib

import kalamdb
import pytest


def test_a_database_in_memory_needs_no_argument():
    with kalamdb.connect() as db:
        assert db.execute("SELECT 1").fetchone() == (1,)


def test_two_databases_in_memory_are_two():
    with kalamdb.connect() as one, kalamdb.connect() as two:
        one.execute("CREATE NAMESPACE app")
        two.execute("CREATE NAMESPACE app")


@pytest.mark.parametrize("form", [str, pathlib.Path])
def test_a_directory_is_opened_closed_and_opened_again(tmp_path, form):
    path = form(tmp_path / "app.kalam")
    with kalamdb.connect(path) as db:
        db.execute("CREATE NAMESPACE app")
        db.execute("CREATE SHARED TABLE app.t (id BIGINT PRIMARY KEY)")
        db.execute("INSERT INTO app.t VALUES (7)")
    with kalamdb.connect(path) as db:
        assert db.execute("SELECT id FROM app.t").fetchall() == [(7,)]


def test_the_opener_is_system_and_a_named_user_is_a_user():
    with kalamdb.connect() as db:
        assert (db.user, db.role, db.namespace) == ("root", "system", "default")
    with kalamdb.connect(user="alice") as db:
        assert (db.user, db.role) == ("alice", "user")
    with kalamdb.connect(user="robot", role="service") as db:
        assert (db.user, db.role) == ("robot", "service")


def test_the_namespace_is_where_unqualified_names_are(tmp_path):
    with kalamdb.connect(tmp_path / "d") as db:
        db.execute("CREATE NAMESPACE app")
        db.execute("CREATE SHARED TABLE app.t (id BIGINT PRIMARY KEY)")
        with kalamdb.connect(tmp_path / "d", namespace="app") as other:
            assert other.namespace == "app"
            assert other.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_config_keys_are_checked():
    with kalamdb.connect(config={"durability": "off", "threads": 1}) as db:
        assert db.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(kalamdb.DataError, match="no_such_key") as caught:
        kalamdb.connect(config={"no_such_key": 1})
    assert caught.value.sqlstate == "22023"
    with pytest.raises(kalamdb.DataError, match="threads"):
        kalamdb.connect(config={"threads": 0})


def test_an_unknown_role_and_an_unknown_namespace_are_named():
    with pytest.raises(kalamdb.DataError, match="king"):
        kalamdb.connect(role="king")
    with pytest.raises(kalamdb.NotFoundError, match="nowhere"):
        kalamdb.connect(namespace="nowhere")


def test_a_path_that_is_no_directory_is_an_error_of_ours(tmp_path):
    path = tmp_path / "file"
    path.write_text("not a database")
    with pytest.raises(kalamdb.Error):
        kalamdb.connect(path)


@pytest.mark.parametrize(
    "use",
    [
        lambda db: db.execute("SELECT 1"),
        lambda db: db.sql("SELECT 1"),
        lambda db: db.executemany("INSERT INTO t VALUES (?)", [(1,)]),
        lambda db: db.append("t", [{"id": 1}]),
        lambda db: db.as_user("alice"),
        lambda db: db.cursor(),
        lambda db: db.commit(),
        lambda db: db.rollback(),
        lambda db: db.flush(),
        lambda db: db.user,
        lambda db: db.role,
        lambda db: db.namespace,
        lambda db: db.__enter__(),
    ],
)
def test_every_use_after_close_is_an_interface_error(use):
    db = kalamdb.connect()
    db.close()
    with pytest.raises(kalamdb.InterfaceError, match="connection is closed") as caught:
        use(db)
    assert caught.value.sqlstate == "08003"


def test_closing_twice_is_fine_and_repr_still_works():
    db = kalamdb.connect(user="alice")
    assert "alice" in repr(db)
    db.close()
    db.close()
    assert "closed" in repr(db)


def test_a_with_block_closes_also_when_it_fails():
    with pytest.raises(ZeroDivisionError), kalamdb.connect() as db:
        1 / 0  # noqa: B018
    with pytest.raises(kalamdb.InterfaceError):
        db.execute("SELECT 1")


def test_closing_one_connection_leaves_the_others_open(db):
    alice = db.as_user("alice")
    bob = alice.as_user("alice")
    alice.close()
    assert bob.execute("SELECT 1").fetchone() == (1,)
    assert db.execute("SELECT 1").fetchone() == (1,)


def test_commit_does_nothing_and_rollback_says_why_not(numbers):
    assert numbers.commit() is None
    with pytest.raises(kalamdb.NotSupportedError, match="commits by itself") as caught:
        numbers.rollback()
    assert caught.value.sqlstate == "0A000"


def test_flush_moves_rows_and_takes_nothing_but_a_name(numbers):
    numbers.flush("app.numbers").close()
    numbers.flush().close()
    assert numbers.execute("SELECT count(*) FROM app.numbers").fetchone() == (10,)
    with pytest.raises(kalamdb.ProgrammingError) as caught:
        numbers.flush("app.numbers; DROP TABLE app.numbers")
    assert caught.value.sqlstate == "42601"
    assert numbers.execute("SELECT count(*) FROM app.numbers").fetchone() == (10,)
