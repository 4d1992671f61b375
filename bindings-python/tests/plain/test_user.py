"""Users do not see each other."""

import kalamdb
import pytest


@pytest.fixture
def chat(db):
    db.execute("CREATE USER TABLE app.messages (id BIGINT PRIMARY KEY, body TEXT)")
    return db


def bodies(connection):
    rows = connection.execute("SELECT body FROM app.messages ORDER BY id").fetchall()
    return [body for (body,) in rows]


@pytest.mark.parametrize("tier", ["hot", "cold"])
def test_two_users_have_two_sets_of_rows(chat, tier):
    alice, bob = chat.as_user("alice"), chat.as_user("bob")
    alice.execute("INSERT INTO app.messages VALUES (1, 'of alice')")
    bob.append("app.messages", [{"id": 1, "body": "of bob"}, {"id": 2, "body": "more of bob"}])
    if tier == "cold":
        chat.flush("app.messages")
    assert bodies(alice) == ["of alice"]
    assert bodies(bob) == ["of bob", "more of bob"]
    assert bodies(chat) == []
    assert bob.execute("UPDATE app.messages SET body = 'x'").rowcount == 2
    assert bob.execute("DELETE FROM app.messages WHERE id = 1").rowcount == 1
    assert bodies(alice) == ["of alice"]


def test_a_user_may_not_become_another(chat):
    alice = chat.as_user("alice")
    assert (alice.user, alice.role) == ("alice", "user")
    assert alice.as_user("alice").user == "alice"
    with pytest.raises(kalamdb.PermissionDeniedError):
        alice.as_user("bob")


def test_a_user_id_is_checked(chat):
    for user in ["", "x" * 256, "new\nline"]:
        with pytest.raises(kalamdb.DataError, match="user id"):
            chat.as_user(user)


def test_a_user_logs_in_with_a_password(tmp_path):
    path = tmp_path / "db"
    with kalamdb.connect(path) as root:
        root.execute("CREATE NAMESPACE app")
        root.execute("CREATE USER 'ann' WITH PASSWORD ? ROLE service", ["correct horse"])
        ann = kalamdb.connect(path, user="ann", password="correct horse", namespace="app")
        assert (ann.user, ann.role, ann.namespace) == ("ann", "service", "app")
        root.execute("ALTER USER 'ann' SET ROLE user")
        assert ann.role == "user"
        root.execute("DROP USER 'ann'")
        with pytest.raises(kalamdb.PermissionDeniedError):
            ann.execute("SELECT 1")


def test_whoever_cannot_log_in_is_told_the_same(tmp_path):
    path = tmp_path / "db"
    told = set()
    with kalamdb.connect(path) as root:
        root.execute("CREATE USER 'ann' WITH PASSWORD 'correct horse'")
        root.execute("CREATE USER 'bea' WITH ROLE dba")
        for user in ["ann", "bea", "nobody", ""]:
            with pytest.raises(kalamdb.PermissionDeniedError) as raised:
                kalamdb.connect(path, user=user, password="wrong horse")
            told.add((raised.value.sqlstate, str(raised.value), raised.value.hint))
    assert len(told) == 1
    assert told.pop()[0] == "28P01"


def test_a_password_goes_with_a_user_and_no_role(tmp_path):
    for arguments in [{}, {"user": "ann", "role": "dba"}, {"role": "dba"}]:
        with pytest.raises(kalamdb.DataError, match="password"):
            kalamdb.connect(tmp_path / "db", password="correct horse", **arguments)


def test_a_service_acts_for_a_user(chat):
    chat.execute("EXECUTE AS USER 'alice' (INSERT INTO app.messages VALUES (1, ?))", ["hi"])
    rows = chat.execute("EXECUTE AS USER ? (SELECT body FROM app.messages)", ["alice"]).fetchall()
    assert rows == [("hi",)]
    assert bodies(chat.as_user("alice")) == ["hi"]
