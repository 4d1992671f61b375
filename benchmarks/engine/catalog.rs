//! Lookups of tables, conversions of types, resolutions of paths.

use kalam_core::model::{KalamDataType, Role, UserId};
use kalam_core::{Database, Durability, Options, Params};
use tempfile::TempDir;

use crate::figure::Figure;
use crate::timing;

/// Tables that paths are resolved for.
const TABLES: usize = 50;
/// Users that they are resolved for.
const USERS: usize = 1_000;
/// Paths that are resolved.
const PATHS: usize = 10_000;

/// Opens a directory as all measurements here do.
pub fn open(folder: &TempDir) -> Database {
    let options = Options { durability: Durability::Off, ..Options::default() };
    Database::open(folder.path(), options).expect("the database opens")
}

/// Runs a statement as `system`.
pub fn run(database: &Database, sql: &str) {
    let session = database.session("root", Role::System, None).expect("root is a valid user");
    session.execute(sql, &Params::None).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
}

/// All figures of this file.
pub fn figures() -> Vec<Figure> {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let database = open(&folder);
    for table in 0..TABLES {
        run(
            &database,
            &format!(
                "CREATE USER TABLE t{table} (id BIGINT PRIMARY KEY, body TEXT NOT NULL, \
                 score DOUBLE DEFAULT 0.5, at TIMESTAMP DEFAULT NOW(), tags TEXT[])"
            ),
        );
    }
    database.close().expect("the database closes");
    drop(database);
    let database = open(&folder);
    let mut figures = paths(&database);
    figures.push(lookup(&database));
    figures.extend(conversions());
    database.close().expect("the database closes");
    figures
}

/// Resolves paths of random tables and users, each table for the first time once.
fn paths(database: &Database) -> Vec<Figure> {
    let catalog = database.catalog();
    let users: Vec<UserId> = (0..USERS)
        .map(|user| UserId::new(format!("user-{user}@example.org")).expect("a valid user id"))
        .collect();
    let names: Vec<String> = (0..TABLES).map(|table| format!("t{table}")).collect();
    let resolve = |table: usize, user: usize| {
        let found = catalog.table("default", &names[table]).expect("the table exists");
        catalog.segment_folder(&found, Some(&users[user])).expect("the storage exists")
    };
    let (hits_before, misses_before) = catalog.counters();
    let mut cold = Vec::new();
    for index in 0..PATHS {
        // Every table comes up once in the first round, then in another order.
        let table = if index < TABLES { index } else { index * 7 % TABLES };
        let (path, seconds) = timing::once(|| resolve(table, index * 13 % USERS));
        assert!(path.starts_with("default/t"), "{path} is below the namespace");
        if index < TABLES {
            cold.push(seconds);
        }
    }
    let (hits, misses) = catalog.counters();
    let (hits, misses) = ((hits - hits_before) as f64, (misses - misses_before) as f64);
    cold.sort_by(f64::total_cmp);
    let slowest = cold[cold.len() - 1];
    let warm = timing::median(1_000, |index| resolve(index % TABLES, index % USERS));
    vec![
        Figure::share(
            format!("Path resolutions of {PATHS} that found the table's part in memory"),
            hits / (hits + misses),
            0.99,
        ),
        Figure::time("Path resolution, cold, median", cold[cold.len() / 2], 1e-3),
        Figure::time(format!("Path resolution, cold, slowest of {TABLES}"), slowest, 1e-3),
        Figure::plain("Path resolution, cached", crate::figure::time(warm)),
    ]
}

fn lookup(database: &Database) -> Figure {
    let catalog = database.catalog();
    let seconds = timing::median(10_000, |_| {
        let table = catalog.table("default", "t7").expect("the table exists");
        table.schema.clone()
    });
    Figure::time("Schema lookup by name, cached", seconds, 100e-6)
}

/// Every type to Arrow, and the field of a column and back.
fn conversions() -> Vec<Figure> {
    let types: Vec<KalamDataType> = [
        "BOOLEAN",
        "SMALLINT",
        "INT",
        "BIGINT",
        "FLOAT",
        "DOUBLE",
        "TEXT",
        "TIMESTAMP",
        "DATE",
        "DATETIME",
        "TIME",
        "JSON",
        "BYTES",
        "EMBEDDING(384)",
        "UUID",
        "DECIMAL(18, 4)",
        "FILE",
        "TEXT[]",
        "BIGINT[]",
    ]
    .iter()
    .map(|name| name.parse().unwrap_or_else(|_| panic!("{name} is a type")))
    .collect();
    let each = |kind: &str, convert: &dyn Fn(&KalamDataType)| {
        let found = types.iter().map(|t| (timing::median(10_000, |_| convert(t)), t.to_string()));
        let mut seconds: Vec<(f64, String)> = found.collect();
        seconds.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (median, _) = seconds[seconds.len() / 2];
        let (slowest, name) = &seconds[seconds.len() - 1];
        vec![
            Figure::time(format!("{kind}, median of {} types", types.len()), median, 10e-6),
            Figure::time(format!("{kind}, slowest type ({name})"), *slowest, 10e-6),
        ]
    };
    let mut figures = each("Type to Arrow", &|t| {
        std::hint::black_box(t.arrow_type());
    });
    figures.extend(each("Column's field to Arrow and back", &|t| {
        let field = t.arrow_field("a", true);
        std::hint::black_box(KalamDataType::from_arrow_field(&field).expect("a type of ours"));
    }));
    figures
}
