//! How long a statement works on after it was told to stop, whatever it is about to do.
//!
//! The times are printed; what is asserted is that every statement ends.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use kalam_core::{Session, TransactionStatus};
use tempfile::TempDir;

use super::{code, run};
use crate::fixture::{self, Fixture, Seeded, number_from};

/// Cancels of each shape; more with `KALAM_CANCELS`.
const CANCELS: u64 = 1;
/// The cancel comes between these times: a statement has begun by then.
const MOMENT_MS: [u64; 2] = [20, 300];
/// Whoever does not listen is told again.
const AGAIN: Duration = Duration::from_millis(200);
/// A statement that works on for so long hangs.
const STUCK: Duration = Duration::from_secs(60);

/// Rows in segments, and hot ones.
const COLD: u64 = 120_000;
const HOT: u64 = 30_000;

/// A statement that works for longer than it is let, or for about as long.
struct Shape {
    name: &'static str,
    /// What its session runs first, each time. A transaction is rolled back afterwards.
    before: &'static [&'static str],
    sql: String,
    /// The kind of its job, which KILL JOB stops; other statements are interrupted.
    job: Option<&'static str>,
}

fn shape(name: &'static str, sql: impl Into<String>) -> Shape {
    Shape { name, before: &[], sql: sql.into(), job: None }
}

fn queries() -> Vec<Shape> {
    const SERIES: &str = "generate_series(1, 1000000000000) s (x)";
    let scans = vec!["SELECT g, text FROM big"; 60].join(" UNION ALL ");
    let tables: Vec<String> = (0..60).map(|i| format!("big b{i}")).collect();
    let equal: Vec<String> = (1..60).map(|i| format!("b{i}.k = b{}.g", i - 1)).collect();
    let (tables, equal) = (tables.join(", "), equal.join(" AND "));
    let terms = (0..600).map(|i| format!("k = {i} AND g > {i}")).collect::<Vec<_>>().join(" OR ");
    vec![
        shape("scan", format!("SELECT COUNT(*) FROM ({scans}) WHERE text LIKE '%a%b%c%'")),
        shape("rows", format!("SELECT * FROM ({scans})")),
        shape("aggregation", format!("SELECT x % 9999991, SUM(x) FROM {SERIES} GROUP BY 1")),
        shape("distinct", format!("SELECT COUNT(DISTINCT x % 9999991) FROM {SERIES}")),
        shape("array_agg", format!("SELECT x % 7, ARRAY_AGG(x) FROM {SERIES} GROUP BY 1")),
        shape("top", format!("SELECT x FROM {SERIES} ORDER BY x % 1000 LIMIT 3")),
        shape("sort", format!("SELECT * FROM ({scans}) ORDER BY text, g")),
        shape("window", format!("SELECT ROW_NUMBER() OVER (ORDER BY text) FROM ({scans})")),
        shape(
            "hash join",
            "SELECT COUNT(*) FROM big a JOIN big b ON a.g = b.g JOIN big c ON b.g = c.g",
        ),
        shape("nested loop join", "SELECT COUNT(*) FROM big a JOIN big b ON a.k < b.g + 1"),
        shape("cross join", "SELECT SUM(a.k + b.k) FROM big a, big b, big c"),
        shape(
            "anti join",
            "SELECT COUNT(*) FROM big a WHERE NOT EXISTS (SELECT 1 FROM big b WHERE b.g + a.g < 0)",
        ),
        shape(
            "recursion",
            "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 0 FROM r) \
             SELECT COUNT(*) FROM r",
        ),
        shape(
            "recursion of many",
            "WITH RECURSIVE r AS (SELECT k FROM big UNION ALL SELECT k + 1 FROM r) \
             SELECT COUNT(*) FROM r",
        ),
        shape(
            "regexp",
            format!(
                "SELECT COUNT(*) FROM {SERIES} \
                 WHERE REGEXP_LIKE(REPEAT('ab', 500) || CAST(x AS TEXT), '(a|b)*c(d|e)+f')"
            ),
        ),
        shape(
            "regexp_replace",
            format!(
                "SELECT SUM(LENGTH(REGEXP_REPLACE(REPEAT('ab', 200) || CAST(x AS TEXT), \
                 '(a)(b)', '\\2\\1', 'g'))) FROM {SERIES}"
            ),
        ),
        shape("repeat", format!("SELECT SUM(LENGTH(REPEAT(x || 'y', 2000))) FROM {SERIES}")),
        shape(
            "json",
            format!(
                "SELECT COUNT(*) FROM {SERIES} \
                 WHERE ('{{\"a\": [1, ' || x || ']}}')::JSON -> 'a' ->> 1 = 'x'"
            ),
        ),
        // Each match of these is found at the end of the text, and goes on behind its begin.
        shape("constant", "SELECT REGEXP_COUNT(REPEAT('a', 60000), '.*[^a-z]|[a-z]')"),
        shape(
            "row by its key",
            "SELECT REGEXP_COUNT(REPEAT(text, 10000), '.*[^a-z0-9 ]|[a-z0-9 ]') FROM big WHERE k = 1",
        ),
        shape("planning of joins", format!("SELECT COUNT(*) FROM {tables} WHERE {equal}")),
        shape("planning of terms", format!("SELECT COUNT(*) FROM big WHERE {terms}")),
        shape("copy", format!("COPY ({scans}) TO '{{dir}}/rows.parquet' (OVERWRITE)")),
        shape("check", "STORAGE CHECK local EXTENDED"),
    ]
}

fn writes() -> Vec<Shape> {
    const PAIRS: &str = "SELECT a.k * 1000000 + b.k AS k, a.g, a.text FROM big a, big b";
    let values: Vec<String> = (0..20_000).map(|k| format!("({k}, {k}, 'v')")).collect();
    let values = values.join(", ");
    let undone = |name, sql: &str| Shape { before: &["BEGIN"], ..shape(name, sql) };
    vec![
        shape("ingest", format!("INSERT INTO other {PAIRS}")),
        shape(
            "ingest in no order",
            "INSERT INTO other SELECT b.k * 1000000 + a.k, a.g, a.text FROM big a, big b",
        ),
        shape("create table as", format!("CREATE TABLE made AS {PAIRS}")),
        shape("values", format!("INSERT INTO other VALUES {values} ON CONFLICT DO NOTHING")),
        shape(
            "upsert",
            "INSERT INTO big SELECT k, g + 1, text FROM big \
             ON CONFLICT (k) DO UPDATE SET g = excluded.g",
        ),
        shape("update", "UPDATE big SET g = g + 1"),
        undone("delete", "DELETE FROM big"),
        undone(
            "merge",
            "MERGE INTO big USING big AS s ON big.k = s.k \
             WHEN MATCHED THEN UPDATE SET g = s.g + 1",
        ),
    ]
}

fn jobs() -> Vec<Shape> {
    const CHANGES: &str = "UPDATE big SET g = g + 1 WHERE k % 4 = 0";
    const HOT: &[&str] = &[CHANGES];
    const DEAD: &[&str] = &[CHANGES, "STORAGE FLUSH TABLE big"];
    let job = |kind, before, sql: &str| Shape { before, job: Some(kind), ..shape(kind, sql) };
    vec![
        job("flush", HOT, "STORAGE FLUSH TABLE big"),
        job("compact", DEAD, "STORAGE COMPACT TABLE big"),
        job("analyze", &[], "ANALYZE big"),
        job("backup", &[], "BACKUP DATABASE TO '{dir}/backup'"),
    ]
}

fn filled() -> Fixture {
    let fixture = Fixture::new();
    for table in ["big", "other"] {
        fixture.run(&format!("CREATE TABLE {table} (k BIGINT PRIMARY KEY, g BIGINT, text TEXT)"));
    }
    for (first, last) in [(1, COLD), (COLD + 1, COLD + HOT)] {
        fixture.run(&format!(
            "INSERT INTO big SELECT x, x % 1000, 'text ' || x \
             FROM generate_series({first}, {last}) s (x)"
        ));
    }
    fixture
}

/// What became of a statement, and when.
type End = (String, Instant);

/// Runs a statement on a thread of its own. A thread that is joined could not hang.
fn start(session: &Arc<Session>, sql: String) -> Receiver<End> {
    let (sender, end) = channel();
    let session = session.clone();
    std::thread::spawn(move || {
        let outcome = code(run(&session, &sql));
        // Whoever heard that it hangs has gone.
        _ = sender.send((outcome, Instant::now()));
    });
    end
}

impl Shape {
    /// Stops the statement at a moment, and returns how long it worked on. `None` if it was
    /// over before.
    fn cancel(&self, fixture: &Fixture, moment: Duration) -> Option<Duration> {
        let out = TempDir::new().expect("a temporary folder can be made");
        let session = Arc::new(fixture::root(fixture.database()));
        for sql in self.before {
            fixture::run(&session, sql);
        }
        let end = start(&session, self.sql.replace("{dir}", &out.path().display().to_string()));
        let taken = self.stop(fixture, &session, &end, moment);
        if session.transaction_status() != TransactionStatus::Idle {
            fixture::run(&session, "ROLLBACK");
        }
        taken
    }

    fn stop(
        &self,
        fixture: &Fixture,
        session: &Session,
        end: &Receiver<End>,
        moment: Duration,
    ) -> Option<Duration> {
        let kill = match self.job {
            None => None,
            Some(kind) => Some(format!("KILL JOB '{}'", running_job(fixture, kind, end)?)),
        };
        if let Ok((outcome, _)) = end.recv_timeout(moment) {
            assert_eq!(outcome, "00000", "{}", self.name);
            return None;
        }
        let begin = Instant::now();
        loop {
            match &kill {
                None => session.interrupt(),
                // It may be over by now.
                Some(kill) => _ = fixture::try_rows(fixture.root(), kill),
            }
            if let Ok((outcome, at)) = end.recv_timeout(AGAIN) {
                assert!(["57014", "00000"].contains(&&*outcome), "{}: {outcome}", self.name);
                return at.checked_duration_since(begin);
            }
            assert!(begin.elapsed() < STUCK, "{} hangs", self.name);
        }
    }
}

/// The id of the job as soon as it runs; `None` if its statement is over.
fn running_job(fixture: &Fixture, kind: &str, end: &Receiver<End>) -> Option<String> {
    let sql = format!("SELECT job_id FROM system.jobs WHERE kind = '{kind}' AND state = 'running'");
    loop {
        if let Some(row) = fixture.rows(&sql).pop() {
            return row.into_iter().next();
        }
        if end.recv_timeout(Duration::ZERO).is_ok() {
            return None;
        }
    }
}

#[test]
fn a_statement_that_is_told_to_stop_ends_whatever_it_does() {
    let fixture = filled();
    let each = number_from("KALAM_CANCELS", CANCELS);
    let wanted = std::env::var("KALAM_SHAPE").unwrap_or_default();
    let mut random = Seeded(number_from("KALAM_SEED", 5));
    let [first, last] = MOMENT_MS;
    let mut all = Vec::new();
    let shapes = queries().into_iter().chain(writes()).chain(jobs());
    for shape in shapes.filter(|shape| shape.name.contains(&wanted)) {
        let moments = (0..each).map(|_| Duration::from_millis(first + random.below(last - first)));
        let mut taken: Vec<_> = moments.filter_map(|at| shape.cancel(&fixture, at)).collect();
        taken.sort();
        if let Some(longest) = taken.last() {
            let median = taken[taken.len() / 2];
            println!(
                "{}: {} of {each} stopped, half within {median:.1?}, all within {longest:.1?}",
                shape.name,
                taken.len()
            );
        } else {
            println!("{}: over before it could be stopped", shape.name);
        }
        all.extend(taken);
        assert_eq!(fixture.rows("SELECT COUNT(*) FROM big"), [[(COLD + HOT).to_string()]]);
    }
    all.sort();
    let part = |part: usize| all[(all.len() * part / 100).min(all.len() - 1)];
    println!(
        "{} statements stopped: half within {:.1?}, 99 of 100 within {:.1?}, all within {:.1?}",
        all.len(),
        part(50),
        part(99),
        part(100)
    );
    assert_eq!(fixture.rows("SELECT COUNT(*) FROM other WHERE text <> 'v'"), [["0"]]);
    fixture.database().close().expect("the database closes");
}
