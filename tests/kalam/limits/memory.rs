//! By how much a statement makes the process grow: the memory limit and a quarter at most,
//! whether it ends or is refused.
//!
//! Each statement runs in a process of its own, of which Linux tells the growth.

use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::fault::say_and_hear;
use crate::fixture::{self, number_from};

/// The limit in MiB; another with `KALAM_MEMORY`, below which all statements run.
const LIMIT: u64 = 64;
/// The statements of `make test`, from the first on.
const FEW: usize = 4;

/// Statements by their names. `{rows}` are rows of 100 bytes and more, together `TIMES` the
/// limit, and `{few}` is a hundredth of their number.
const STATEMENTS: &[(&str, &str)] = &[
    ("sort", "SELECT * FROM {rows} a ORDER BY g, k DESC"),
    ("join", "SELECT COUNT(*), MAX(a.text) FROM {rows} a JOIN {rows} b ON a.k = b.k"),
    ("groups", "SELECT text, COUNT(*), MIN(g) FROM {rows} a GROUP BY text"),
    ("ingest", "INSERT INTO other SELECT * FROM {rows} a"),
    ("sort of a table", "SELECT * FROM big, (VALUES (1), (2), (3)) b (c) ORDER BY text DESC, c"),
    (
        "sort of wide rows",
        "SELECT k, REPEAT(text, 100) AS wide FROM {rows} a WHERE k <= {few} ORDER BY wide DESC",
    ),
    ("top", "SELECT * FROM {rows} a ORDER BY text DESC LIMIT 100000"),
    (
        "outer join",
        "SELECT COUNT(*), MAX(b.text) FROM {rows} a LEFT JOIN {rows} b ON a.text = b.text",
    ),
    (
        "join of many to many",
        "SELECT COUNT(*), MAX(b.text) FROM {rows} a JOIN {rows} b ON a.g = b.g WHERE b.k <= {few}",
    ),
    (
        "join by an inequality",
        "SELECT COUNT(*), MAX(a.text) FROM {rows} a JOIN {rows} b ON a.k < b.g WHERE b.k <= 100",
    ),
    ("cross join", "SELECT COUNT(*), MAX(a.text) FROM {rows} a, {rows} b WHERE b.k <= 2"),
    ("semi join", "SELECT COUNT(*) FROM {rows} a WHERE text IN (SELECT text FROM {rows} b)"),
    ("distinct", "SELECT COUNT(DISTINCT text) FROM {rows} a"),
    ("array_agg", "SELECT g % 3, CARDINALITY(ARRAY_AGG(text)) FROM {rows} a GROUP BY 1"),
    ("string_agg", "SELECT g % 3, LENGTH(STRING_AGG(text, ',')) FROM {rows} a GROUP BY 1"),
    ("median", "SELECT MEDIAN(k), MEDIAN(g) FROM {rows} a"),
    ("window", "SELECT k, SUM(g) OVER (ORDER BY text) FROM {rows} a"),
    ("window of all", "SELECT k, COUNT(*) OVER (), MAX(text) OVER () FROM {rows} a"),
    ("union", "SELECT text FROM {rows} a UNION SELECT text || 'x' FROM {rows} b"),
    (
        "recursion",
        "WITH RECURSIVE r AS (SELECT k, text FROM {rows} a UNION ALL \
         SELECT k + 1, text || 'x' FROM r WHERE LENGTH(text) < 110) SELECT COUNT(*) FROM r",
    ),
    ("repeat", "SELECT SUM(LENGTH(REPEAT(text, 1000))) FROM {rows} a"),
    ("replace", "SELECT SUM(LENGTH(REPLACE(text, 'y', REPEAT('z', 1000)))) FROM {rows} a"),
    (
        "regexp_replace",
        "SELECT SUM(LENGTH(REGEXP_REPLACE(text, 'y', REPEAT('z', 1000), 'g'))) FROM {rows} a",
    ),
    (
        "string_to_array",
        "SELECT SUM(CARDINALITY(STRING_TO_ARRAY(REPEAT(text, 100), 'y'))) FROM {rows} a",
    ),
    ("large constant", "SELECT REPEAT('x', 100000) FROM {rows} a WHERE k <= {few}"),
    (
        "unnest",
        "SELECT COUNT(*) FROM (SELECT UNNEST(RANGE(0, 100000)) FROM {rows} a WHERE k <= {few})",
    ),
    ("ingest in another order", "INSERT INTO other SELECT * FROM {rows} a ORDER BY g"),
    ("create table as", "CREATE TABLE made AS SELECT * FROM {rows} a"),
    (
        "upsert",
        "INSERT INTO big SELECT * FROM {rows} a \
         ON CONFLICT (k) DO UPDATE SET text = excluded.text",
    ),
    (
        "upsert that changes all",
        "INSERT INTO big SELECT * FROM {rows} a \
         ON CONFLICT (k) DO UPDATE SET text = excluded.text || 'x'",
    ),
    (
        "upsert that changes nothing",
        "INSERT INTO big SELECT * FROM {rows} a ON CONFLICT DO NOTHING",
    ),
    (
        "merge",
        "MERGE INTO big USING {rows} a ON big.k = a.k WHEN MATCHED THEN DELETE \
         WHEN NOT MATCHED THEN INSERT VALUES (a.k, a.g, a.text)",
    ),
    ("update", "UPDATE big SET g = g + 1, text = text || 'x'"),
    ("update of keys", "UPDATE big SET k = k + 100000000 WHERE k % 4 = 0"),
    ("returning", "UPDATE big SET g = g + 1 WHERE k % 3 = 0 RETURNING *"),
    ("delete", "DELETE FROM big WHERE g >= 0"),
    ("copy", "COPY (SELECT * FROM {rows} a) TO '{dir}.parquet' (OVERWRITE)"),
    ("compaction", "STORAGE COMPACT TABLE big"),
    ("analyze", "ANALYZE big"),
    ("check", "STORAGE CHECK local EXTENDED"),
];

/// What the rows of statements are, as a multiple of the limit.
const TIMES: u64 = 4;
const ROW_BYTES: u64 = 110;

/// A directory with a table of segments and hot rows, of the size of the limit.
fn filled(rows: u64) -> TempDir {
    let home = TempDir::new().expect("a temporary folder can be made");
    let database = fixture::open(&home.path().join("database"));
    let root = fixture::root(&database);
    for table in ["big", "other"] {
        let columns = "(k BIGINT PRIMARY KEY, g BIGINT, text TEXT)";
        fixture::run(&root, &format!("CREATE TABLE {table} {columns}"));
    }
    let quarter = rows / TIMES / 4;
    for part in 0..4 {
        let (first, last) = (part * quarter + 1, (part + 1) * quarter);
        fixture::run(
            &root,
            &format!(
                "INSERT INTO big SELECT x, x % 1000, REPEAT('y', 90) || x \
                 FROM generate_series({first}, {last}) s (x)"
            ),
        );
    }
    fixture::run(&root, "UPDATE big SET g = g + 1 WHERE k % 100 = 0");
    drop(root);
    database.close().expect("the database closes");
    home
}

#[test]
fn no_statement_takes_more_than_its_memory_and_a_quarter() {
    if !cfg!(target_os = "linux") {
        println!("NOT PROVED HERE: only Linux tells how large a process was");
        return;
    }
    let limit = number_from("KALAM_MEMORY", 0);
    let few = if limit == 0 { FEW } else { STATEMENTS.len() };
    let limit = (limit.max(LIMIT)) << 20;
    let wanted = std::env::var("KALAM_STATEMENT").unwrap_or_default();
    let rows = limit * TIMES / ROW_BYTES;
    let of_rows = format!(
        "(SELECT x AS k, x % 1000 AS g, REPEAT('y', 90) || x AS text \
         FROM generate_series(1, {rows}) s (x))"
    );
    let home = filled(rows);
    let dir = home.path().join("database");
    let mut beyond = Vec::new();
    for (name, sql) in STATEMENTS.iter().take(few).filter(|(name, _)| name.contains(&wanted)) {
        let sql = sql.replace("{rows}", &of_rows).replace("{few}", &(rows / 100).to_string());
        let mut command = Command::new(env!("CARGO_BIN_EXE_kalam-test-child"));
        command.arg("grow").arg(&dir).arg(limit.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        // What glibc keeps of what was let go is not held: it raises this threshold by itself.
        command.env("MALLOC_MMAP_THRESHOLD_", "131072");
        let said = say_and_hear(command, &dir, &[&sql]).lines;
        let line = said.first().map_or("nothing", String::as_str);
        let (grown, outcome) = line.split_once(' ').unwrap_or((line, ""));
        let grown: u64 = grown.parse().unwrap_or_else(|_| panic!("{name}: the child said {line}"));
        let part = grown * 100 / limit;
        println!("{name}: {part} % of the limit, {outcome}");
        let is_right = ["ok", "error 53200", "error 54000"].iter().any(|o| outcome.starts_with(o));
        if part > 125 || !is_right {
            beyond.push(format!("{name}: {part} %, {outcome}"));
        }
    }
    assert!(beyond.is_empty(), "beyond the limit, or another error: {beyond:#?}");
    println!("rows of {TIMES} times the limit of {} MiB, all within 125 %", limit >> 20);
}
