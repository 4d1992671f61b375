//! Random operations against the database and against a map: never a difference.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kalam_core::Session;
use kalam_core::model::Role;
use proptest::prelude::*;

use crate::cases::Cases;
use crate::fixture::{self, Fixture};
use crate::render;

/// Time for new cases; a failure is shrunk beyond it.
const TIME_MAX: Duration = Duration::from_secs(20);
const USERS: [&str; 2] = ["alice", "bob"];

/// A table with columns (a INT, b TEXT, v INT, s TEXT) and some of a, b as its key.
struct Table {
    name: &'static str,
    kind: &'static str,
    key: &'static str,
}

const TABLES: [Table; 4] = [
    Table { name: "shared_a", kind: "SHARED", key: "a" },
    Table { name: "user_b", kind: "USER", key: "b" },
    Table { name: "shared_ab", kind: "SHARED", key: "a, b" },
    Table { name: "user_ba", kind: "USER", key: "b, a" },
];

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    a: i32,
    b: String,
    v: Option<i32>,
    s: String,
}

impl Row {
    fn key(&self, table: usize) -> (i32, String) {
        match TABLES[table].key {
            "a" => (self.a, String::new()),
            "b" => (0, self.b.clone()),
            _ => (self.a, self.b.clone()),
        }
    }

    fn sql(&self) -> String {
        let v = self.v.map_or("NULL".into(), |v| v.to_string());
        format!("({}, '{}', {v}, '{}')", self.a, self.b, self.s)
    }

    fn text(&self) -> Vec<String> {
        let v = self.v.map_or("NULL".into(), |v| v.to_string());
        let s = if self.s.is_empty() { "(empty)".into() } else { self.s.clone() };
        vec![self.a.to_string(), self.b.clone(), v, s]
    }
}

type Rows = BTreeMap<(i32, String), Row>;

#[derive(Clone, Debug)]
enum Operation {
    Insert(Vec<Row>),
    UpdateKey(Row),
    UpdateWhere(i32),
    ChangeText(i32, String),
    Move(i32, i32),
    Shift(i32),
    DeleteKey(Row),
    DeleteWhere(i32),
    DeleteIn(usize, i32),
    CopyFrom(usize, i32),
    /// ON CONFLICT, and whether it updates.
    Upsert(Vec<Row>, bool),
    UpdateFrom(usize, i32),
    MergeFrom(usize, i32),
    Flush,
    FlushAll,
    Compact,
    Reopen,
    All,
    ByKey(Row),
    Range(i32, i32),
    Count(i32),
    /// Parts, and whether COMMIT or ROLLBACK ends them.
    Transaction(Vec<Part>, bool),
}

/// A part of a transaction.
#[derive(Clone, Debug)]
enum Part {
    /// In a table.
    Step(usize, Operation),
    Savepoint,
    RollbackTo,
}

#[derive(Clone, Debug)]
struct Step {
    table: usize,
    user: usize,
    operation: Operation,
}

fn row() -> impl Strategy<Value = Row> {
    (0..8i32, 0..4u8, proptest::option::weighted(0.8, 0..10i32), "[a-c]{0,3}")
        .prop_map(|(a, b, v, s)| Row { a, b: format!("b{b}"), v, s })
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        6 => proptest::collection::vec(row(), 1..2).prop_map(Operation::Insert),
        4 => proptest::collection::vec(row(), 2..8).prop_map(Operation::Insert),
        4 => row().prop_map(Operation::UpdateKey),
        2 => (0..10i32).prop_map(Operation::UpdateWhere),
        1 => (0..10i32, "[a-c]{0,3}").prop_map(|(v, s)| Operation::ChangeText(v, s)),
        2 => (0..8i32, 0..8i32).prop_map(|(from, to)| Operation::Move(from, to)),
        1 => (1..3i32).prop_map(Operation::Shift),
        4 => row().prop_map(Operation::DeleteKey),
        1 => (0..10i32).prop_map(Operation::DeleteWhere),
        1 => (0..TABLES.len(), 0..10i32).prop_map(|(t, v)| Operation::DeleteIn(t, v)),
        2 => (0..TABLES.len(), 0..8i32).prop_map(|(t, a)| Operation::CopyFrom(t, a)),
        4 => (proptest::collection::vec(row(), 1..6), proptest::bool::weighted(0.7))
            .prop_map(|(rows, updates)| Operation::Upsert(rows, updates)),
        2 => (0..TABLES.len(), 0..8i32).prop_map(|(t, v)| Operation::UpdateFrom(t, v)),
        2 => (0..TABLES.len(), 0..8i32).prop_map(|(t, v)| Operation::MergeFrom(t, v)),
        3 => Just(Operation::Flush),
        1 => Just(Operation::FlushAll),
        2 => Just(Operation::Compact),
        1 => Just(Operation::Reopen),
        2 => Just(Operation::All),
        2 => row().prop_map(Operation::ByKey),
        1 => (0..8i32, 0..8i32).prop_map(|(from, to)| Operation::Range(from, to)),
        1 => (0..10i32).prop_map(Operation::Count),
    ]
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        8 => (0..TABLES.len(), operation()).prop_map(|(table, operation)| match operation {
            // The transaction would be gone.
            Operation::Reopen => Part::Step(table, Operation::FlushAll),
            operation => Part::Step(table, operation),
        }),
        1 => Just(Part::Savepoint),
        1 => Just(Part::RollbackTo),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let transaction = (proptest::collection::vec(part(), 1..12), proptest::bool::weighted(0.7))
        .prop_map(|(parts, commits)| Operation::Transaction(parts, commits));
    let operation = prop_oneof![12 => operation(), 1 => transaction];
    (0..TABLES.len(), 0..USERS.len(), operation).prop_map(|(table, user, operation)| Step {
        table,
        user,
        operation,
    })
}

/// The database, the map, and a session of each user.
struct World {
    fixture: Fixture,
    sessions: Vec<Session>,
    model: BTreeMap<(usize, usize), Rows>,
    /// The user whose session has a transaction open: only it sees what the model has.
    open: Option<usize>,
    log: Vec<String>,
}

impl World {
    fn new() -> World {
        let fixture = Fixture::new();
        for table in &TABLES {
            fixture.run(&format!(
                "CREATE {} TABLE {} (a INT NOT NULL, b TEXT NOT NULL, v INT, s TEXT NOT NULL, \
                 PRIMARY KEY ({}))",
                table.kind, table.name, table.key
            ));
        }
        let mut world = World {
            fixture,
            sessions: Vec::new(),
            model: BTreeMap::new(),
            open: None,
            log: Vec::new(),
        };
        world.connect();
        world
    }

    fn connect(&mut self) {
        let session = |user: &&str| {
            self.fixture.database().session(user, Role::Service, None).expect("valid users")
        };
        self.sessions = USERS.iter().map(session).collect();
    }

    fn owner(table: usize, user: usize) -> (usize, usize) {
        (table, if TABLES[table].kind == "USER" { user } else { 0 })
    }

    fn expected(&mut self, table: usize, user: usize) -> &mut Rows {
        self.model.entry(World::owner(table, user)).or_default()
    }

    fn fail(&self, problem: &str) -> TestCaseError {
        TestCaseError::fail(format!("{problem}\nafter\n{};", self.log.join(";\n")))
    }

    /// Runs a write whose outcome the model knows: the rows after it and how many it
    /// affects, or `None` for a duplicate key or a row that would change twice.
    fn write(
        &mut self,
        step: &Step,
        sql: &str,
        outcome: Option<(Rows, u64)>,
    ) -> Result<(), TestCaseError> {
        self.write_returning(step, sql, outcome, None)
    }

    /// As [`World::write`], with the rows that the statement returns.
    fn write_returning(
        &mut self,
        step: &Step,
        sql: &str,
        outcome: Option<(Rows, u64)>,
        returned: Option<Vec<Row>>,
    ) -> Result<(), TestCaseError> {
        if self.open.is_some() {
            self.control(step.user, "SAVEPOINT statement")?;
        }
        let sql = match &returned {
            Some(_) => format!("{sql} RETURNING a, b, v, s"),
            None => sql.to_owned(),
        };
        let result = affected_and_rows(&self.sessions[step.user], &sql);
        self.log.push(format!("/* {} */ {sql}", USERS[step.user]));
        let result = match (result, returned, &outcome) {
            (Ok((affected, mut found)), Some(expected), Some(_)) => {
                let mut expected: Vec<Vec<String>> = expected.iter().map(Row::text).collect();
                found.sort();
                expected.sort();
                if found != expected {
                    return Err(self.fail(&format!("returned {found:?}, not {expected:?}")));
                }
                Ok(affected)
            }
            (result, ..) => result.map(|(affected, _)| affected),
        };
        if self.open.is_some() && result.is_err() {
            self.control(step.user, "ROLLBACK TO statement")?;
        }
        match (result, outcome) {
            (Ok(affected), Some((after, count))) => {
                if affected != count {
                    return Err(self.fail(&format!("affected {affected} rows, not {count}")));
                }
                *self.expected(step.table, step.user) = after;
                Ok(())
            }
            (Err(error), None) if ["23505", "21000"].contains(&error.sqlstate().as_str()) => {
                self.compare(step.table, step.user)
            }
            (Ok(affected), None) => {
                Err(self.fail(&format!("a duplicate key was accepted, {affected} rows")))
            }
            (Err(error), _) => Err(self.fail(&format!("{error:?}"))),
        }
    }

    fn query(
        &mut self,
        step: &Step,
        clause: &str,
        wanted: impl Fn(&Row) -> bool,
    ) -> Result<(), TestCaseError> {
        let sql = format!("SELECT a, b, v, s FROM {} {clause}", TABLES[step.table].name);
        let expected: Vec<Vec<String>> = self
            .expected(step.table, step.user)
            .values()
            .filter(|row| wanted(row))
            .map(Row::text)
            .collect();
        self.expect(step.user, &sql, expected)
    }

    fn expect(
        &mut self,
        user: usize,
        sql: &str,
        mut expected: Vec<Vec<String>>,
    ) -> Result<(), TestCaseError> {
        let mut found = match fixture::try_rows(&self.sessions[user], sql) {
            Ok(found) => found,
            Err(error) => return Err(self.fail(&format!("{sql}: {error:?}"))),
        };
        found.sort();
        expected.sort();
        if found == expected {
            return Ok(());
        }
        Err(self.fail(&format!("{sql} as {}: {found:?}, not {expected:?}", USERS[user])))
    }

    fn compare(&mut self, table: usize, user: usize) -> Result<(), TestCaseError> {
        let step = Step { table, user, operation: Operation::All };
        self.query(&step, "", |_| true)?;
        let count = self.expected(table, user).len().to_string();
        let sql = format!("SELECT COUNT(*) FROM {}", TABLES[table].name);
        self.expect(user, &sql, vec![vec![count]])
    }

    fn compare_all(&mut self) -> Result<(), TestCaseError> {
        for table in 0..TABLES.len() {
            for user in 0..USERS.len() {
                if self.open.is_none_or(|open| open == user) {
                    self.compare(table, user)?;
                }
            }
        }
        Ok(())
    }

    /// Runs a statement of transactions, which must succeed.
    fn control(&mut self, user: usize, sql: &str) -> Result<(), TestCaseError> {
        self.log.push(format!("/* {} */ {sql}", USERS[user]));
        match fixture::try_run(&self.sessions[user], sql) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.fail(&format!("{error:?}"))),
        }
    }

    fn transaction(
        &mut self,
        user: usize,
        parts: &[Part],
        commits: bool,
    ) -> Result<(), TestCaseError> {
        let before = self.model.clone();
        let mut savepoint = None;
        self.control(user, "BEGIN")?;
        self.open = Some(user);
        for part in parts {
            match (part, &savepoint) {
                (Part::Step(table, operation), _) => {
                    self.step(&Step { table: *table, user, operation: operation.clone() })?;
                }
                (Part::Savepoint, _) => {
                    savepoint = Some(self.model.clone());
                    self.control(user, "SAVEPOINT named")?;
                }
                (Part::RollbackTo, Some(saved)) => {
                    self.model = saved.clone();
                    self.control(user, "ROLLBACK TO named")?;
                    self.compare_all()?;
                }
                (Part::RollbackTo, None) => {}
            }
        }
        self.control(user, if commits { "COMMIT" } else { "ROLLBACK" })?;
        self.open = None;
        if !commits {
            self.model = before;
        }
        self.compare_all()
    }

    fn flush(&mut self, what: &str) -> Result<(), TestCaseError> {
        self.move_rows(format!("STORAGE FLUSH {what}"))
    }

    /// Runs what changes no row.
    fn move_rows(&mut self, sql: String) -> Result<(), TestCaseError> {
        let result = fixture::try_run(self.fixture.root(), &sql);
        self.log.push(sql);
        match result {
            Ok(_) => self.compare_all(),
            Err(error) => Err(self.fail(&format!("{error:?}"))),
        }
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let name = TABLES[step.table].name;
        let before = self.expected(step.table, step.user).clone();
        match &step.operation {
            Operation::Insert(rows) => {
                let values: Vec<String> = rows.iter().map(Row::sql).collect();
                let sql = format!("INSERT INTO {name} (a, b, v, s) VALUES {}", values.join(", "));
                let outcome = with_rows(before, step.table, rows.iter().cloned());
                self.write_returning(step, &sql, outcome, Some(rows.clone()))
            }
            Operation::Upsert(rows, updates) => self.upsert(step, rows, *updates, before),
            Operation::UpdateFrom(source, limit) => self.update_from(step, *source, *limit, before),
            Operation::MergeFrom(source, limit) => self.merge_from(step, *source, *limit, &before),
            Operation::CopyFrom(source, limit) => {
                let copied: Vec<Row> = self
                    .expected(*source, step.user)
                    .values()
                    .filter(|row| row.a < *limit)
                    .map(|row| Row { a: row.a + 3, ..row.clone() })
                    .collect();
                let sql = format!(
                    "INSERT INTO {name} SELECT a + 3, b, v, s FROM {} WHERE a < {limit}",
                    TABLES[*source].name
                );
                let outcome = with_rows(before, step.table, copied.into_iter());
                self.write(step, &sql, outcome)
            }
            Operation::DeleteIn(source, limit) => {
                let keys: Vec<i32> = self
                    .expected(*source, step.user)
                    .values()
                    .filter(|row| row.v.is_some_and(|v| v >= *limit))
                    .map(|row| row.a)
                    .collect();
                let sql = format!(
                    "DELETE FROM {name} WHERE a IN (SELECT a FROM {} WHERE v >= {limit})",
                    TABLES[*source].name
                );
                let outcome = without(before, |row| keys.contains(&row.a));
                self.write(step, &sql, outcome)
            }
            Operation::Transaction(parts, commits) => self.transaction(step.user, parts, *commits),
            Operation::Flush => self.flush(&format!("TABLE {name}")),
            Operation::FlushAll => self.flush("ALL"),
            Operation::Compact => self.move_rows(format!("STORAGE COMPACT TABLE {name}")),
            Operation::Reopen => {
                self.log.push("/* reopen */".into());
                self.sessions.clear();
                self.fixture.reopen();
                self.connect();
                self.compare_all()
            }
            Operation::All => self.compare(step.table, step.user),
            Operation::ByKey(row) => {
                let key = row.key(step.table);
                let clause = format!("WHERE {}", where_key(step.table, row));
                self.query(step, &clause, |row| row.key(step.table) == key)
            }
            Operation::Range(from, to) => {
                let clause = format!("WHERE a >= {from} AND a < {to}");
                self.query(step, &clause, |row| row.a >= *from && row.a < *to)
            }
            Operation::Count(limit) => {
                let count = before.values().filter(|row| row.v > Some(*limit)).count();
                let sql = format!("SELECT COUNT(*) FROM {name} WHERE v > {limit}");
                self.expect(step.user, &sql, vec![vec![count.to_string()]])
            }
            change => self.change(step, change, before),
        }
    }

    fn upsert(
        &mut self,
        step: &Step,
        rows: &[Row],
        updates: bool,
        mut after: Rows,
    ) -> Result<(), TestCaseError> {
        let Table { name, key, .. } = TABLES[step.table];
        let values: Vec<String> = rows.iter().map(Row::sql).collect();
        let action = match updates {
            true => format!("({key}) DO UPDATE SET v = {name}.v + 1, s = excluded.s"),
            false => "DO NOTHING".to_owned(),
        };
        let sql = format!(
            "INSERT INTO {name} (a, b, v, s) VALUES {} ON CONFLICT {action}",
            values.join(", ")
        );
        let (mut count, mut returned, mut seen) = (0, Vec::new(), BTreeSet::new());
        for row in rows {
            let key = row.key(step.table);
            let is_first = seen.insert(key.clone());
            if updates && !is_first {
                return self.write(step, &sql, None);
            }
            match after.get_mut(&key) {
                None => {
                    after.insert(key, row.clone());
                    returned.push(row.clone());
                    count += 1;
                }
                Some(old) if updates => {
                    let new = Row { v: old.v.map(|v| v + 1), s: row.s.clone(), ..old.clone() };
                    count += u64::from(new != *old);
                    returned.push(new.clone());
                    *old = new;
                }
                Some(_) => {}
            }
        }
        self.write_returning(step, &sql, Some((after, count)), Some(returned))
    }

    fn update_from(
        &mut self,
        step: &Step,
        source: usize,
        limit: i32,
        before: Rows,
    ) -> Result<(), TestCaseError> {
        let sql = format!(
            "UPDATE {} AS t SET v = x.v FROM {} AS x WHERE x.a = t.a AND x.v >= {limit}",
            TABLES[step.table].name, TABLES[source].name
        );
        let others = self.expected(source, step.user).clone();
        let mut ambiguous = false;
        let outcome = updated(before, step.table, |row| {
            let matching =
                others.values().filter(|other| other.a == row.a && other.v >= Some(limit));
            let values: BTreeSet<Option<i32>> = matching.map(|other| other.v).collect();
            ambiguous |= values.len() > 1;
            values.first().map(|v| Row { v: *v, ..row.clone() })
        });
        self.write(step, &sql, outcome.filter(|_| !ambiguous))
    }

    fn merge_from(
        &mut self,
        step: &Step,
        source: usize,
        limit: i32,
        before: &Rows,
    ) -> Result<(), TestCaseError> {
        let sql = format!(
            "MERGE INTO {} AS t USING {} AS x ON x.a = t.a AND x.b = t.b \
             WHEN MATCHED AND x.v >= {limit} THEN DELETE \
             WHEN MATCHED THEN UPDATE SET v = x.v, s = 'm' \
             WHEN NOT MATCHED AND x.v < {limit} THEN INSERT VALUES (x.a, x.b, x.v, x.s)",
            TABLES[step.table].name, TABLES[source].name
        );
        let (mut after, mut count) = (before.clone(), 0);
        for other in self.expected(source, step.user).clone().into_values() {
            let matched = before.values().find(|row| row.a == other.a && row.b == other.b);
            let high = other.v.is_some_and(|v| v >= limit);
            match matched {
                Some(row) if high => {
                    after.remove(&row.key(step.table));
                    count += 1;
                }
                Some(row) => {
                    let new = Row { v: other.v, s: "m".into(), ..row.clone() };
                    count += u64::from(new != *row);
                    after.insert(new.key(step.table), new);
                }
                None if other.v.is_some_and(|v| v < limit) => {
                    let key = other.key(step.table);
                    // A key that the statement frees is not free for it.
                    if before.contains_key(&key) || after.insert(key, other).is_some() {
                        return self.write(step, &sql, None);
                    }
                    count += 1;
                }
                None => {}
            }
        }
        self.write(step, &sql, Some((after, count)))
    }

    /// UPDATE and DELETE.
    fn change(
        &mut self,
        step: &Step,
        change: &Operation,
        before: Rows,
    ) -> Result<(), TestCaseError> {
        let table = step.table;
        let name = TABLES[table].name;
        let returned = match change {
            Operation::UpdateKey(new) => before.get(&new.key(table)).map(|row| Row {
                v: new.v,
                s: new.s.clone(),
                ..row.clone()
            }),
            Operation::DeleteKey(gone) => before.get(&gone.key(table)).cloned(),
            _ => None,
        };
        let (sql, outcome) = match change {
            Operation::UpdateKey(new) => (
                format!(
                    "UPDATE {name} SET v = {}, s = '{}' WHERE {}",
                    new.v.map_or("NULL".into(), |v| v.to_string()),
                    new.s,
                    where_key(table, new)
                ),
                updated(before, table, |row| {
                    (row.key(table) == new.key(table)).then(|| Row {
                        v: new.v,
                        s: new.s.clone(),
                        ..row.clone()
                    })
                }),
            ),
            Operation::UpdateWhere(limit) => (
                format!("UPDATE {name} SET v = v + 1 WHERE v >= {limit}"),
                updated(before, table, |row| {
                    let v = row.v.filter(|v| v >= limit)?;
                    Some(Row { v: Some(v + 1), ..row.clone() })
                }),
            ),
            Operation::ChangeText(limit, text) => (
                format!("UPDATE {name} SET s = '{text}' WHERE v <= {limit} OR v IS NULL"),
                updated(before, table, |row| {
                    row.v
                        .is_none_or(|v| v <= *limit)
                        .then(|| Row { s: text.clone(), ..row.clone() })
                }),
            ),
            Operation::Move(from, to) => (
                format!("UPDATE {name} SET a = {to} WHERE a = {from}"),
                updated(before, table, |row| {
                    (row.a == *from).then(|| Row { a: *to, ..row.clone() })
                }),
            ),
            Operation::Shift(by) => (
                format!("UPDATE {name} SET a = a + {by}"),
                updated(before, table, |row| Some(Row { a: row.a + by, ..row.clone() })),
            ),
            Operation::DeleteKey(row) => (
                format!("DELETE FROM {name} WHERE {}", where_key(table, row)),
                without(before, |other| other.key(table) == row.key(table)),
            ),
            Operation::DeleteWhere(limit) => (
                format!("DELETE FROM {name} WHERE v < {limit}"),
                without(before, |row| row.v.is_some_and(|v| v < *limit)),
            ),
            other => panic!("{other:?} changes no rows"),
        };
        let by_key = matches!(change, Operation::UpdateKey(_) | Operation::DeleteKey(_));
        self.write_returning(step, &sql, outcome, by_key.then(|| returned.into_iter().collect()))
    }
}

/// Runs a statement: rows affected, and rows returned as text.
fn affected_and_rows(
    session: &Session,
    sql: &str,
) -> Result<(u64, fixture::Rows), kalam_core::Error> {
    let result = session.execute(sql, &kalam_core::Params::None)?;
    let affected = result.rows_affected().unwrap_or(0);
    Ok((affected, render::rows(&result.collect()?)))
}

fn where_key(table: usize, row: &Row) -> String {
    match TABLES[table].key {
        "a" => format!("a = {}", row.a),
        "b" => format!("b = '{}'", row.b),
        _ => format!("a = {} AND b = '{}'", row.a, row.b),
    }
}

fn with_rows(mut rows: Rows, table: usize, new: impl Iterator<Item = Row>) -> Option<(Rows, u64)> {
    let mut count = 0;
    for row in new {
        if rows.insert(row.key(table), row).is_some() {
            return None;
        }
        count += 1;
    }
    Some((rows, count))
}

fn without(mut rows: Rows, gone: impl Fn(&Row) -> bool) -> Option<(Rows, u64)> {
    let before = rows.len();
    rows.retain(|_, row| !gone(row));
    let count = (before - rows.len()) as u64;
    Some((rows, count))
}

/// Keys are unique at the end of the statement; unchanged rows do not count.
fn updated(
    rows: Rows,
    table: usize,
    mut change: impl FnMut(&Row) -> Option<Row>,
) -> Option<(Rows, u64)> {
    let mut after = Rows::new();
    let mut count = 0;
    for row in rows.into_values() {
        let new = change(&row).unwrap_or_else(|| row.clone());
        count += u64::from(new != row);
        if after.insert(new.key(table), new).is_some() {
            return None;
        }
    }
    Some((after, count))
}

#[test]
fn random_operations_leave_what_the_map_has() {
    let cases = Cases { most: 400, time_max: Some(TIME_MAX) };
    let done = cases.test(&proptest::collection::vec(step(), 5..70), |steps| {
        let mut world = World::new();
        steps
            .iter()
            .try_for_each(|step| world.step(step))
            .and_then(|()| world.compare_all())
            .and_then(|()| world.flush("ALL"))
    });
    println!("{done} cases");
}
