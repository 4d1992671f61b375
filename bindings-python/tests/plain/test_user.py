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
