//! How far a statement is, as another thread sees it.

use kalam_core::{Params, StatementProgress};

use crate::fixture::{self, Fixture};

/// Half of the rows are hot, the others in a segment.
fn house() -> Fixture {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY, v INT)");
    fixture.run("INSERT INTO t SELECT value, value % 7 FROM generate_series(1, 40000)");
    fixture.run("STORAGE FLUSH TABLE t");
    fixture.run("INSERT INTO t SELECT value, value % 7 FROM generate_series(40001, 80000)");
    fixture
}

#[test]
fn a_query_counts_the_rows_that_it_read_of_those_that_there_are() {
    let fixture = house();
    let session = fixture::root(fixture.database());
    assert_eq!(session.progress(), None, "nothing is at work");
    let mut result = session.execute("SELECT k, v FROM t", &Params::None).expect("a valid query");
    let total = |progress: Option<StatementProgress>| progress.and_then(|p| p.rows_total);
    assert_eq!(total(session.progress()), Some(80_000));
    let mut seen = vec![0];
    while let Some(batch) = result.next_batch().expect("the query goes on") {
        assert!(batch.num_rows() > 0);
        let progress = session.progress().expect("the result is read");
        let fraction = progress.fraction().expect("the whole is known");
        assert!((0.0..=1.0).contains(&fraction), "{progress:?}");
        seen.push(progress.rows_done);
    }
    assert!(seen.is_sorted(), "{seen:?}");
    assert!(seen.iter().any(|done| (1..80_000).contains(done)), "{seen:?}");
    assert_eq!(session.progress(), None, "nothing is left to do, although the result is held");
    drop(result);
    assert_eq!(session.progress(), None, "nothing is at work any more");
}

#[test]
fn the_progress_of_a_session_is_that_of_its_own_statements() {
    let fixture = house();
    let other = fixture::root(fixture.database());
    let session = fixture::root(fixture.database());
    let result = session.execute("SELECT SUM(v) FROM t", &Params::None).expect("a valid query");
    assert!(session.progress().is_some());
    assert_eq!(other.progress(), None);
    drop(result);
}

#[test]
fn a_session_may_ask_for_it_to_be_shown() {
    let fixture = Fixture::new();
    assert!(!fixture.root().shows_progress());
    fixture.run("SET progress = on");
    assert!(fixture.root().shows_progress());
    assert_eq!(fixture.refused("SET progress = 'perhaps'").0, "22023");
}
