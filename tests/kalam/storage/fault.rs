//! Steps of an upload, a commit and a deletion that stop or fail, with segments in a bucket.

use super::{House, Server};
use crate::fault::{BY_VALUE, run as run_child};
use crate::fixture::{self, rows};

/// A statement, what it passes, and whether its caller is told of what fails there.
struct Case {
    statement: &'static str,
    points: &'static [&'static str],
    is_told: bool,
}

/// What a fault does, and what its statement says then. The first two are for all.
const ACTIONS: [(&str, &str); 5] = [
    ("abort", ""),
    ("io_error", "error 58030 "),
    ("no_space", "error 53100 "),
    ("denied", "error 58030 "),
    ("delay", "ok"),
];

/// Points that only segments of object stores pass.
pub(crate) const POINTS: &[&str] =
    &["storage.before_put", "storage.after_put", "storage.before_delete", "storage.after_delete"];

const CASES: &[Case] = &[
    Case {
        statement: "STORAGE FLUSH TABLE t",
        points: &[
            "storage.announced",
            "storage.before_put",
            "storage.after_put",
            "flush.before_commit",
            "flush.after_commit",
        ],
        is_told: true,
    },
    Case {
        statement: "STORAGE COMPACT TABLE t",
        points: &[
            "storage.announced",
            "storage.before_put",
            "storage.after_put",
            "compact.before_commit",
            "compact.after_commit",
        ],
        is_told: true,
    },
    Case {
        statement: "STORAGE COMPACT TABLE t",
        points: &["storage.before_delete", "storage.after_delete"],
        is_told: false,
    },
];

const SUMMED: [[&str; 3]; 2] = [["v", "80", "80"], ["w", "10", "10"]];

/// Plants one fault, and sees that no row is lost and no object left.
fn check(server: &mut Server, case: &Case, point: &str, (action, state): (&str, &str)) {
    let what = format!("{} with {point}={action}", case.statement);
    let house = House::new(1 << 30);
    let dir = house.dir.path().join("child");
    let secret = house.dir.path().join("secret");
    std::fs::write(&secret, "a secret\n").expect("a file can be written");
    let create = format!(
        "CREATE STORAGE far TYPE 's3' BUCKET 'kalam' CREDENTIALS (access_key_id = file('{0}'), \
         secret_access_key = file('{0}')) CONFIG (endpoint = '{1}', allow_http = true)",
        secret.display(),
        server.endpoint()
    );
    let before = [
        create.as_str(),
        "CREATE TABLE t (k INT PRIMARY KEY, v TEXT) WITH (STORAGE_ID = 'far')",
        "INSERT INTO t SELECT value, 'v' FROM generate_series(1, 50)",
        "STORAGE FLUSH TABLE t",
        "INSERT INTO t SELECT value, 'v' FROM generate_series(51, 100)",
        "STORAGE FLUSH TABLE t",
        "UPDATE t SET v = 'w' WHERE k <= 10",
        "DELETE FROM t WHERE k > 90",
    ];
    let made = run_child(&dir, None, &before);
    assert!(made.lines.iter().all(|line| line.starts_with("ok")), "{what}: {:?}", made.lines);
    let fault = format!("{point}={action}");
    let outcome = run_child(&dir, Some(&fault), &[case.statement, case.statement]);
    if action == "abort" {
        assert!(outcome.aborted && outcome.lines.is_empty(), "{what}: {:?}", outcome.lines);
    } else {
        let first = if case.is_told { state } else { "ok" };
        assert!(outcome.lines[0].starts_with(first), "{what}: {:?}", outcome.lines);
        assert!(outcome.lines[1].starts_with("ok"), "{what}: {:?}", outcome.lines);
    }
    let database = fixture::open(&dir);
    let root = fixture::root(&database);
    assert_eq!(rows(&root, BY_VALUE), SUMMED, "{what}");
    fixture::run(&root, "STORAGE FLUSH TABLE t");
    fixture::run(&root, case.statement);
    assert_eq!(rows(&root, BY_VALUE), SUMMED, "{what}");
    let manifest = rows(&root, "SELECT path FROM system.manifest ORDER BY path").concat();
    assert_eq!(server.objects(), manifest, "{what}");
    fixture::run(&root, "DROP TABLE t");
    assert_eq!(server.objects(), Vec::<String>::new(), "{what}");
    database.close().expect("the database closes");
}

#[test]
fn a_step_that_stops_or_fails_loses_no_row_and_leaves_no_object() {
    let mut server = Server::start();
    let all = std::env::var("KALAM_FAULTS").is_ok_and(|faults| faults == "all");
    for case in CASES {
        for point in case.points {
            for action in &ACTIONS[..if all { ACTIONS.len() } else { 2 }] {
                check(&mut server, case, point, *action);
                println!("{point} {}: passed", action.0);
            }
        }
    }
}
