//! Hot rows come in key order, and the planner knows it.

use crate::fixture::Fixture;

#[test]
fn order_by_key_needs_no_sort_in_the_hot_tier() {
    let fixture = Fixture::new();
    fixture.run("CREATE SHARED TABLE t (a TEXT, b INT, v INT, PRIMARY KEY (a, b))");
    for (name, first) in [("x", 0), ("a", 10), ("m", -5)] {
        let rows: Vec<String> =
            (first..first + 4).map(|b| format!("('{name}', {b}, {b})")).collect();
        fixture.run(&format!("INSERT INTO t VALUES {}", rows.join(", ")));
    }
    let query = "SELECT a, b FROM t ORDER BY a, b";
    let plan = format!("{:?}", fixture.rows(&format!("EXPLAIN {query}")));
    assert!(plan.contains("HotExec") && !plan.contains("SortExec"), "{plan}");
    let rows = fixture.rows(query);
    let mut sorted = rows.clone();
    sorted.sort_by_key(|row| (row[0].clone(), row[1].parse::<i32>().expect("a number")));
    assert_eq!(rows, sorted);
    assert_eq!(rows.len(), 12);
    fixture.rows("STORAGE FLUSH TABLE t");
    fixture.run("INSERT INTO t VALUES ('b', 1, 1)");
    assert_eq!(fixture.rows(query)[4], ["b", "1"]);
}
