//! A catalog of a thousand tables, each changed fifty times.

use kalam_core::model::Role;
use kalam_core::{Database, Params, Session};
use tempfile::TempDir;

use crate::catalog::{open, run};
use crate::figure::{Figure, time};
use crate::timing;

/// Tables, unless `KALAM_ENGINE_TABLES` says another number.
const TABLES: usize = 1_000;
/// Changes of each table.
const CHANGES: usize = 50;

fn tables() -> usize {
    let wanted = std::env::var("KALAM_ENGINE_TABLES").ok();
    wanted.map_or(TABLES, |text| text.parse().expect("KALAM_ENGINE_TABLES is a number"))
}

fn rows(session: &Session, sql: &str) -> usize {
    let result = session.execute(sql, &Params::None).and_then(|result| result.collect());
    let batches = result.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    batches.iter().map(arrow::array::RecordBatch::num_rows).sum()
}

/// Makes the tables, opens the database anew, lists and reads them.
pub fn figures() -> Vec<Figure> {
    let tables = tables();
    let folder = TempDir::new().expect("a temporary folder can be made");
    let database = open(&folder);
    let (_, create) = timing::once(|| {
        for table in 0..tables {
            run(&database, &format!("CREATE TABLE t{table} (id BIGINT PRIMARY KEY, a INT)"));
        }
    });
    run_each(&database, tables, |table| format!("INSERT INTO t{table} VALUES (1, {table})"));
    let (_, alter) = timing::once(|| {
        for change in 0..CHANGES {
            run_each(&database, tables, |table| alteration(table, change));
        }
    });
    run_each(&database, tables, |table| format!("INSERT INTO t{table} (id) VALUES (2)"));
    database.close().expect("the database closes");
    drop(database);

    let (database, reopen) = timing::once(|| open(&folder));
    let session = database.session("root", Role::System, None).expect("root is a valid user");
    let (listed, list) = timing::once(|| rows(&session, "SHOW TABLES"));
    assert!(listed >= tables, "{listed} tables are listed");
    let (columns, list_columns) = timing::once(|| {
        rows(
            &session,
            "SELECT table_name, column_name FROM information_schema.columns \
             WHERE table_schema = 'default'",
        )
    });
    assert!(columns >= tables * 2, "{columns} columns are listed");
    let (_, query) = timing::once(|| {
        for table in 0..tables {
            assert_eq!(rows(&session, &format!("SELECT * FROM t{table} WHERE id > 0")), 2);
        }
    });
    let of = |what: &str| format!("{tables} tables with {} versions each: {what}", CHANGES + 1);
    let each = |seconds: f64, calls: usize| time(seconds / calls as f64);
    vec![
        Figure::plain(of("CREATE TABLE, each"), each(create, tables)),
        Figure::plain(of("ALTER TABLE, each"), each(alter, tables * CHANGES)),
        Figure::time(of("open"), reopen, 0.2),
        Figure::plain(of("SHOW TABLES, first time"), time(list)),
        Figure::plain(of("all their columns"), time(list_columns)),
        Figure::plain(of("a query of each, planned, each"), each(query, tables)),
    ]
}

fn run_each(database: &Database, tables: usize, sql: impl Fn(usize) -> String) {
    for table in 0..tables {
        run(database, &sql(table));
    }
}

/// Adds a column and drops it again, in turn.
fn alteration(table: usize, change: usize) -> String {
    if change.is_multiple_of(2) {
        format!("ALTER TABLE t{table} ADD COLUMN c{change} TEXT DEFAULT 'x'")
    } else {
        format!("ALTER TABLE t{table} DROP COLUMN c{}", change - 1)
    }
}
