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
    let wrong: Vec<String> = outcomes(&run)
        .iter()
        .zip(texts)
        .filter(|((_, state), (_, _, expected))| !expected.contains(&state.as_str()))
        .map(|((name, state), (_, _, expected))| format!("{name}: {state}, not {expected:?}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
            TOO_MUCH,
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

#[test]
fn patterns_end_in_a_clean_error_or_an_answer() {
    let matched = |pattern: &str| format!("SELECT '{}' ~ '{pattern}'", "a".repeat(5_000));
    assert_outcomes(&[
        ("backtracking", matched("^(a+)+$"), &["00000"]),
        ("nested stars", matched("((a*)*)*b"), &["00000"]),
        ("repetitions", matched("(a{1000}){1000}"), &["2201B", "22023", "54000"]),
        ("deep repetitions", matched("((((a{10}){10}){10}){10}){10}"), &["00000", "22023"]),
        ("alternatives", matched(&joined(50_000, |i| format!("a{i}"), "|")), &["00000", "2201B"]),
        ("classes", matched(&"[^a-z]".repeat(20_000)), &["00000", "2201B", "22023", "54000"]),
        (
            "unicode classes",
            matched(&"\\p{L}".repeat(5_000)),
            &["00000", "2201B", "22023", "54000"],
        ),
        ("open group", matched(&"(".repeat(100_000)), &["2201B", "22023", "54000"]),
        ("look around", matched("(?=a)a"), &["2201B"]),
        ("back reference", matched("(a)\\1"), &["2201B"]),
        (
            "replacement",
            format!("SELECT REGEXP_REPLACE('{}', 'a*', 'bb', 'g')", "a".repeat(50_000)),
            &["00000"],
        ),
        (
            "like",
            format!("SELECT '{}' LIKE '{}b'", "a".repeat(5_000), "%a".repeat(2_000)),
            &["00000", "54000"],
        ),
        ("like escapes", format!("SELECT 'a' LIKE '{}'", "\\".repeat(9_999)), &["00000", "22025"]),
        (
            "similar",
            format!("SELECT 'a' SIMILAR TO '{}'", "(a|b)*".repeat(10_000)),
            &["00000", "0A000", "2201B", "54000"],
        ),
    ]);
}

#[test]
fn odd_values_end_in_a_clean_error_or_an_answer() {
    const NUMBER: &[&str] = &["00000", "22003", "22P02", "42601", "22023"];
    let select = |expression: &str| format!("SELECT {expression}");
    assert_outcomes(&[
        ("integer", select("'99999999999999999999'::INT"), &["22003", "22P02"]),
        ("smallest", select("(-9223372036854775808) / -1"), &["22003"]),
        ("remainder", select("(-9223372036854775808) % -1"), &["00000", "22003"]),
        ("absolute", select("ABS(-9223372036854775808)"), &["22003", "22023"]),
        ("exponent", select("'1e999999999'::DECIMAL(38, 2)"), NUMBER),
        ("long exponent", select(&format!("'1e{}'::DOUBLE", "9".repeat(10_000))), NUMBER),
        ("literal exponent", select("1e999999999"), &["22003", "42601", "0A000", "00000"]),
        ("zero", select("1 / 0"), &["22012"]),
        ("decimal zero", select("1.0 / 0.0"), &["22012"]),
        ("power", select("POWER(10, 400)"), NUMBER),
        ("factorial", select("FACTORIAL(1000000000)"), &["22003", "22023"]),
        ("date", select("'999999999-01-01'::DATE"), &["22P02", "22003", "22008"]),
        ("timestamp", select("'294247-01-10 04:00:54.775808'::TIMESTAMP"), &["22P02", "22003"]),
        ("interval", select("INTERVAL '9999999999999999999 years'"), &["22P02", "22003", "42601"]),
        (
            "date and interval",
            select("DATE '2024-01-01' + INTERVAL '178956970 years'"),
            &["22003", "22008", "22023"],
        ),
        ("uuid", select("'not-a-uuid'::UUID"), &["22P02"]),
        ("bytes as text", select("'\\xff'::BYTES::TEXT"), &["22021", "22023"]),
        ("decoded bytes", select("DECODE('zz', 'hex')"), &["22023", "22P02"]),
        ("character", select("CHR(-1)"), &["22023", "54000", "22003"]),
        ("null character", select("CHR(0)"), &["22023", "54000", "00000"]),
        ("surrogate", select("CHR(55296)"), &["22023", "54000"]),
        (
            "substring",
            select("SUBSTR('abc', -9223372036854775808, 9223372036854775807)"),
            &["00000", "22011", "22003", "22023"],
        ),
        ("negative length", select("SUBSTR('abc', 1, -1)"), &["22011", "22023"]),
        ("left", select("LEFT('abc', -9223372036854775808)"), &["00000", "22003"]),
        (
            "series",
            select("generate_series(-9223372036854775808, 9223372036854775807)"),
            &["53200", "54000", "22023"],
        ),
        (
            "series of times",
            select("range('2000-01-01'::TIMESTAMP, NOW(), INTERVAL '0 days')"),
            &["22023"],
        ),
        ("element", select("(ARRAY[1, 2])[9223372036854775807]"), &["00000", "22003", "22023"]),
        (
            "dimensions",
            "INSERT INTO t (k, e) VALUES (9, '[1, 2, 3]')".into(),
            &["22023", "22000", "22P02"],
        ),
        ("vector", "INSERT INTO t (k, e) VALUES (9, '[1, 1e99]')".into(), &["22003", "22P02"]),
        ("json", "INSERT INTO t (k, j) VALUES (9, '{\"a\":')".into(), &["22P02"]),
        (
            "limit",
            "SELECT k FROM t LIMIT 9223372036854775807 OFFSET 9223372036854775807".into(),
            &["00000", "22003", "22023"],
        ),
        (
            "negative limit",
            "SELECT k FROM t LIMIT -1".into(),
            &["2201W", "22023", "42601", "42804"],
        ),
        (
            "window",
            "SELECT SUM(k) OVER (ROWS 18446744073709551615 PRECEDING) FROM t".into(),
            &["00000", "22013", "22003", "22023", "42601"],
        ),
        (
            "lag",
            "SELECT LAG(k, -9223372036854775808) OVER (ORDER BY k) FROM t".into(),
            &["00000", "22003", "22023"],
        ),
    ]);
}

#[test]
fn paths_and_files_end_in_a_clean_error() {
    const NO: &[&str] = &["0A000", "42501", "42601", "42P01", "42704", "42883"];
    let texts = [
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM \"/etc/passwd\"",
        "SELECT * FROM \"../../etc/passwd\"",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_parquet('/etc/passwd')",
        "SELECT * FROM parquet_metadata('/etc/passwd')",
        "SELECT pg_read_file('/etc/passwd')",
        "EXECUTE AS USER 'nobody' (COPY t TO '/tmp/kalam-stolen.csv')",
        "EXECUTE AS USER 'nobody' (COPY (SELECT 1) TO '/tmp/kalam-stolen.csv' (OVERWRITE))",
        "EXECUTE AS USER 'nobody' (COPY t FROM '/etc/passwd' (FORMAT csv, DELIMITER ':'))",
        "COPY t FROM PROGRAM 'id'",
        "EXPLAIN ANALYZE COPY t TO '/tmp/kalam-stolen.csv'",
        "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
        "CREATE EXTERNAL TABLE x STORED AS PARQUET LOCATION 's3://bucket/key'",
        "CREATE FUNCTION f(INT) RETURNS INT LANGUAGE C AS '/lib/libc.so.6', 'system'",
        "CREATE EXTENSION dblink",
        "LOAD '/lib/libc.so.6'",
        "ATTACH '/etc/passwd' AS x",
        "INSTALL httpfs",
        "PRAGMA database_list",
        "SET datafusion.execution.target_partitions = 1000000",
        "SET datafusion.runtime.memory_limit = '1T'",
        "PREPARE p AS COPY t TO '/tmp/kalam-stolen.csv'",
        "WITH c AS (SELECT * FROM read_csv('/etc/passwd')) SELECT * FROM c",
        "INSERT INTO '/tmp/kalam-stolen.csv' SELECT 1",
    ];
    assert_outcomes(&texts.map(|sql| (sql, sql.to_owned(), NO)));
    assert!(!std::path::Path::new("/tmp/kalam-stolen.csv").exists());
}
