//! EXPLAIN names the access path and what a scan reads, and nothing of other users.

use kalam_core::Session;

use crate::fixture::{self, Fixture};

/// The lines of EXPLAIN.
fn lines(session: &Session, sql: &str) -> Vec<String> {
    fixture::rows(session, sql).into_iter().flatten().collect()
}

/// The line that begins with `start`.
fn line(lines: &[String], start: &str) -> String {
    let found =
        lines.iter().find(|line| line.trim_start_matches([' ', '-', '>']).starts_with(start));
    found.unwrap_or_else(|| panic!("no line {start:?} in {lines:#?}")).clone()
}

/// Three segments of five rows, of which one row is deleted, and two hot rows.
fn tiered() -> Fixture {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY, v INT)");
    for first in [0, 10, 20] {
        let rows: Vec<String> = (first..first + 5).map(|k| format!("({k}, {k})")).collect();
        fixture.run(&format!("INSERT INTO t VALUES {}", rows.join(", ")));
        fixture.rows("STORAGE FLUSH TABLE t");
    }
    fixture.run("DELETE FROM t WHERE k = 11");
    fixture.run("INSERT INTO t VALUES (30, 30), (31, 31)");
    fixture
}

#[test]
fn a_scan_tells_its_hot_rows_segments_and_marks() {
    let fixture = tiered();
    for (condition, expected) in [
        (
            "v > 0",
            "Scan of default.t: 2 hot rows, 3 of 3 segments, 1 rows hidden by deletion marks",
        ),
        (
            "k > 12 AND v > 0",
            "Scan of default.t: 2 hot rows, 2 of 3 segments (1 pruned by key range), \
             1 rows hidden by deletion marks, key range from the conditions",
        ),
        (
            "k < 5 AND v > 0",
            "Scan of default.t: 0 hot rows, 1 of 3 segments (2 pruned by key range), \
             key range from the conditions",
        ),
        (
            "k > 25 AND v > 0",
            "Scan of default.t: 2 hot rows, 0 of 3 segments (3 pruned by key range), \
             key range from the conditions",
        ),
    ] {
        let lines = lines(fixture.root(), &format!("EXPLAIN SELECT v FROM t WHERE {condition}"));
        assert_eq!(lines[0], "Access path: planned");
        assert_eq!(line(&lines, "Scan of"), expected, "{condition}");
    }
    fixture.run("DELETE FROM t WHERE k < 5");
    let lines = lines(fixture.root(), "EXPLAIN SELECT SUM(v) FROM t");
    assert_eq!(
        line(&lines, "Scan of"),
        "Scan of default.t: 2 hot rows, 2 of 3 segments (1 without live rows), \
         1 rows hidden by deletion marks"
    );
}

#[test]
fn the_tree_names_tables_columns_and_conditions() {
    let fixture = tiered();
    let lines = lines(fixture.root(), "EXPLAIN SELECT SUM(v) FROM t WHERE v > 3");
    assert!(line(&lines, "Hot rows of default.t: columns (v)").starts_with(' '));
    let segments = line(&lines, "Segments of default.t: 3 files, columns (v)");
    assert!(segments.contains("v@1 > 3"), "{segments}");
    assert!(lines.iter().any(|line| line.starts_with("Aggregate")), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains(".parquet")), "no path: {lines:#?}");
}

#[test]
fn rows_in_key_order_are_an_access_path() {
    let fixture = tiered();
    for (sql, path) in [
        ("SELECT * FROM t ORDER BY k LIMIT 3", "key order"),
        ("SELECT k FROM t WHERE k > 3 ORDER BY k LIMIT 3", "key order"),
        ("SELECT * FROM t ORDER BY v LIMIT 3", "planned"),
        ("SELECT * FROM t LIMIT 3", "planned"),
        ("SELECT COUNT(*) FROM t", "planned"),
        ("SELECT a.k FROM t a JOIN t b ON a.k = b.v ORDER BY a.k", "planned"),
        ("SELECT v FROM t WHERE k = 3", "point"),
        ("SELECT v FROM t WHERE k = 3 AND v = 3", "planned"),
    ] {
        let lines = lines(fixture.root(), &format!("EXPLAIN {sql}"));
        assert_eq!(lines[0], format!("Access path: {path}"), "{sql}");
    }
}

#[test]
fn analyze_tells_rows_and_time_and_where_a_row_was() {
    let fixture = tiered();
    for (k, found, rows) in
        [(30, "in the hot tier", 1), (3, "in a segment", 1), (11, "nowhere", 0), (99, "nowhere", 0)]
    {
        let lines =
            lines(fixture.root(), &format!("EXPLAIN ANALYZE SELECT v FROM t WHERE k = {k}"));
        assert_eq!(line(&lines, "Found"), format!("Found: {found}"));
        assert!(line(&lines, "Rows").starts_with(&format!("Rows: {rows}, time: ")), "{lines:#?}");
    }
    let lines = lines(fixture.root(), "EXPLAIN ANALYZE SELECT v FROM t WHERE v >= 21");
    assert!(line(&lines, "Rows").starts_with("Rows: 6, time: "), "{lines:#?}");
    assert!(line(&lines, "Hot rows of").contains("[rows 2, time "), "{lines:#?}");
    assert!(line(&lines, "Segments of").contains("rows "), "{lines:#?}");
    assert!(line(&lines, "Segments of").contains("by statistics"), "{lines:#?}");
}

#[test]
fn verbose_has_the_plans_of_datafusion() {
    let fixture = tiered();
    for words in ["EXPLAIN VERBOSE", "EXPLAIN ANALYZE VERBOSE"] {
        let lines = lines(fixture.root(), &format!("{words} SELECT SUM(v) FROM t"));
        assert!(lines.contains(&"logical plan:".to_owned()), "{lines:#?}");
        assert!(lines.contains(&"physical plan:".to_owned()), "{lines:#?}");
        assert!(lines.iter().any(|line| line.contains("HotExec")), "{lines:#?}");
    }
}

#[test]
fn writes_show_their_scan_and_do_not_run() {
    let fixture = tiered();
    for (sql, first) in [
        ("UPDATE t SET v = 0 WHERE k > 12", "UPDATE on default.t"),
        ("DELETE FROM t WHERE k > 12", "DELETE on default.t"),
        ("INSERT INTO t SELECT k + 100, v FROM t WHERE k > 12", "INSERT on default.t"),
    ] {
        let lines = lines(fixture.root(), &format!("EXPLAIN {sql}"));
        assert_eq!(
            (lines[0].as_str(), lines[1].as_str()),
            (first, "Access path: planned"),
            "{sql}"
        );
        assert!(line(&lines, "Scan of default.t").contains("1 pruned by key range"), "{lines:#?}");
    }
    assert_eq!(fixture.rows("SELECT COUNT(*), SUM(v) FROM t"), [["16", "230"]]);
}

#[test]
fn a_user_is_told_of_their_own_rows_and_files_only() {
    let fixture = Fixture::new();
    fixture.run("CREATE USER TABLE note (id INT PRIMARY KEY, body TEXT)");
    let (alice, bob) = (fixture.user("alice"), fixture.user("bob-the-other"));
    for id in 0..5 {
        fixture::run(&alice, &format!("INSERT INTO note VALUES ({id}, 'hers')"));
        fixture.rows("STORAGE FLUSH ALL");
    }
    fixture::run(&alice, "INSERT INTO note VALUES (100, 'hers')");
    fixture::run(&bob, "INSERT INTO note VALUES (1, 'his')");
    for words in ["EXPLAIN", "EXPLAIN ANALYZE", "EXPLAIN VERBOSE", "EXPLAIN ANALYZE VERBOSE"] {
        let shown = lines(&bob, &format!("{words} SELECT body FROM note WHERE body <> ''"));
        assert_eq!(line(&shown, "Scan of"), "Scan of default.note: 1 hot rows, 0 of 0 segments");
        let text = shown.join("\n");
        assert!(!text.contains("alice") && !text.contains("hers"), "{text}");
    }
    let nobody = fixture.user("carol");
    let text = lines(&nobody, "EXPLAIN ANALYZE VERBOSE SELECT body FROM note").join("\n");
    assert!(!text.contains("alice") && !text.contains("bob") && !text.contains("hers"), "{text}");
    let text = lines(&alice, "EXPLAIN SELECT body FROM note WHERE id > 2").join("\n");
    assert!(text.contains("2 of 5 segments (3 pruned by key range)"), "{text}");
}

/// The tables in the order in which a plan's joins read them: what is built comes first.
fn join_order(fixture: &Fixture, sql: &str) -> Vec<String> {
    let shown = lines(fixture.root(), &format!("EXPLAIN {sql}"));
    let tables = shown.iter().filter_map(|line| {
        let scan = line.trim_start_matches([' ', '-', '>']);
        let scan = scan.strip_prefix("Segments of ").or(scan.strip_prefix("Hot rows of "))?;
        scan.split([':', ',', ' ']).next().map(str::to_owned)
    });
    tables.collect()
}

#[test]
fn a_join_follows_the_counts_of_analyze_also_after_a_reopen() {
    let mut fixture = Fixture::new();
    // Ten values far apart: by its bounds alone, `g` could have as many as there are rows.
    for table in ["a", "b"] {
        fixture.run(&format!("CREATE TABLE {table} (k INT PRIMARY KEY, g INT)"));
        fixture.run(&format!(
            "INSERT INTO {table} SELECT value, (value % 10) * 1000000 FROM generate_series(1, 2000)"
        ));
    }
    fixture.run("CREATE TABLE c (k INT PRIMARY KEY)");
    fixture.run("INSERT INTO c SELECT value FROM generate_series(1, 20000)");
    fixture.run("STORAGE FLUSH ALL");
    let sql = "SELECT COUNT(*) FROM a JOIN b ON a.g = b.g JOIN c ON c.k = a.k";
    let before = join_order(&fixture, sql);
    assert_eq!(before.len(), 3, "{:#?}", lines(fixture.root(), &format!("EXPLAIN {sql}")));
    assert_ne!(before[0], "default.c", "{before:?}");
    let rows = fixture.rows(sql);
    fixture.run("ANALYZE");
    // Each row of `a` meets two hundred of `b`: more rows than `c` has.
    let after = join_order(&fixture, sql);
    assert_eq!(after[0], "default.c", "{after:?}");
    assert_eq!(fixture.rows(sql), rows);
    fixture.reopen();
    assert_eq!(join_order(&fixture, sql), after);
    fixture.run("TRUNCATE a");
    assert_eq!(fixture.rows(sql), [["0"]]);
}
