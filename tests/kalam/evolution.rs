//! Random ALTERs among random writes, flushes and reopenings, against a plain model of
//! the rows: whatever the order, rows read as the table is now.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kalam_core::Session;

use crate::fixture::{self, Fixture, Rows, Seeded};

/// Time for new seeds.
const TIME_MAX: Duration = Duration::from_secs(25);
const STEPS: u64 = 70;
const USERS: [&str; 2] = ["alice", "bob"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Small,
    Int,
    Big,
    /// Ten digits before the point, this many after it.
    Decimal(u8),
    Text,
}

impl Type {
    fn sql(self) -> String {
        match self {
            Type::Small => "SMALLINT".into(),
            Type::Int => "INT".into(),
            Type::Big => "BIGINT".into(),
            Type::Decimal(scale) => format!("DECIMAL({}, {scale})", 10 + scale),
            Type::Text => "TEXT".into(),
        }
    }

    fn any(random: &mut Seeded) -> Type {
        [Type::Small, Type::Int, Type::Big, Type::Decimal(1), Type::Text][random.below(5) as usize]
    }

    fn wider(self, random: &mut Seeded) -> Option<Type> {
        let wider: &[Type] = match self {
            Type::Small => &[Type::Int, Type::Big, Type::Text],
            Type::Int => &[Type::Big, Type::Text],
            Type::Big => &[Type::Text],
            Type::Decimal(1) => &[Type::Decimal(2), Type::Decimal(3), Type::Text],
            Type::Decimal(_) | Type::Text => &[],
        };
        wider.get(random.below(wider.len().max(1) as u64) as usize).copied()
    }

    /// A value, as it is shown.
    fn value(self, random: &mut Seeded) -> String {
        let n = random.below(40);
        match self {
            Type::Small => n.to_string(),
            Type::Int => (n * 1_000).to_string(),
            Type::Big => (n * 1_000_000_000).to_string(),
            Type::Decimal(scale) => format!("{n}.{:0width$}", n % 10, width = usize::from(scale)),
            Type::Text => format!("x{n}"),
        }
    }

    /// A value of an earlier type, as it is shown in this one.
    fn widened(self, from: Type, value: &str) -> String {
        match (from, self) {
            (Type::Decimal(from), Type::Decimal(to)) => {
                format!("{value}{}", "0".repeat(usize::from(to - from)))
            }
            _ => value.to_owned(),
        }
    }

    fn literal(self, value: Option<&String>) -> String {
        match (self, value) {
            (_, None) => "NULL".into(),
            (Type::Text, Some(value)) => format!("'{value}'"),
            (_, Some(value)) => value.clone(),
        }
    }
}

#[derive(Clone, Debug)]
struct Column {
    name: String,
    data_type: Type,
    default: Option<String>,
    not_null: bool,
}

type UserRows = BTreeMap<u64, Vec<Option<String>>>;

struct World {
    fixture: Fixture,
    kind: &'static str,
    sessions: Vec<Session>,
    /// The first one is the key.
    columns: Vec<Column>,
    rows: Vec<UserRows>,
    names: u64,
    log: Vec<String>,
}

impl World {
    fn new(kind: &'static str) -> World {
        let fixture = Fixture::new();
        fixture.run("CREATE NAMESPACE copy");
        fixture.run(&format!("CREATE {kind} TABLE t (k INT PRIMARY KEY, a SMALLINT)"));
        let column = |name: &str, data_type, not_null| Column {
            name: name.into(),
            data_type,
            default: None,
            not_null,
        };
        let mut world = World {
            fixture,
            kind,
            sessions: Vec::new(),
            columns: vec![column("k", Type::Int, true), column("a", Type::Small, false)],
            rows: vec![UserRows::new(); if kind == "USER" { 2 } else { 1 }],
            names: 0,
            log: Vec::new(),
        };
        world.connect();
        world
    }

    fn connect(&mut self) {
        let session = |user: &&str| {
            let role = kalam_core::model::Role::Service;
            self.fixture.database().session(user, role, None).expect("valid users")
        };
        self.sessions = USERS.iter().map(session).collect();
    }

    fn fail(&self, problem: &str) -> ! {
        panic!("{problem}\nafter\n{};", self.log.join(";\n"))
    }

    /// Runs a statement that fails with `expected`, or succeeds if there is none.
    fn run(&mut self, user: Option<usize>, sql: &str, expected: Option<&str>) {
        self.log.push(sql.to_owned());
        let session = user.map_or(self.fixture.root(), |user| &self.sessions[user]);
        match (fixture::try_run(session, sql), expected) {
            (Ok(_), None) => {}
            (Err(e), Some(state)) if e.sqlstate().as_str() == state => {}
            (outcome, _) => self.fail(&format!("{outcome:?} instead of {expected:?}")),
        }
    }

    fn query(&self, user: usize, sql: &str) -> Rows {
        match fixture::try_rows(&self.sessions[user], sql) {
            Ok(rows) => rows,
            Err(e) => self.fail(&format!("{sql}: {e:?}")),
        }
    }

    fn new_name(&mut self, random: &mut Seeded) -> String {
        // Names of dropped and renamed columns come again.
        let free: Vec<String> = (0..8)
            .map(|n| format!("c{n}"))
            .filter(|name| self.columns.iter().all(|c| c.name != *name))
            .collect();
        self.names += 1;
        free[random.below(free.len() as u64) as usize].clone()
    }

    /// A column that is not the key.
    fn pick(&self, random: &mut Seeded) -> Option<usize> {
        let others = self.columns.len() as u64 - 1;
        (others > 0).then(|| 1 + random.below(others) as usize)
    }

    fn any_row(&self, wanted: impl Fn(&Vec<Option<String>>) -> bool) -> bool {
        self.rows.iter().flat_map(BTreeMap::values).any(wanted)
    }

    fn alter(&mut self, random: &mut Seeded) {
        match random.below(8) {
            0 | 1 if self.columns.len() < 7 => self.add_column(random),
            2 => {
                let Some(index) = self.pick(random).filter(|_| self.columns.len() > 2) else {
                    return;
                };
                let name = self.columns.remove(index).name;
                self.rows.iter_mut().flat_map(BTreeMap::values_mut).for_each(|row| {
                    row.remove(index);
                });
                self.run(None, &format!("ALTER TABLE t DROP COLUMN {name}"), None);
            }
            3 => {
                let index = random.below(self.columns.len() as u64) as usize;
                let to = self.new_name(random);
                let from = std::mem::replace(&mut self.columns[index].name, to.clone());
                self.run(None, &format!("ALTER TABLE t RENAME COLUMN {from} TO {to}"), None);
            }
            4 | 5 => self.widen(random),
            6 => {
                let Some(index) = self.pick(random) else { return };
                let Column { name, data_type, .. } = self.columns[index].clone();
                let default = (random.below(2) == 0).then(|| data_type.value(random));
                let change = match &default {
                    Some(value) => format!("SET DEFAULT {}", data_type.literal(Some(value))),
                    None => "DROP DEFAULT".to_owned(),
                };
                self.columns[index].default = default;
                self.run(None, &format!("ALTER TABLE t ALTER COLUMN {name} {change}"), None);
            }
            _ => {
                let Some(index) = self.pick(random) else { return };
                let set = random.below(3) > 0;
                let name = self.columns[index].name.clone();
                let refused = set && self.any_row(|row| row[index].is_none());
                let verb = if set { "SET" } else { "DROP" };
                let sql = format!("ALTER TABLE t ALTER COLUMN {name} {verb} NOT NULL");
                self.run(None, &sql, refused.then_some("23502"));
                if !refused {
                    self.columns[index].not_null = set;
                }
            }
        }
    }

    fn add_column(&mut self, random: &mut Seeded) {
        let name = self.new_name(random);
        let data_type = Type::any(random);
        let default = (random.below(3) > 0).then(|| data_type.value(random));
        let not_null = random.below(3) == 0;
        let mut sql = format!("ALTER TABLE t ADD COLUMN {name} {}", data_type.sql());
        if not_null {
            sql.push_str(" NOT NULL");
        }
        if default.is_some() {
            sql.push_str(&format!(" DEFAULT {}", data_type.literal(default.as_ref())));
        }
        let refused = not_null && default.is_none() && self.any_row(|_| true);
        self.run(None, &sql, refused.then_some("23502"));
        if !refused {
            let rows = self.rows.iter_mut().flat_map(BTreeMap::values_mut);
            rows.for_each(|row| row.push(default.clone()));
            self.columns.push(Column { name, data_type, default, not_null });
        }
    }

    fn widen(&mut self, random: &mut Seeded) {
        let Some(index) = self.pick(random) else { return };
        let Column { name, data_type, .. } = self.columns[index].clone();
        let Some(wider) = data_type.wider(random) else { return };
        let sql = format!("ALTER TABLE t ALTER COLUMN {name} TYPE {}", wider.sql());
        self.run(None, &sql, None);
        let widened = |value: &String| wider.widened(data_type, value);
        for row in self.rows.iter_mut().flat_map(BTreeMap::values_mut) {
            row[index] = row[index].as_ref().map(widened);
        }
        let column = &mut self.columns[index];
        column.data_type = wider;
        // A default keeps the text that it was written with.
        column.default = column.default.take();
    }

    fn insert(&mut self, user: usize, random: &mut Seeded) {
        let key = random.below(30);
        let mut names = vec![self.columns[0].name.clone()];
        let mut values = vec![key.to_string()];
        let mut row = vec![Some(key.to_string())];
        let mut refused = None;
        for column in self.columns.clone().iter().skip(1) {
            let value = match random.below(3) {
                0 => default_value(column),
                given => {
                    let value =
                        (given == 1 || column.not_null).then(|| column.data_type.value(random));
                    names.push(column.name.clone());
                    values.push(column.data_type.literal(value.as_ref()));
                    value
                }
            };
            if column.not_null && value.is_none() {
                refused = Some("23502");
            }
            row.push(value);
        }
        let taken = self.rows[user].contains_key(&key);
        let expected = refused.or(taken.then_some("23505"));
        let sql = format!("INSERT INTO t ({}) VALUES ({})", names.join(", "), values.join(", "));
        self.run(Some(user), &sql, expected);
        if expected.is_none() {
            self.rows[user].insert(key, row);
        }
    }

    fn update(&mut self, user: usize, random: &mut Seeded) {
        let Some(index) = self.pick(random) else { return };
        let Column { name, data_type, .. } = self.columns[index].clone();
        let value = data_type.value(random);
        let (low, high) = (random.below(30), random.below(30));
        let key = &self.columns[0].name;
        let sql = format!(
            "UPDATE t SET {name} = {} WHERE {key} BETWEEN {low} AND {high}",
            data_type.literal(Some(&value))
        );
        self.run(Some(user), &sql, None);
        if low <= high {
            let rows = self.rows[user].range_mut(low..=high);
            rows.for_each(|(_, row)| row[index] = Some(value.clone()));
        }
    }

    fn delete(&mut self, user: usize, random: &mut Seeded) {
        let low = random.below(30);
        let high = low + random.below(4);
        let key = &self.columns[0].name;
        let sql = format!("DELETE FROM t WHERE {key} BETWEEN {low} AND {high}");
        self.run(Some(user), &sql, None);
        self.rows[user].retain(|key, _| !(low..=high).contains(key));
    }

    /// Compares all rows, one column by its values, and what the catalog says.
    fn check(&self, user: usize, random: &mut Seeded) {
        let key = &self.columns[0].name;
        let rows: &UserRows = &self.rows[user];
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "NULL".into());
        let expected: Rows = rows.values().map(|row| row.iter().map(shown).collect()).collect();
        let found = self.query(user, &format!("SELECT * FROM t ORDER BY {key}"));
        if found != expected {
            self.fail(&format!("{found:?} instead of {expected:?}"));
        }
        let index = random.below(self.columns.len() as u64) as usize;
        let Column { name, data_type, .. } = &self.columns[index];
        let value = match rows.values().nth(random.below(rows.len().max(1) as u64) as usize) {
            Some(row) => row[index].clone(),
            None => Some(data_type.value(random)),
        };
        let condition = match &value {
            Some(_) => format!("{name} = {}", data_type.literal(value.as_ref())),
            None => format!("{name} IS NULL"),
        };
        let sql = format!("SELECT {key}, {name} FROM t WHERE {condition} ORDER BY {key}");
        let expected: Rows = rows
            .values()
            .filter(|row| row[index] == value)
            .map(|row| vec![shown(&row[0]), shown(&row[index])])
            .collect();
        let found = self.query(user, &sql);
        if found != expected {
            self.fail(&format!("{sql}: {found:?} instead of {expected:?}"));
        }
        if let Some(key_value) = rows.keys().next() {
            let sql = format!("SELECT {name} FROM t WHERE {key} = {key_value}");
            let found = self.query(user, &sql);
            if found != [[shown(&rows[key_value][index])]] {
                self.fail(&format!("{sql}: {found:?}"));
            }
        }
        let counted = rows.values().filter(|row| row[index].is_some()).count();
        let found = self.query(user, &format!("SELECT COUNT({name}), COUNT(*) FROM t"));
        if found != [[counted.to_string(), rows.len().to_string()]] {
            self.fail(&format!("COUNT({name}) is {found:?}, not {counted} of {}", rows.len()));
        }
    }

    /// DESCRIBE, information_schema, system.columns, SHOW CREATE TABLE and `SELECT *` tell of
    /// one table.
    fn check_catalog(&self) {
        let root = self.fixture.root();
        let described = fixture::rows(root, "DESCRIBE t");
        let names: Vec<&String> = self.columns.iter().map(|c| &c.name).collect();
        let types: Vec<String> = self.columns.iter().map(|c| c.data_type.sql()).collect();
        assert!(described.iter().map(|row| &row[1]).eq(names.iter().copied()), "{described:?}");
        assert!(described.iter().map(|row| &row[2]).eq(&types), "{described:?}");
        let standard = fixture::rows(
            root,
            "SELECT ordinal_position, column_name, kalam_type, is_nullable FROM \
             information_schema.columns WHERE table_name = 't' AND table_schema = 'default' \
             ORDER BY ordinal_position",
        );
        for (row, described) in standard.iter().zip(&described) {
            let nullable = if described[3] == "true" { "YES" } else { "NO" };
            assert_eq!(row[..3], described[..3]);
            assert_eq!(row[3], nullable);
        }
        let listed = fixture::rows(
            root,
            "SELECT ordinal, column_name, type, nullable, key, \"default\", comment FROM \
             system.columns WHERE table_name = 't' AND namespace = 'default' ORDER BY ordinal",
        );
        assert_eq!(listed, described);
        let result = self.sessions[0].execute("SELECT * FROM t", &kalam_core::Params::None);
        let schema = result.expect("it can be read").schema();
        assert!(schema.fields().iter().map(|f| f.name()).eq(names.iter().copied()));
        let create = fixture::rows(root, "SHOW CREATE TABLE t")[0][1].clone();
        let copy = create.replacen("default.t", "copy.t", 1);
        assert!(copy.starts_with(&format!("CREATE {} TABLE copy.t", self.kind)), "{create}");
        fixture::run(root, &copy);
        let without_place = |rows: Rows| -> Rows { rows.iter().map(|r| r[1..].to_vec()).collect() };
        let copied = fixture::rows(root, "DESCRIBE copy.t");
        assert_eq!(without_place(copied), without_place(described), "{create}");
        fixture::run(root, "DROP TABLE copy.t");
    }
}

fn default_value(column: &Column) -> Option<String> {
    // A default is written in an earlier type, and shown in the present one.
    let value = column.default.clone()?;
    let Type::Decimal(scale) = column.data_type else { return Some(value) };
    let digits = value.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    Some(format!("{value}{}", "0".repeat(usize::from(scale) - digits)))
}

fn run_seed(seed: u64) {
    let mut random = Seeded(seed);
    let mut world = World::new(if seed.is_multiple_of(2) { "USER" } else { "SHARED" });
    for _ in 0..STEPS {
        let user = random.below(world.rows.len() as u64) as usize;
        match random.below(16) {
            0..=3 => world.alter(&mut random),
            4..=7 => world.insert(user, &mut random),
            8..=9 => world.update(user, &mut random),
            10 => world.delete(user, &mut random),
            11..=12 => world.run(None, "STORAGE FLUSH TABLE t", None),
            13 if random.below(3) == 0 => {
                world.log.push("-- reopened".into());
                world.sessions.clear();
                world.fixture.reopen();
                world.connect();
            }
            _ => world.check(user, &mut random),
        }
    }
    for user in 0..world.rows.len() {
        world.check(user, &mut random);
    }
    world.check_catalog();
}

#[test]
fn rows_read_as_the_table_is_now_whatever_happened_to_it() {
    let begin = Instant::now();
    let mut seeds = 0;
    for seed in 1..=200 {
        if begin.elapsed() > TIME_MAX {
            break;
        }
        run_seed(seed);
        seeds += 1;
    }
    println!("{seeds} tables altered");
    assert!(seeds > 3, "the machine hardly works");
}
