//! Role x statement x kind of table: what runs, what is refused, and with which code.
//!
//! What is expected comes from the small tables in this file, not from the engine.

use std::path::Path;

use kalam_core::model::Role;
use kalam_core::{Database, Error, Session};
use tempfile::TempDir;

use crate::fixture::{self, options, run, try_run};

const ROLES: [Role; 5] = [Role::Anonymous, Role::User, Role::Service, Role::Dba, Role::System];

/// Kinds of what a statement can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    User,
    Stream,
    Public,
    Private,
    Restricted,
    /// A table of namespace `system`.
    System,
    /// A table of namespace `system` that is not there.
    SystemMissing,
    InformationSchema,
    Missing,
}

const KINDS: [Kind; 9] = [
    Kind::User,
    Kind::Stream,
    Kind::Public,
    Kind::Private,
    Kind::Restricted,
    Kind::System,
    Kind::SystemMissing,
    Kind::InformationSchema,
    Kind::Missing,
];

impl Kind {
    /// The statement that makes a table of the kind.
    fn create(self, name: &str) -> Option<String> {
        let columns = "(id INT PRIMARY KEY, v TEXT)";
        Some(match self {
            Kind::User => format!("CREATE USER TABLE {name} {columns}"),
            Kind::Stream => format!("CREATE STREAM TABLE {name} {columns} WITH (TTL_SECONDS = 60)"),
            Kind::Public => {
                format!("CREATE TABLE {name} {columns} WITH (ACCESS_LEVEL = 'PUBLIC')")
            }
            Kind::Private => format!("CREATE TABLE {name} {columns}"),
            Kind::Restricted => {
                format!("CREATE TABLE {name} {columns} WITH (ACCESS_LEVEL = 'RESTRICTED')")
            }
            _ => return None,
        })
    }

    fn name(self, fresh: &str) -> String {
        match self {
            Kind::System => "system.tables".to_owned(),
            Kind::SystemMissing => "system.nothing".to_owned(),
            Kind::InformationSchema => "information_schema.tables".to_owned(),
            _ => fresh.to_owned(),
        }
    }

    /// The least role that reads it, and the least that writes it; `None`: nobody does.
    fn rights(self) -> (Role, Option<Role>) {
        match self {
            Kind::User | Kind::Stream => (Role::User, Some(Role::User)),
            Kind::Public => (Role::Anonymous, Some(Role::Service)),
            Kind::Private | Kind::Restricted => (Role::Service, Some(Role::Service)),
            Kind::System | Kind::SystemMissing => (Role::Dba, None),
            Kind::InformationSchema => (Role::Anonymous, None),
            // A name that is not there tells everybody so.
            Kind::Missing => (Role::Anonymous, Some(Role::Anonymous)),
        }
    }
}

/// What a statement needs of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// Its rows or its description.
    Read,
    /// Its rows, from a statement that writes a USER table of the caller.
    ReadIntoOwn,
    Write,
    /// Its rows, for a file of the host, which needs the role dba.
    ReadIntoFile,
    /// The same with a file's rows for it.
    WriteFromFile,
    /// To look after it: the role service, and the right to read it.
    Operate,
    /// To define it: the role dba, and a table that can be changed.
    Define,
    /// To define something by what it reads.
    DefineOf,
    /// The rows of all users.
    Everybody,
}

/// What becomes of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Runs,
    Refused,
    /// It may run, and fails with this code.
    Fails(&'static str),
}
use Outcome::{Fails, Refused, Runs};

/// A statement about a table `{t}`. `{me}` is the caller; `open` a table that everybody
/// reads, `own` one in which everybody but anonymous has rows.
struct Form {
    sql: &'static str,
    need: Need,
    /// Where it may run and does not.
    but: &'static [(Kind, Outcome)],
}

const fn form(need: Need, sql: &'static str) -> Form {
    Form { sql, need, but: &[] }
}

const fn form_but(need: Need, sql: &'static str, but: &'static [(Kind, Outcome)]) -> Form {
    Form { sql, need, but }
}

/// What has other columns.
const NO_ID: &[(Kind, Outcome)] =
    &[(Kind::System, Fails("42703")), (Kind::InformationSchema, Fails("42703"))];
/// What the catalog does not describe.
const NO_DEFINITION: &[(Kind, Outcome)] =
    &[(Kind::System, Fails("42P01")), (Kind::InformationSchema, Fails("42P01"))];
const NO_SEGMENTS: &[(Kind, Outcome)] = &[
    (Kind::Stream, Fails("0A000")),
    (Kind::System, Fails("42P01")),
    (Kind::InformationSchema, Fails("42P01")),
];
/// What no row is there for is authorized and not read.
const NEVER_READ: &[(Kind, Outcome)] = &[(Kind::SystemMissing, Runs)];
const NO_UPDATE: &[(Kind, Outcome)] = &[(Kind::Stream, Fails("0A000"))];
const NOT_OF_USERS: &[(Kind, Outcome)] = &[
    (Kind::Public, Fails("22023")),
    (Kind::Private, Fails("22023")),
    (Kind::Restricted, Fails("22023")),
    (Kind::System, Fails("42P01")),
    (Kind::InformationSchema, Fails("42P01")),
];

const FORMS: &[Form] = &[
    form(Need::Read, "SELECT * FROM {t}"),
    form(Need::Read, "SELECT COUNT(*) FROM {t}"),
    form_but(Need::Read, "SELECT v FROM {t} WHERE id = 1", NO_ID),
    form_but(Need::Read, "SELECT id FROM {t} WHERE id > 0 ORDER BY id LIMIT 1", NO_ID),
    form_but(Need::Read, "SELECT id FROM {t} WHERE _deleted = true", NO_ID),
    form(Need::Read, "SELECT 1 FROM open o JOIN {t} x ON true"),
    form(Need::Read, "SELECT 1 FROM {t} x LEFT JOIN open o ON o.id = 1"),
    form(Need::Read, "SELECT 1 FROM open WHERE EXISTS (SELECT 1 FROM {t})"),
    form(Need::Read, "SELECT 1 FROM open WHERE NOT EXISTS (SELECT 1 FROM {t} WHERE false)"),
    form(Need::Read, "SELECT (SELECT COUNT(*) FROM {t})"),
    form(Need::Read, "WITH x AS (SELECT * FROM {t}) SELECT 1 FROM x"),
    form(Need::Read, "WITH x AS (SELECT * FROM {t}) SELECT 1"),
    form(Need::Read, "SELECT 1 FROM (SELECT * FROM {t}) s"),
    form(Need::Read, "SELECT 1 UNION ALL SELECT 1 FROM {t}"),
    form(Need::Read, "SELECT 1 FROM open UNION SELECT 1 FROM {t} WHERE false"),
    form(Need::Read, "EXPLAIN SELECT * FROM {t}"),
    form(Need::Read, "EXPLAIN ANALYZE SELECT COUNT(*) FROM {t}"),
    form(Need::Read, "PREPARE p AS SELECT * FROM {t}"),
    form(Need::Read, "EXECUTE AS USER '{me}' (SELECT * FROM {t})"),
    form(Need::Read, "DESCRIBE {t}"),
    form_but(Need::Read, "SHOW CREATE TABLE {t}", NO_DEFINITION),
    form(Need::ReadIntoOwn, "INSERT INTO own (id) SELECT COUNT(*) FROM {t}"),
    form(Need::ReadIntoOwn, "UPDATE own SET v = 'x' WHERE EXISTS (SELECT 1 FROM {t})"),
    form(Need::ReadIntoOwn, "DELETE FROM own WHERE EXISTS (SELECT 1 FROM {t})"),
    form(
        Need::ReadIntoOwn,
        "WITH x AS (SELECT * FROM {t}) DELETE FROM own WHERE EXISTS (SELECT 1 FROM x)",
    ),
    form(Need::ReadIntoOwn, "UPDATE own SET v = 'x' FROM {t} x"),
    form(Need::ReadIntoOwn, "DELETE FROM own USING {t} x"),
    form(
        Need::ReadIntoOwn,
        "MERGE INTO own USING (SELECT COUNT(*) AS n FROM {t}) s ON own.id = s.n WHEN MATCHED THEN DELETE",
    ),
    form_but(
        Need::ReadIntoOwn,
        "INSERT INTO own (id) VALUES (77) ON CONFLICT (id) DO UPDATE SET v = (SELECT MAX('x') FROM {t}) RETURNING id",
        NEVER_READ,
    ),
    form(Need::Write, "INSERT INTO {t} (id) VALUES (1)"),
    form(Need::Write, "INSERT INTO {t} (id) VALUES (1) RETURNING id"),
    form_but(
        Need::Write,
        "INSERT INTO {t} (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET v = 'x'",
        NO_UPDATE,
    ),
    form(Need::Write, "INSERT INTO {t} (id) VALUES (1) ON CONFLICT DO NOTHING"),
    form(Need::Write, "WITH x AS (SELECT 9 AS n) INSERT INTO {t} (id) SELECT n FROM x"),
    form_but(
        Need::Write,
        "UPDATE {t} SET v = 'x' FROM open WHERE open.id = 1 RETURNING v",
        NO_UPDATE,
    ),
    form(Need::Write, "DELETE FROM {t} USING open o WHERE o.id = 1 RETURNING v"),
    form(
        Need::Write,
        "MERGE INTO {t} USING open o ON false WHEN NOT MATCHED THEN INSERT (id) VALUES (4)",
    ),
    form(
        Need::Write,
        "PREPARE p AS MERGE INTO {t} USING open o ON false WHEN NOT MATCHED THEN INSERT (id) VALUES (4)",
    ),
    form(Need::Write, "INSERT INTO {t} (id, v) SELECT 2, 'x'"),
    form_but(Need::Write, "UPDATE {t} SET v = 'x'", NO_UPDATE),
    form_but(Need::Write, "UPDATE {t} SET v = 'x' WHERE id = 1", NO_UPDATE),
    form(Need::Write, "DELETE FROM {t}"),
    form(Need::Write, "DELETE FROM {t} WHERE id = 1"),
    form(Need::Write, "PREPARE p AS INSERT INTO {t} (id) VALUES ($1)"),
    form(Need::Write, "PREPARE p AS DELETE FROM {t} WHERE id = $1"),
    form(Need::Write, "EXECUTE AS USER '{me}' (INSERT INTO {t} (id) VALUES (3))"),
    form(Need::WriteFromFile, "COPY {t} FROM '{file}'"),
    form(Need::ReadIntoFile, "COPY {t} TO '{file}' (OVERWRITE)"),
    form(Need::ReadIntoFile, "COPY (SELECT 1 FROM {t}) TO '{file}' (OVERWRITE)"),
    form_but(Need::Operate, "STORAGE FLUSH TABLE {t}", NO_SEGMENTS),
    form_but(Need::Operate, "STORAGE COMPACT TABLE {t}", NO_SEGMENTS),
    form_but(Need::Operate, "VACUUM {t}", NO_DEFINITION),
    form_but(Need::Operate, "ANALYZE {t}", NO_DEFINITION),
    form_but(Need::Operate, "SHOW MANIFEST FOR {t}", NO_DEFINITION),
    form_but(Need::Operate, "SHOW STATS FOR TABLE {t}", NO_DEFINITION),
    form(Need::Write, "TRUNCATE {t}"),
    form(Need::DefineOf, "CREATE VIEW view_{n} AS SELECT * FROM {t}"),
    form(Need::DefineOf, "CREATE TABLE copy_{n} AS SELECT COUNT(*) AS n FROM {t}"),
    form_but(Need::Read, "DESCRIBE {t} HISTORY", NO_DEFINITION),
    form_but(Need::Read, "DESCRIBE {t} AS OF SCHEMA VERSION 1", NO_DEFINITION),
    form(Need::Define, "ALTER TABLE {t} ADD COLUMN w INT"),
    form(Need::Define, "ALTER TABLE {t} RENAME COLUMN v TO w"),
    form(Need::Define, "COMMENT ON TABLE {t} IS 'x'"),
    form(Need::Define, "DROP TABLE {t}"),
    form_but(Need::Everybody, "SELECT * FROM all_users('{t}')", NOT_OF_USERS),
    form_but(
        Need::Everybody,
        "SELECT 1 FROM open WHERE id IN (SELECT id FROM all_users('{t}'))",
        NOT_OF_USERS,
    ),
    form_but(Need::Everybody, "WITH x AS (SELECT * FROM all_users('{t}')) SELECT 1", NOT_OF_USERS),
    form_but(Need::Everybody, "EXPLAIN SELECT * FROM all_users('{t}')", NOT_OF_USERS),
    form_but(Need::Everybody, "PREPARE p AS SELECT * FROM all_users('{t}')", NOT_OF_USERS),
];

fn expected(form: &Form, kind: Kind, role: Role) -> Outcome {
    let (reads, writes) = kind.rights();
    let by_role = |least: Role| if role >= least { Runs } else { Refused };
    let allowed = match form.need {
        Need::Read => by_role(reads),
        Need::ReadIntoOwn => by_role(reads.max(Role::User)),
        Need::Write => writes.map_or(Refused, by_role),
        Need::ReadIntoFile => by_role(reads.max(Role::Dba)),
        Need::WriteFromFile => writes.map_or(Refused, |least| by_role(least.max(Role::Dba))),
        Need::Operate => by_role(reads.max(Role::Service)),
        Need::Define if writes.is_none() => Refused,
        Need::DefineOf => by_role(reads.max(Role::Dba)),
        Need::Define | Need::Everybody => by_role(Role::Dba),
    };
    if allowed == Refused {
        return Refused;
    }
    let otherwise = match kind {
        Kind::Missing | Kind::SystemMissing => Fails("42P01"),
        _ => Runs,
    };
    form.but.iter().find(|(of, _)| *of == kind).map_or(otherwise, |(_, outcome)| *outcome)
}

/// Statements about no table, and the least role that runs them.
const STATEMENTS: &[(&str, Role)] = &[
    ("SELECT 1", Role::Anonymous),
    ("VALUES (1), (2)", Role::Anonymous),
    ("EXPLAIN SELECT 1", Role::Anonymous),
    ("SHOW TABLES", Role::Anonymous),
    ("SHOW NAMESPACES", Role::Anonymous),
    ("USE default", Role::Anonymous),
    ("BEGIN", Role::Anonymous),
    ("BEGIN; SAVEPOINT s; ROLLBACK TO s; RELEASE s; COMMIT", Role::Anonymous),
    ("BEGIN; ROLLBACK", Role::Anonymous),
    ("PREPARE p AS SELECT 1; EXECUTE p; DEALLOCATE p", Role::Anonymous),
    ("EXECUTE AS USER '{me}' (SELECT 1)", Role::Anonymous),
    ("EXECUTE AS USER 'nobody' (SELECT 1)", Role::Service),
    ("STORAGE FLUSH ALL", Role::Service),
    ("STORAGE COMPACT ALL", Role::Service),
    ("VACUUM", Role::Service),
    ("ANALYZE", Role::Service),
    ("SHOW JOBS", Role::Service),
    ("SHOW STORAGES", Role::Dba),
    ("CREATE STORAGE made TYPE 'filesystem' PATH 'made'", Role::Dba),
    ("ALTER STORAGE local SET SHARED_TABLES_TEMPLATE '{tableName}'", Role::Dba),
    ("STORAGE CHECK local", Role::Dba),
    ("STORAGE CHECK local EXTENDED", Role::Dba),
    ("DROP STORAGE IF EXISTS made", Role::Dba),
    ("ALTER USER 'known' SET STORAGE local", Role::System),
    ("SET statement_timeout = '1min'", Role::Anonymous),
    ("SHOW statement_timeout", Role::Anonymous),
    ("DROP VIEW IF EXISTS made", Role::Dba),
    ("REGISTER TABLE IF NOT EXISTS open FROM 'nothing.parquet'", Role::Dba),
    ("UNREGISTER TABLE IF EXISTS made", Role::Dba),
    ("CREATE NAMESPACE made", Role::Dba),
    ("ALTER NAMESPACE default SET DESCRIPTION 'x'", Role::Dba),
    ("DROP NAMESPACE IF EXISTS made", Role::Dba),
    ("CREATE TABLE made (id INT PRIMARY KEY)", Role::Dba),
    ("CREATE USER TABLE made (id INT PRIMARY KEY)", Role::Dba),
    ("DROP TABLE IF EXISTS made", Role::Dba),
    ("CREATE USER 'made' WITH ROLE user", Role::System),
    ("CREATE USER IF NOT EXISTS 'known' WITH ROLE user", Role::System),
    ("ALTER USER 'known' SET ROLE user", Role::System),
    ("DROP USER IF EXISTS 'made'", Role::System),
    ("SELECT 1; CREATE NAMESPACE made", Role::Dba),
    ("EXPORT USER 'known' TO '{new}'", Role::Dba),
    ("DROP USER IF EXISTS 'made' PURGE", Role::System),
    ("VERIFY BACKUP '{backup}'", Role::Dba),
    ("RESTORE DATABASE FROM '{backup}' TO '{new}'", Role::Dba),
];

/// Statements of other systems that reach files or the engine: nobody runs them.
const NOBODY: &[&str] = &[
    "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION 'in.csv'",
    "SET datafusion.execution.batch_size = 1",
    "SELECT * FROM read_csv('in.csv')",
    "SELECT * FROM read_parquet('in.parquet')",
    "SELECT * FROM 'in.parquet'",
    "SELECT * FROM parquet_metadata('in.parquet')",
    "EXPLAIN COPY open TO 'out.csv'",
    "PREPARE p AS COPY open TO 'out.csv'",
    "WITH x AS (COPY open TO 'out.csv') SELECT 1",
    "SELECT pg_read_file('in.csv')",
    "SELECT * FROM pg_catalog.pg_authid",
    "LOAD 'extension'",
    "ATTACH 'other.db'",
];

fn database() -> Database {
    let database = Database::in_memory(options()).expect("memory is there");
    let root = fixture::root(&database);
    for sql in [
        "CREATE TABLE open (id INT PRIMARY KEY) WITH (ACCESS_LEVEL = 'PUBLIC')",
        "INSERT INTO open VALUES (1)",
        "CREATE USER TABLE own (id INT PRIMARY KEY, v TEXT)",
        "CREATE USER 'known' WITH ROLE user",
    ] {
        run(&root, sql);
    }
    database
}

/// A new session, named as its role is.
fn session(database: &Database, role: Role) -> Session {
    database.session(role.as_str(), role, None).expect("roles are valid user ids")
}

fn outcome(done: Result<u64, Error>) -> Result<(), String> {
    done.map(|_| ()).map_err(|e| e.sqlstate().to_string())
}

/// What is wrong with an outcome, if it is not the one that was expected.
fn differs(what: &str, role: Role, expected: Outcome, got: &Result<(), String>) -> Option<String> {
    let fits = match (expected, got) {
        (Runs, Ok(())) => true,
        (Refused, Err(code)) => code == "42501",
        (Fails(expected), Err(code)) => code == expected,
        _ => false,
    };
    (!fits).then(|| format!("{what} as {role}: expected {expected:?}, got {got:?}"))
}

#[test]
fn every_role_may_do_with_each_kind_of_table_what_the_table_says() {
    let mut cells = 0;
    let mut wrong = Vec::new();
    let folder = TempDir::new().expect("a temporary folder can be made");
    let file = folder.path().join("rows.csv");
    for kind in KINDS {
        let database = database();
        let root = fixture::root(&database);
        for (number, form) in FORMS.iter().enumerate() {
            for role in ROLES {
                let name = kind.name(&format!("t{number}_{role}"));
                if let Some(create) = kind.create(&name) {
                    run(&root, &create);
                }
                let fresh = format!("{number}_{role}");
                let sql = form.sql.replace("{t}", &name).replace("{n}", &fresh);
                let sql = sql.replace("{me}", role.as_str());
                std::fs::write(&file, "id,v\n1,one\n").expect("a file can be written");
                let sql = sql.replace("{file}", &file.display().to_string());
                let got = outcome(try_run(&session(&database, role), &sql));
                let expected = expected(form, kind, role);
                wrong.extend(differs(&format!("{kind:?}: {sql}"), role, expected, &got));
                cells += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {cells} cells:\n{}", wrong.len(), wrong.join("\n"));
    assert!(cells >= 1_000, "{cells} cells");
}

#[test]
fn whoever_runs_jobs_stops_them() {
    let database = database();
    for role in ROLES {
        let got = outcome(try_run(&session(&database, role), "KILL JOB 'FL-000000000001'"));
        let expected = if role >= Role::Service { Fails("42704") } else { Refused };
        assert_eq!(differs("KILL JOB", role, expected, &got), None);
    }
}

#[test]
fn a_view_shows_whoever_reads_it_what_they_may_read() {
    let database = database();
    let root = fixture::root(&database);
    let mut wrong = Vec::new();
    let mut views = vec![
        ("system_view", "SELECT * FROM system.tables", Role::Dba),
        ("everybody", "SELECT _user AS owner, id FROM all_users('default.base_user')", Role::Dba),
        ("schema", "SELECT * FROM information_schema.tables", Role::Anonymous),
    ];
    let bases = [
        (Kind::User, "base_user", "SELECT * FROM base_user", "of_user"),
        (Kind::Public, "base_public", "SELECT * FROM base_public", "of_public"),
        (Kind::Private, "base_private", "SELECT * FROM base_private", "of_private"),
    ];
    for (kind, base, query, view) in bases {
        run(&root, &kind.create(base).expect("it is a table"));
        views.push((view, query, kind.rights().0));
    }
    for (view, query, least) in views {
        run(&root, &format!("CREATE VIEW {view} AS {query}"));
        run(&root, &format!("CREATE VIEW above_{view} AS SELECT 1 AS n FROM {view}"));
        for role in ROLES {
            for sql in [
                "SELECT * FROM {v}",
                "SELECT 1 FROM open o JOIN {v} v ON true",
                "SELECT 1 FROM above_{v}",
                "WITH x AS (SELECT * FROM {v}) SELECT 1 FROM x",
                "SELECT 1 FROM open WHERE EXISTS (SELECT 1 FROM {v})",
                "EXPLAIN SELECT * FROM {v}",
                "SHOW CREATE VIEW {v}",
                "PREPARE p AS SELECT * FROM {v}",
                "EXECUTE AS USER '{me}' (SELECT * FROM {v})",
            ] {
                let sql = sql.replace("{v}", view).replace("{me}", role.as_str());
                let got = outcome(try_run(&session(&database, role), &sql));
                let expected = if role >= least { Runs } else { Refused };
                wrong.extend(differs(&sql, role, expected, &got));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_role_runs_the_statements_from_its_least_role_on() {
    let mut wrong = Vec::new();
    let folder = TempDir::new().expect("a temporary folder can be made");
    let backup = folder.path().join("backup").display().to_string();
    for (number, role) in ROLES.into_iter().enumerate() {
        let database = fixture::open(&folder.path().join("database"));
        let sql = format!("BACKUP DATABASE TO '{backup}'");
        let got = outcome(try_run(&session(&database, role), &sql));
        let expected = if role >= Role::Dba { Runs } else { Refused };
        wrong.extend(differs(&sql, role, expected, &got));
        assert!(number > 2 || !Path::new(&backup).exists());
    }
    for (sql, least) in STATEMENTS {
        let database = database();
        for role in ROLES {
            let sql = sql.replace("{me}", role.as_str()).replace("{backup}", &backup);
            let new = format!("new {} {role}", sql.split(' ').next().unwrap_or_default());
            let new = folder.path().join(new).display().to_string();
            let sql = sql.replace("{new}", &new);
            let got = outcome(try_run(&session(&database, role), &sql));
            let expected = if role >= *least { Runs } else { Refused };
            let made =
                matches!(&got, Err(code) if ["42710", "42P06", "42P07"].contains(&code.as_str()));
            // What a lower role made already is there.
            if !(expected == Runs && made) {
                wrong.extend(differs(&sql, role, expected, &got));
            }
        }
    }
    for sql in NOBODY {
        let database = database();
        for role in ROLES {
            let sql = sql.replace("{me}", role.as_str());
            if outcome(try_run(&session(&database, role), &sql)).is_ok() {
                wrong.push(format!("{sql} as {role} runs"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_role_acts_for_the_roles_below_it() {
    let database = database();
    let root = fixture::root(&database);
    let holders = [("u", Role::User), ("s", Role::Service), ("d", Role::Dba), ("y", Role::System)];
    for (user, role) in holders {
        run(&root, &format!("CREATE USER '{user}' WITH ROLE {role}"));
    }
    run(&root, "CREATE USER 'gone' WITH ROLE system");
    run(&root, "DROP USER 'gone'");
    let unknown = [("unknown", Role::User), ("gone", Role::User)];
    for role in ROLES {
        for (subject, held) in holders.into_iter().chain(unknown) {
            let reaches = match role {
                Role::Anonymous | Role::User => false,
                Role::Service => held <= Role::Service,
                Role::Dba => held <= Role::Dba,
                Role::System => true,
            };
            let caller = session(&database, role);
            let sql = format!("EXECUTE AS USER '{subject}' (SELECT CURRENT_ROLE())");
            match fixture::try_rows(&caller, &sql) {
                Ok(rows) => assert!(reaches && rows == [[held.as_str()]], "{role} as {subject}"),
                Err(e) => assert!(!reaches && e.sqlstate().as_str() == "42501", "{role}: {e:?}"),
            }
            let vouched = caller.as_user(subject);
            assert_eq!(vouched.is_ok(), reaches, "{role} as_user {subject}");
            if let Ok(session) = vouched {
                assert_eq!(session.role(), Role::User);
            }
        }
    }
}
