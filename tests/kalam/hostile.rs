//! Texts made to break a parser or a planner end in an error or an answer, on a thread
//! with as little stack as threads commonly have.

use kalam_core::{Error, Params};

use crate::fixture::Fixture;

/// Rust's default for threads that a program starts.
const STACK_BYTES: usize = 2 << 20;

/// Runs each text on a small stack and returns what each gave: an SQLSTATE, or
/// `"00000"`. A text that overflows the stack ends the whole process.
fn outcomes(texts: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY, v TEXT, j JSON, e EMBEDDING(2))");
    fixture.run("INSERT INTO t (k, v) VALUES (1, 'a'), (2, 'b')");
    let run = |sql: &str| -> Result<(), Error> {
        fixture.root().execute(sql, &Params::None)?.collect().map(drop)
    };
    let found = std::thread::scope(|scope| {
        let hostile = || {
            let state = |sql: &String| match run(sql) {
                Ok(()) => "00000".to_owned(),
                Err(error) => error.sqlstate().to_string(),
            };
            texts.iter().map(|(name, sql)| (*name, state(sql))).collect::<Vec<_>>()
        };
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        thread.spawn_scoped(scope, hostile).expect("a thread starts").join()
    });
    assert_eq!(fixture.rows("SELECT COUNT(*) FROM t"), [["2"]], "the table is as it was");
    found.expect("no text makes the engine panic")
}

/// Each text ends in one of the codes that are given for it.
fn assert_outcomes(texts: &[(&'static str, String, &[&str])]) {
    let run: Vec<_> = texts.iter().map(|(name, sql, _)| (*name, sql.clone())).collect();
    for ((name, state), (_, _, expected)) in outcomes(&run).iter().zip(texts) {
        assert!(expected.contains(&state.as_str()), "{name}: {state}, expected {expected:?}");
    }
}

fn around(open: &str, inner: &str, close: &str, times: usize) -> String {
    format!("{}{inner}{}", open.repeat(times), close.repeat(times))
}

fn joined(count: usize, item: impl Fn(usize) -> String, separator: &str) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(separator)
}

const TOO_MUCH: &[&str] = &["54000"];
const WRONG: &[&str] = &["42601"];

#[test]
fn deep_nesting_ends_in_a_clean_error() {
    let n = 20_000;
    let query = |inner: String| format!("SELECT {inner}");
    assert_outcomes(&[
        ("parentheses", query(around("(", "1", ")", n)), TOO_MUCH),
        ("open parentheses", query("(".repeat(n)), TOO_MUCH),
        ("brackets", query(around("[", "1", "]", n)), TOO_MUCH),
        ("braces", query("{".repeat(n)), TOO_MUCH),
        ("not", query(format!("{} TRUE", "NOT ".repeat(n))), TOO_MUCH),
        ("minus", query(format!("{}1", "- ".repeat(n))), TOO_MUCH),
        ("case", query(around("CASE WHEN TRUE THEN ", "1", " END", n)), TOO_MUCH),
        ("functions", query(around("ABS(", "1", ")", n)), TOO_MUCH),
        ("casts", query(format!("1{}", "::INT".repeat(n))), TOO_MUCH),
        ("subqueries", around("SELECT (", "SELECT 1", ")", n), TOO_MUCH),
        ("tables", format!("SELECT * FROM {}", around("(", "t", ")", n)), TOO_MUCH),
        ("arrays", query(around("ARRAY[", "1", "]", n)), TOO_MUCH),
        ("json steps", format!("SELECT j{} FROM t", " -> 'a'".repeat(n)), TOO_MUCH),
        (
            "exists",
            format!("SELECT 1 WHERE {}", around("EXISTS (SELECT 1 WHERE ", "TRUE", ")", n)),
            TOO_MUCH,
        ),
    ]);
}

#[test]
fn long_chains_end_in_a_clean_error_or_an_answer() {
    let terms = |n: usize, operator: &str| joined(n, |i| format!("k = {i}"), operator);
    assert_outcomes(&[
        ("or", format!("SELECT k FROM t WHERE {}", terms(50_000, " OR ")), TOO_MUCH),
        ("and", format!("SELECT k FROM t WHERE {}", terms(50_000, " AND ")), TOO_MUCH),
        ("plus", format!("SELECT {}", joined(100_000, |_| "1".into(), "+")), TOO_MUCH),
        ("text", format!("SELECT {}", joined(100_000, |_| "'a'".into(), "||")), TOO_MUCH),
        ("union", joined(5_000, |i| format!("SELECT {i}"), " UNION ALL "), TOO_MUCH),
        (
            "joins",
            format!(
                "SELECT 1 FROM t a0 {}",
                joined(5_000, |i| format!("JOIN t b{i} ON TRUE"), " ")
            ),
            TOO_MUCH,
        ),
        (
            "in list",
            format!("SELECT k FROM t WHERE k IN ({})", joined(100_000, |i| i.to_string(), ",")),
            &["00000", "54000"],
        ),
        (
            "values",
            format!("VALUES {}", joined(100_000, |i| format!("({i})"), ",")),
            &["00000", "54000"],
        ),
        (
            "columns",
            format!("SELECT {}", joined(20_000, |i| format!("{i} AS c{i}"), ",")),
            &["00000", "54000", "54011"],
        ),
        ("statements", "SELECT 1;".repeat(2_000), &["00000", "54000"]),
        ("long text", format!("SELECT '{}'", "x".repeat(1 << 20)), TOO_MUCH),
        ("name", format!("SELECT {} FROM t", "x".repeat(100_000)), &["42703", "42602", "54000"]),
        ("number", format!("SELECT {}", "9".repeat(100_000)), &["22003", "0A000", "54000"]),
    ]);
}

#[test]
fn odd_characters_end_in_a_clean_error_or_an_answer() {
    assert_outcomes(&[
        ("empty", String::new(), &["00000", "42601"]),
        ("quote", "SELECT 'abc".into(), WRONG),
        ("double quote", "SELECT \"abc".into(), WRONG),
        ("dollar quote", "SELECT $x$abc".into(), WRONG),
        ("comment", "SELECT 1 /* /* */".into(), WRONG),
        ("nested comments", "/*".repeat(100_000), WRONG),
        ("nul", "SELECT 'a\0b'".into(), &["00000", "22021", "42601"]),
        ("nul outside", "SELECT\x001".into(), WRONG),
        ("surrogate", "SELECT U&'\\D800'".into(), &["42601", "22021"]),
        ("surrogate escape", "SELECT E'\\uD800'".into(), &["42601", "22021"]),
        ("json surrogate", "SELECT '\"\\ud800\"'::JSON ->> 'a'".into(), &["00000", "22P02"]),
        ("right to left", "SELECT '\u{202e}abc' AS \"\u{202e}\"".into(), &["00000", "42602"]),
        ("zero width", "SEL\u{200b}ECT 1".into(), WRONG),
        ("no-break space", "SELECT\u{a0}1".into(), &["00000", "42601", "42703"]),
        ("byte order mark", "\u{feff}SELECT 1".into(), &["00000", "42601"]),
        ("combining", format!("SELECT 'a{}'", "\u{301}".repeat(100_000)), &["00000"]),
        (
            "deep json",
            format!("SELECT '{}'::JSON -> 0", around("[", "", "]", 200_000)),
            &["00000", "22P02", "54000"],
        ),
        (
            "deep json contains",
            format!("SELECT '{0}'::JSON @> '{0}'", around("[", "", "]", 100_000)),
            &["22P02", "54000"],
        ),
        (
            "pattern",
            format!("SELECT 'a' ~ '{}'", around("(", "a", ")*", 10_000)),
            &["22023", "2201B", "54000", "22P02"],
        ),
        ("backslashes", format!("SELECT E'{}'", "\\".repeat(99_999)), WRONG),
    ]);
}
