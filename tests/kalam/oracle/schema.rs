//! Tables, rows and changes made at random, and the states that the same rows can be in.

use crate::fixture::{Fixture, Seeded};

/// Rows of each table.
const ROWS: u64 = 40;

/// What a column can be compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Integer,
    Real,
    Text,
    Flag,
    Date,
}

/// Types of columns that are made, and their class.
const TYPES: [(&str, Class); 10] = [
    ("SMALLINT", Class::Integer),
    ("INT", Class::Integer),
    ("BIGINT", Class::Integer),
    ("FLOAT", Class::Real),
    ("DOUBLE", Class::Real),
    ("DECIMAL(9, 2)", Class::Real),
    ("TEXT", Class::Text),
    ("TEXT", Class::Text),
    ("BOOLEAN", Class::Flag),
    ("DATE", Class::Date),
];

/// A column, by its name with that of its table.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub class: Class,
}

/// Two tables `t` and `u`, and the statements that fill them.
pub struct Schema {
    definitions: Vec<String>,
    writes: Vec<String>,
    pub columns: Vec<Column>,
}

impl Schema {
    pub fn new(random: &mut Seeded) -> Schema {
        let mut schema =
            Schema { definitions: Vec::new(), writes: Vec::new(), columns: Vec::new() };
        schema.table(random, "t");
        schema.table(random, "u");
        schema
    }

    /// A table with an integer `k`, one column of each class that predicates need, and a
    /// few more. Its primary key is `k`, `k` with a text, a text, or hidden.
    fn table(&mut self, random: &mut Seeded, table: &str) {
        let needed = [2, 4, 6, 8, 9];
        let more = (0..random.below(4)).map(|_| random.below(TYPES.len() as u64) as usize);
        let types: Vec<(&str, Class)> = needed.into_iter().chain(more).map(|i| TYPES[i]).collect();
        let mut columns = vec!["k INT".to_owned()];
        self.columns.push(Column { name: format!("{table}.k"), class: Class::Integer });
        for (index, (type_name, class)) in types.iter().enumerate() {
            columns.push(format!("c{index} {type_name}"));
            self.columns.push(Column { name: format!("{table}.c{index}"), class: *class });
        }
        // Whether `k` alone tells rows apart.
        let (key, by_k) = match random.below(5) {
            0 => ("p TEXT PRIMARY KEY", false),
            1 => ("p TEXT, PRIMARY KEY (k, p)", true),
            2 => ("p TEXT, PRIMARY KEY (p, k)", true),
            3 => ("p TEXT", false),
            _ => ("p TEXT, PRIMARY KEY (k)", true),
        };
        self.columns.push(Column { name: format!("{table}.p"), class: Class::Text });
        self.definitions.push(format!("CREATE TABLE {table} ({}, {key})", columns.join(", ")));
        for row in 0..ROWS {
            let k = if by_k { row } else { random.below(ROWS / 2) };
            let values: Vec<String> =
                types.iter().map(|(_, class)| value(random, *class)).collect();
            let values = values.join(", ");
            self.writes.push(format!("INSERT INTO {table} VALUES ({k}, {values}, 'p{row}')"));
        }
        for _ in 0..ROWS / 6 {
            let (k, other) = (random.below(ROWS), random.below(ROWS));
            let index = random.below(types.len() as u64) as usize;
            let new = value(random, types[index].1);
            self.writes.push(format!("UPDATE {table} SET c{index} = {new} WHERE k = {k}"));
            self.writes.push(format!("DELETE FROM {table} WHERE k = {other}"));
        }
    }

    /// Columns of one class.
    pub fn of(&self, class: Class, joined: bool) -> Vec<&str> {
        let is_there = |column: &&Column| joined || column.name.starts_with("t.");
        let columns = self.columns.iter().filter(|column| column.class == class).filter(is_there);
        columns.map(|column| column.name.as_str()).collect()
    }

    /// Databases that were written to by the same statements, in every state of data.
    pub fn states(&self) -> Vec<(&'static str, Fixture)> {
        let names = ["hot", "half flushed", "flushed", "compacted", "reopened"];
        names.map(|name| (name, self.state(name))).into()
    }

    fn state(&self, name: &str) -> Fixture {
        let mut fixture = Fixture::new();
        for sql in &self.definitions {
            fixture.run(sql);
        }
        let flush_every = match name {
            "half flushed" => self.writes.len() / 2 + 1,
            "compacted" => self.writes.len() / 3,
            _ => usize::MAX,
        };
        for (number, sql) in (1..).zip(&self.writes) {
            fixture.run(sql);
            if number % flush_every == 0 {
                fixture.run("STORAGE FLUSH ALL");
            }
        }
        if !["hot", "half flushed"].contains(&name) {
            fixture.run("STORAGE FLUSH ALL");
        }
        if name == "compacted" {
            fixture.run("STORAGE COMPACT ALL");
        }
        if name == "reopened" {
            fixture.reopen();
        }
        fixture
    }
}

fn value(random: &mut Seeded, class: Class) -> String {
    match class {
        Class::Integer => integer(random),
        Class::Real => real(random),
        Class::Text => text(random),
        Class::Flag => ["TRUE", "FALSE", "NULL"][random.below(3) as usize].into(),
        Class::Date => ["NULL", "'2024-02-29'", "'1969-12-31'"][random.below(3) as usize].into(),
    }
}

pub fn integer(random: &mut Seeded) -> String {
    match random.below(8) {
        0 => "NULL".into(),
        1 => "0".into(),
        n => (random.below(20) as i64 - 5 + n as i64).to_string(),
    }
}

/// A number that every type of its class holds exactly.
pub fn real(random: &mut Seeded) -> String {
    match random.below(8) {
        0 => "NULL".into(),
        1 => "-0.5".into(),
        _ => format!("{}.25", random.below(30)),
    }
}

pub fn text(random: &mut Seeded) -> String {
    ["NULL", "''", "'a'", "'ab'", "'B'", "'a%'", "'ä'", "'10'"][random.below(8) as usize].into()
}
