"""Many statements at once, and how one is run."""

import kalamdb
import pytest


def test_a_script_runs_up_to_the_first_that_fails(db):
    script = """
        CREATE TABLE t (k INT PRIMARY KEY);
        INSERT INTO t VALUES (1); -- not a ; here
        INSERT INTO t VALUES (2);
    """
    assert db.executescript(script) is None
    with pytest.raises(kalamdb.IntegrityError):
        db.executescript("INSERT INTO t VALUES (3); INSERT INTO t VALUES (1); INSERT INTO t VALUES (4)")
    assert db.execute("SELECT k FROM t ORDER BY k").fetchall() == [(1,), (2,), (3,)]
    with pytest.raises(kalamdb.InvalidStatementError):
        db.executescript("INSERT INTO t VALUES (5); SELEC 1")
    assert db.execute("SELECT COUNT(*) FROM t").fetchone() == (3,)


def test_explain_says_how_and_analyze_with_figures(numbers):
    plan = numbers.explain("SELECT name FROM app.numbers WHERE id = ?", [3])
    assert "Key lookup" in plan
    assert "\n" in numbers.explain("SELECT COUNT(*) FROM app.numbers", analyze=True)
    with pytest.raises(kalamdb.NotFoundError):
        numbers.explain("SELECT * FROM app.missing")
