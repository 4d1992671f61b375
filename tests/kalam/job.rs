//! A job at work: who joins it has its answer, who kills it stops it and nothing after it.

use kalam_core::{Error, Session};

use crate::fixture::{self, Fixture};

/// The id of a flush that runs now.
fn running(session: &Session) -> Option<String> {
    let sql = "SELECT job_id FROM system.jobs WHERE kind = 'flush' AND state = 'running'";
    fixture::rows(session, sql).pop().and_then(|mut row| row.pop())
}

/// Flushes on another thread while `meanwhile` looks at the job. It may come too late, and
/// says so with `None`; then more rows are flushed.
fn while_a_flush_runs<T>(
    fixture: &Fixture,
    meanwhile: impl Fn(&Session, &str) -> Option<T>,
) -> (T, Result<fixture::Rows, Error>) {
    fixture.run("CREATE TABLE t (k BIGINT PRIMARY KEY, v TEXT)");
    for round in 0..20 {
        // In parts: many rows at once go straight to segments.
        for part in 0..4 {
            let first = round * 1_000_000 + part * 40_000;
            fixture.run(&format!(
                "INSERT INTO t SELECT value, REPEAT('v', 40) \
                 FROM generate_series({first}, {}) AS g(value)",
                first + 39_999
            ));
        }
        let flusher = fixture::root(fixture.database());
        let (found, flushed) = std::thread::scope(|scope| {
            let flush = scope.spawn(|| fixture::try_rows(&flusher, "STORAGE FLUSH TABLE t"));
            let id = loop {
                match running(fixture.root()) {
                    Some(id) => break Some(id),
                    None if flush.is_finished() => break None,
                    None => std::thread::yield_now(),
                }
            };
            let found = id.and_then(|id| meanwhile(fixture.root(), &id));
            (found, flush.join().expect("no panic"))
        });
        if let Some(found) = found {
            return (found, flushed);
        }
    }
    panic!("no flush of 20 could be caught at work");
}

#[test]
fn a_killed_flush_leaves_its_rows_hot_and_the_next_one_moves_them() {
    let fixture = Fixture::new();
    let (id, flushed) = while_a_flush_runs(&fixture, |session, id| {
        let killed = fixture::try_rows(session, &format!("KILL JOB '{id}'"));
        killed.is_ok().then(|| id.to_owned())
    });
    // The commit is not taken back: it may have been on its way.
    let rows = fixture.rows("SELECT COUNT(*), COUNT(DISTINCT k) FROM t");
    assert_eq!(rows[0][0], rows[0][1]);
    let state =
        fixture.rows(&format!("SELECT state, sqlstate FROM system.jobs WHERE job_id = '{id}'"));
    match flushed {
        Err(error) => {
            assert_eq!(error.sqlstate().as_str(), "57014");
            assert_eq!(error.message(), format!("job \"{id}\" was killed"));
            assert_eq!(state, [["cancelled", "57014"]]);
        }
        Ok(_) => assert_eq!(state, [["completed", "NULL"]]),
    }
    assert_eq!(fixture.refused(&format!("KILL JOB '{id}'")).0, "22023");
    fixture.run("STORAGE FLUSH TABLE t");
    assert_eq!(fixture.rows("SHOW STATS FOR TABLE t")[0][1], "0", "hot rows");
    assert_eq!(fixture.rows("SELECT COUNT(*), COUNT(DISTINCT k) FROM t"), rows);
}

#[test]
fn a_second_flush_of_a_table_has_the_answer_of_the_first() {
    let fixture = Fixture::new();
    let (second, first) = while_a_flush_runs(&fixture, |session, id| {
        let second = fixture::rows(session, "STORAGE FLUSH TABLE t");
        (second[0][3] == id).then_some(second)
    });
    assert_eq!(second, first.expect("the first flush ends"));
    assert_eq!(second[0][1], "160000");
}
