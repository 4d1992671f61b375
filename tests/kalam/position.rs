//! Errors say where in the text they are, and show the line with a caret.

use kalam_core::Params;

use crate::fixture::Fixture;

/// The name that is wrong begins behind the mark.
const MARK: char = '¦';

const REFUSED: [(&str, &str); 22] = [
    ("SELECT v FROM ¦nothing", "42P01"),
    ("SELECT v FROM t JOIN ¦nowhere.nothing n ON n.k = t.k", "42P01"),
    ("SELECT ¦nothing FROM t", "42703"),
    ("SELECT ¦t.nothing FROM t", "42703"),
    ("SELECT v\nFROM t\nWHERE v > 1\n  AND ¦nothing = 2", "42703"),
    ("SELECT v FROM t ORDER BY ¦nothing", "42703"),
    ("SELECT COUNT(*) FROM t GROUP BY ¦nothing", "42703"),
    ("SELECT ¦k FROM t, u", "42702"),
    ("SELECT t.v FROM t JOIN u ON ¦k = 1", "42702"),
    ("SELECT ¦no_such_function(v) FROM t", "42883"),
    ("SELECT v FROM t WHERE ¦no_such_function(v) = 1", "42883"),
    ("WITH c AS (SELECT k FROM t) SELECT ¦v FROM c", "42703"),
    ("WITH c AS (SELECT ¦nothing FROM t) SELECT * FROM c", "42703"),
    ("SELECT v FROM t WHERE k IN (SELECT k FROM ¦nothing)", "42P01"),
    ("EXPLAIN SELECT ¦nothing FROM t", "42703"),
    ("INSERT INTO t SELECT k, ¦nothing FROM u", "42703"),
    ("INSERT INTO t SELECT k, w FROM ¦nothing", "42P01"),
    ("UPDATE t SET v = ¦nothing + 1", "42703"),
    ("UPDATE t SET v = 1 WHERE ¦nothing = 1", "42703"),
    ("DELETE FROM t WHERE ¦nothing = 1", "42703"),
    ("DELETE FROM ¦nothing", "42P01"),
    ("SELECT 1; SELECT 'é', ¦nothing FROM t", "42703"),
];

#[test]
fn errors_point_at_the_word_that_is_wrong() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY, v INT)");
    fixture.run("CREATE TABLE u (k INT PRIMARY KEY, w INT)");
    let mut wrong = Vec::new();
    for (marked, state) in REFUSED {
        let sql = marked.replace(MARK, "");
        let before = marked.split(MARK).next().expect("there is text before the mark");
        let line = before.matches('\n').count() as u64 + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() as u64 + 1;
        let error = match fixture.root().execute(&sql, &Params::None) {
            Err(error) => error,
            Ok(_) => panic!("accepted: {sql}"),
        };
        let found = error.position().map(|p| (p.line, p.column));
        let shown = error.detail().unwrap_or_default();
        let text = sql.split('\n').nth(line as usize - 1).expect("the line is there");
        let prefix = format!("line {line}: ");
        let indent = prefix.len() + column as usize - 1;
        let expected = format!("{prefix}{text}\n{:indent$}^", "");
        if error.sqlstate().as_str() != state || found != Some((line, column)) || shown != expected
        {
            wrong.push(format!("{marked}\n{error:?}\nat {found:?}\n{shown}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
