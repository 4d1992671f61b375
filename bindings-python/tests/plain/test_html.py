"""Results as notebooks show them."""

import datetime


def test_the_first_rows_are_shown_and_stay_to_be_fetched(numbers):
    result = numbers.execute("SELECT id, name FROM app.numbers ORDER BY id")
    assert result.fetchone() == (0, "n0")
    html = result._repr_html_()
    assert "<th>id<br><small>BIGINT</small></th>" in html
    assert "<td>n1</td>" in html and "<td>n0</td>" not in html
    assert html.count("<tr>") == 10
    assert len(result.fetchall()) == 9


def test_many_rows_are_cut_and_texts_are_escaped(db):
    result = db.execute("SELECT x, '<b>&' || x, NULL, REPEAT('y', 1000) FROM generate_series(1, 3000) t (x)")
    html = result._repr_html_()
    assert html.count("<tr>") == 21 and "the first 20 rows" in html
    assert "&lt;b&gt;&amp;1" in html and "<b>" not in html and "<i>NULL</i>" in html
    assert "…" in html and "y" * 300 not in html
    assert len(result.fetchall()) == 3_000


def test_what_has_no_rows_is_shown_as_text(db):
    write = db.execute("CREATE TABLE t (k INT PRIMARY KEY)")
    assert "<table>" not in write._repr_html_()
    result = db.execute("SELECT 1")
    result.close()
    assert "result is closed" in result._repr_html_()
    far = db.execute("SELECT DATE '0001-01-01' - INTERVAL '3000 years' AS d")
    assert "datetime" in far._repr_html_()
    assert db.execute("SELECT DATE '2024-02-29'").fetchone() == (datetime.date(2024, 2, 29),)
