//! Nearest vectors first: the plan keeps only the rows that it answers with.

use crate::fixture::Fixture;

#[test]
fn nearest_rows_are_kept_while_scanning_and_their_distance_is_computed_once() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE doc (k INT PRIMARY KEY, kind TEXT, e EMBEDDING(2))");
    fixture
        .run("INSERT INTO doc VALUES (1, 'a', '[1, 0]'), (2, 'a', '[0, 1]'), (3, 'b', '[1, 1]')");
    for sql in [
        "SELECT k FROM doc WHERE kind = 'a' ORDER BY e <=> '[1, 0]' LIMIT 2",
        "SELECT k, e <=> '[1, 0]' AS distance FROM doc ORDER BY distance LIMIT 2",
        "SELECT k, e <=> '[1, 0]' AS distance FROM doc ORDER BY e <=> '[1, 0]' LIMIT 2",
    ] {
        let rows = fixture.rows(&format!("EXPLAIN VERBOSE {sql}"));
        let shown: Vec<&str> = rows.iter().flatten().map(String::as_str).collect();
        let plan = shown.join("\n");
        let physical = plan.split("physical").last().unwrap_or_default();
        assert!(physical.contains("TopK(fetch=2)"), "{sql}\n{plan}");
        // Merging the nearest of each partition looks at those few again.
        let for_each_row = |line: &&str| !line.contains("SortPreservingMergeExec");
        let computed = physical.lines().filter(for_each_row);
        let computed = computed.filter(|line| line.contains("cosine_distance(")).count();
        assert_eq!(computed, 1, "{sql}\n{plan}");
    }
}
