"""Tables that are made for data."""

import datetime

import kalamdb
import pytest


def columns(db, table):
    query = """SELECT column_name, kalam_type, is_nullable FROM information_schema.columns
        WHERE table_name = ? ORDER BY ordinal_position"""
    return db.execute(query, [table]).fetchall()


def test_a_table_has_the_columns_of_its_data(db):
    day = datetime.date(2024, 2, 29)
    rows = [{"id": 1, "name": "a", "x": 1.5, "day": day}, {"id": 2, "name": None, "x": None, "day": day}]
    assert db.create_table("app.made", rows, primary_key=["id"]) == 2
    assert columns(db, "made") == [
        ("id", "BIGINT", "NO"), ("name", "TEXT", "YES"), ("x", "DOUBLE", "YES"), ("day", "DATE", "YES"),
    ]
    assert db.execute("SELECT * FROM app.made WHERE id = 1").fetchone() == (1, "a", 1.5, day)


def test_kind_and_key_are_as_asked(db):
    db.create_table("app.mine", {"id": [1], "body": ["root's"]}, type="user", primary_key=["id", "body"])
    assert db.as_user("alice").execute("SELECT * FROM app.mine").fetchall() == []
    db.create_table("app.keyless", {"id": [1, 1]})
    assert db.execute("SELECT COUNT(*) FROM app.keyless").fetchone() == (2,)


def test_a_table_whose_rows_do_not_fit_is_not_left(db):
    with pytest.raises(kalamdb.IntegrityError):
        db.create_table("app.made", {"id": [1, 1]}, primary_key=["id"])
    assert columns(db, "made") == []


def test_a_table_that_is_there_stays(numbers):
    with pytest.raises(kalamdb.AlreadyExistsError):
        numbers.create_table("app.numbers", {"id": [1]})
    assert numbers.execute("SELECT COUNT(*) FROM app.numbers").fetchone() == (10,)


def test_wrong_arguments_are_refused(db):
    for name in ["app.x; DROP TABLE y", "", "app.x (k INT) --"]:
        with pytest.raises(kalamdb.ProgrammingError) as raised:
            db.create_table(name, {"id": [1]})
        assert raised.value.sqlstate == "42602"
    with pytest.raises(kalamdb.DataError):
        db.create_table("app.made", {"id": [1]}, type="temporary")
    with pytest.raises(kalamdb.ProgrammingError):
        db.create_table("app.made", {"id": [1]}, primary_key=["missing"])
    db.begin()
    with pytest.raises(kalamdb.NotSupportedError):
        db.create_table("app.made", {"id": [1]})
    db.rollback()
    assert columns(db, "made") == []
