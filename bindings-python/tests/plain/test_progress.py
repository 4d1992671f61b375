"""How far a connection's statements are."""

import kalamdb
import pytest


def test_a_result_that_is_read_tells_how_far_it_is():
    with kalamdb.connect() as db:
        db.execute("CREATE TABLE t (k INT PRIMARY KEY, v INT)")
        db.execute("INSERT INTO t SELECT value, value FROM generate_series(1, 40000)")
        assert db.query_progress() is None
        result = db.execute("SELECT k, v FROM t")
        seen = [db.query_progress()]
        while result.fetchmany(5000):
            seen.append(db.query_progress())
        assert seen == sorted(seen)
        assert all(0.0 <= part <= 100.0 for part in seen)
        assert seen[-1] > 0.0
        result.close()
        assert db.query_progress() is None


def test_a_bar_needs_tqdm():
    with pytest.raises(kalamdb.InterfaceError, match="tqdm"):
        kalamdb.connect(progress=True)
