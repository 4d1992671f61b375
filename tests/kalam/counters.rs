//! What a database counts of its own work.

use kalam_core::{Counters, Params};

use crate::fixture::{self, Fixture};

fn counters(fixture: &Fixture) -> Counters {
    fixture.database().counters()
}

/// A number of `system.stats`.
fn stat(fixture: &Fixture, name: &str) -> u64 {
    let rows = fixture.rows(&format!("SELECT value FROM system.stats WHERE name = '{name}'"));
    rows[0][0].parse().expect("it is a number")
}

#[test]
fn commits_and_flushes_are_counted() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY, v TEXT)");
    let before = counters(&fixture);
    fixture.run("INSERT INTO t VALUES (1, 'a'), (2, 'b')");
    fixture.run("INSERT INTO t VALUES (3, 'c')");
    fixture.run("UPDATE t SET v = 'a' WHERE k = 1");
    let written = counters(&fixture);
    assert_eq!(written.commits - before.commits, 2, "the UPDATE changed nothing");
    assert!(written.commit_groups - before.commit_groups <= 2);
    assert!(written.bytes_committed > before.bytes_committed);
    assert_eq!(written.rows_flushed, 0);
    fixture.rows("STORAGE FLUSH TABLE t");
    let flushed = counters(&fixture);
    assert_eq!((flushed.rows_flushed, flushed.segments_flushed), (3, 1));
    let bytes = fixture.rows("SELECT bytes FROM system.manifest");
    assert_eq!(bytes, [[flushed.bytes_flushed.to_string()]]);
    assert_eq!(stat(&fixture, "rows_flushed"), 3);
    assert!(stat(&fixture, "commits") > written.commits, "the flush is a commit");
}

#[test]
fn texts_plans_and_definitions_that_come_again_are_found() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY, v INT)");
    let sql = "SELECT COUNT(*) FROM t WHERE v > 3";
    fixture.rows(sql);
    let before = counters(&fixture);
    for _ in 0..10 {
        fixture.rows(sql);
    }
    let after = counters(&fixture);
    assert_eq!((after.parses, after.parse_hits), (before.parses, before.parse_hits + 10));
    assert_eq!((after.plan_misses, after.plan_hits), (before.plan_misses, before.plan_hits + 10));
    assert_eq!(after.schema_misses, before.schema_misses);
    fixture.rows("SELECT v FROM t WHERE k = 1");
    assert!(counters(&fixture).schema_hits > after.schema_hits);
}

#[test]
fn segments_and_their_keys_are_opened_once() {
    let mut fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY, v INT)");
    fixture.run("INSERT INTO t SELECT x, x FROM generate_series(1, 3000) a (x)");
    fixture.rows("STORAGE FLUSH TABLE t");
    fixture.reopen();
    fixture.rows("SELECT v FROM t WHERE k = 1500");
    let first = counters(&fixture);
    assert_eq!((first.segment_misses, first.key_block_misses), (1, 1));
    for k in [1500, 1501, 1502] {
        assert_eq!(fixture.rows(&format!("SELECT v FROM t WHERE k = {k}")), [[k.to_string()]]);
    }
    let then = counters(&fixture);
    assert_eq!((then.segment_misses, then.key_block_misses), (1, 1));
    assert!(then.segment_hits >= first.segment_hits + 3);
    assert!(then.key_block_hits >= first.key_block_hits + 3);
}

#[test]
fn the_template_of_a_path_is_resolved_once_for_a_table() {
    let fixture = Fixture::new();
    fixture.run("CREATE USER TABLE t (k INT PRIMARY KEY)");
    for user in 0..300 {
        fixture::run(&fixture.user(&format!("user{user}")), "INSERT INTO t VALUES (1)");
    }
    let before = counters(&fixture);
    fixture.rows("STORAGE FLUSH TABLE t");
    let after = counters(&fixture);
    assert_eq!(after.path_hits - before.path_hits, 300);
    assert_eq!(after.path_misses, before.path_misses);
}

#[test]
fn a_result_that_is_not_read_holds_a_view() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY, v INT)");
    let open = stat(&fixture, "open_views");
    let result = fixture.root().execute("SELECT SUM(v) FROM t", &Params::None).expect("it starts");
    assert_eq!(stat(&fixture, "open_views"), open + 1);
    drop(result);
    assert_eq!(stat(&fixture, "open_views"), open);
}
