//! Predicates made at random.

use super::schema::{Class, Schema, integer, real, text};
use crate::fixture::Seeded;

/// A source of predicates over the table `t` and, if `joined`, `u`.
pub struct Predicates<'a> {
    pub schema: &'a Schema,
    pub random: &'a mut Seeded,
    pub joined: bool,
}

impl Predicates<'_> {
    fn column(&mut self, class: Class) -> String {
        let columns = self.schema.of(class, self.joined);
        columns[self.random.below(columns.len() as u64) as usize].to_owned()
    }

    fn number(&mut self, depth: u32) -> String {
        let choice = self.random.below(if depth == 0 { 5 } else { 10 });
        match choice {
            0 | 1 => self.column(Class::Integer),
            2 => self.column(Class::Real),
            3 => integer(self.random),
            4 => real(self.random),
            5 => format!("({} + {})", self.number(depth - 1), self.number(depth - 1)),
            6 => format!("({} - {})", self.number(depth - 1), integer(self.random)),
            7 => format!("ABS({})", self.number(depth - 1)),
            8 => format!("COALESCE({}, {})", self.number(depth - 1), self.number(depth - 1)),
            _ => format!(
                "(CASE WHEN {} THEN {} ELSE {} END)",
                self.predicate(depth - 1),
                self.number(depth - 1),
                self.number(depth - 1)
            ),
        }
    }

    fn text(&mut self, depth: u32) -> String {
        match self.random.below(if depth == 0 { 3 } else { 6 }) {
            0 | 1 => self.column(Class::Text),
            2 => text(self.random),
            3 => format!("UPPER({})", self.text(depth - 1)),
            4 => format!("SUBSTR({}, 1, 2)", self.text(depth - 1)),
            _ => format!("({} || {})", self.text(depth - 1), self.text(depth - 1)),
        }
    }

    fn date(&mut self) -> String {
        match self.random.below(3) {
            0 => "DATE '2000-01-01'".into(),
            _ => self.column(Class::Date),
        }
    }

    /// A predicate of at most so many levels.
    pub fn predicate(&mut self, depth: u32) -> String {
        let choice = self.random.below(if depth == 0 { 10 } else { 15 });
        let comparison = ["=", "<>", "<", "<=", ">", ">="][self.random.below(6) as usize];
        let below = depth.saturating_sub(1);
        let negated = ["", "NOT "][self.random.below(2) as usize];
        match choice {
            0 | 1 => format!("({} {comparison} {})", self.number(below), self.number(below)),
            2 => format!("({} {comparison} {})", self.text(below), self.text(below)),
            3 => format!("({} IS {negated}NULL)", self.number(below)),
            4 => format!("({} {negated}LIKE {})", self.text(below), text(self.random)),
            5 => {
                let items: Vec<String> = (0..3).map(|_| integer(self.random)).collect();
                format!("({} {negated}IN ({}))", self.number(below), items.join(", "))
            }
            6 => {
                let (low, high) = (integer(self.random), integer(self.random));
                format!("({} {negated}BETWEEN {low} AND {high})", self.number(below))
            }
            7 => self.column(Class::Flag),
            8 => format!("({} {comparison} {})", self.date(), self.date()),
            9 => format!("({} {comparison} {})", self.column(Class::Integer), integer(self.random)),
            10 => format!("(NOT {})", self.predicate(below)),
            11 => format!("({} AND {})", self.predicate(below), self.predicate(below)),
            12 => format!("({} OR {})", self.predicate(below), self.predicate(below)),
            13 => format!(
                "({} IN ({}))",
                self.text(below),
                ["'a', 'B'", "'', 'ab', NULL"][self.random.below(2) as usize]
            ),
            _ => format!(
                "({} IS {negated}DISTINCT FROM {})",
                self.predicate(below),
                self.predicate(below)
            ),
        }
    }
}
