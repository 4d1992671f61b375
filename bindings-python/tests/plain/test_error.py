"""Exceptions: class, SQLSTATE, position, hint."""

import pickle

import kalamdb
import pytest


@pytest.mark.parametrize(
    ("sql", "exception", "sqlstate", "code"),
    [
        ("SELEC 1", kalamdb.InvalidStatementError, "42601", "InvalidStatement"),
        ("SELECT * FROM app.nothing", kalamdb.NotFoundError, "42P01", "NotFound"),
        ("SELECT nothing FROM app.numbers", kalamdb.NotFoundError, "42703", "NotFound"),
        ("CREATE NAMESPACE app", kalamdb.AlreadyExistsError, "42P06", "AlreadyExists"),
        ("INSERT INTO app.numbers VALUES (1, 'x')", kalamdb.IntegrityError, "23505", "Constraint"),
        ("SELECT ?", kalamdb.InvalidStatementError, "42P02", "InvalidStatement"),
    ],
)
def test_each_kind_has_its_class(numbers, sql, exception, sqlstate, code):
    with pytest.raises(exception) as caught:
        numbers.execute(sql).fetchall()
    assert type(caught.value) is exception
    assert (caught.value.sqlstate, caught.value.code) == (sqlstate, code)


def test_a_syntax_error_has_a_position(db):
    with pytest.raises(kalamdb.ProgrammingError) as caught:
        db.execute("SELECT 1;\n  SELEC 2")
    assert caught.value.position == (2, 3)


def test_a_user_may_not_define_tables(db):
    with pytest.raises(kalamdb.PermissionDeniedError) as caught:
        db.as_user("alice").execute("CREATE SHARED TABLE app.t (id BIGINT PRIMARY KEY)")
    assert caught.value.sqlstate == "42501"
    assert isinstance(caught.value, kalamdb.OperationalError)


def test_the_text_has_the_message_and_the_hint(db):
    with pytest.raises(kalamdb.NotFoundError) as caught:
        db.execute("CREATE SHARED TABLE nowhere.t (id BIGINT PRIMARY KEY)")
    assert "nowhere" in str(caught.value)
    assert caught.value.hint is not None
    assert str(caught.value).endswith(f"\nhint: {caught.value.hint}")


def test_exceptions_survive_pickling(db):
    with pytest.raises(kalamdb.NotFoundError) as caught:
        db.execute("SELECT * FROM app.nothing")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert type(copy) is kalamdb.NotFoundError
    assert (str(copy), copy.sqlstate, copy.hint) == (
        str(caught.value), "42P01", caught.value.hint,
    )


def test_a_failure_while_fetching_is_raised_and_closes_the_result(numbers):
    result = numbers.execute("SELECT 10 / (id - 5) FROM app.numbers")
    with pytest.raises(kalamdb.DataError) as caught:
        result.fetchall()
    assert caught.value.sqlstate == "22012"
    with pytest.raises(kalamdb.InterfaceError, match="result is closed"):
        result.fetchall()


def test_the_database_goes_on_after_an_error(numbers):
    with pytest.raises(kalamdb.ProgrammingError):
        numbers.execute("nonsense")
    assert numbers.execute("SELECT count(*) FROM app.numbers").fetchone() == (10,)
