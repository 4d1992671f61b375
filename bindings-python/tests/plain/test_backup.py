"""A backup comes back as a database of its own."""

import kalamdb
import pytest


def test_a_backup_is_restored_into_a_new_directory(tmp_path):
    with kalamdb.connect(tmp_path / "a") as con:
        con.execute("CREATE TABLE t (id INT PRIMARY KEY)")
        con.execute("INSERT INTO t VALUES (1), (2)")
        con.execute("BACKUP DATABASE TO ?", (str(tmp_path / "backup"),))
        con.execute("DELETE FROM t")
    kalamdb.restore(tmp_path / "backup", tmp_path / "b")
    with kalamdb.connect(tmp_path / "b") as con:
        assert con.execute("SELECT COUNT(*) FROM t").fetchall() == [(2,)]


def test_what_is_there_is_not_restored_over(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with kalamdb.connect(tmp_path / "a") as con:
        con.execute("BACKUP DATABASE TO ?", (str(tmp_path / "backup"),))
    with pytest.raises(kalamdb.DatabaseError) as refused:
        kalamdb.restore(tmp_path / "backup", tmp_path)
    assert refused.value.sqlstate == "22023"
    assert (tmp_path / "letter.txt").read_text() == "dear"
