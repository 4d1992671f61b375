"""begin, commit and rollback."""

import pytest

import kalamdb


@pytest.fixture
def db():
    with kalamdb.connect() as db:
        db.execute("CREATE TABLE t (k INT PRIMARY KEY, v INT)")
        yield db


def rows(db):
    return db.execute("SELECT * FROM t ORDER BY k").fetchall()


def test_what_is_committed_stays_and_what_is_rolled_back_goes(db):
    db.begin()
    db.execute("INSERT INTO t VALUES (1, 10)")
    db.commit()
    db.begin()
    db.executemany("INSERT INTO t VALUES (?, ?)", [(2, 20), (3, 30)])
    db.executemany("UPDATE t SET v = v + ? WHERE k = ?", [(1, 1), (2, 1)])
    assert rows(db) == [(1, 13), (2, 20), (3, 30)]
    db.rollback()
    assert rows(db) == [(1, 10)]


def test_commit_ends_what_sql_began(db):
    db.execute("BEGIN")
    db.execute("INSERT INTO t VALUES (1, 10)")
    db.commit()
    assert rows(db) == [(1, 10)]


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
def test_the_second_of_two_changes_of_a_row_is_refused(db, isolation):
    db.execute("INSERT INTO t VALUES (1, 10)")
    db.begin(isolation)
    db.execute("UPDATE t SET v = 11")
    db.execute("SAVEPOINT s")
    db.as_user("root").execute("UPDATE t SET v = 12")
    with pytest.raises(kalamdb.OperationalError) as caught:
        db.commit()
    assert caught.value.sqlstate == "40001"
    assert rows(db) == [(1, 12)]
    assert db.commit() is None


def test_a_failed_statement_leaves_only_rollback(db):
    db.begin()
    with pytest.raises(kalamdb.ProgrammingError):
        db.execute("SELECT * FROM missing")
    with pytest.raises(kalamdb.ProgrammingError) as caught:
        db.execute("SELECT 1")
    assert caught.value.sqlstate == "25P02"
    db.rollback()
    assert rows(db) == []


def test_begin_refuses_unknown_levels_and_nesting(db):
    with pytest.raises(kalamdb.DataError):
        db.begin("chaos")
    db.begin()
    with pytest.raises(kalamdb.ProgrammingError) as caught:
        db.begin()
    assert caught.value.sqlstate == "25001"


def test_a_connection_that_is_closed_rolls_back(tmp_path):
    with kalamdb.connect(tmp_path) as other:
        other.execute("CREATE TABLE t (k INT PRIMARY KEY, v INT)")
        db = kalamdb.connect(tmp_path)
        db.begin()
        db.execute("INSERT INTO t VALUES (1, 10)")
        db.close()
        assert rows(other) == []


def test_a_block_is_committed_or_rolled_back(db):
    with db.transaction() as same:
        assert same is db and db.in_transaction
        db.execute("INSERT INTO t VALUES (1, 10)")
    assert not db.in_transaction
    with pytest.raises(LookupError), db.transaction("serializable"):
        db.execute("INSERT INTO t VALUES (2, 20)")
        raise LookupError
    with pytest.raises(kalamdb.IntegrityError), db.transaction():
        db.execute("INSERT INTO t VALUES (3, 30)")
        db.execute("INSERT INTO t VALUES (1, 10)")
    assert rows(db) == [(1, 10)]


def test_a_block_that_ends_its_transaction_or_its_connection_itself(db):
    with db.transaction():
        db.execute("INSERT INTO t VALUES (1, 10)")
        db.rollback()
    with pytest.raises(LookupError), db.transaction():
        db.commit()
        raise LookupError
    assert rows(db) == []
    with pytest.raises(LookupError), db.transaction():
        db.close()
        raise LookupError
    with pytest.raises(kalamdb.InterfaceError):
        db.transaction()


def test_a_block_of_an_unknown_level_is_refused_before_it_begins(db):
    with pytest.raises(kalamdb.DataError):
        db.transaction("chaos")
    assert not db.in_transaction
