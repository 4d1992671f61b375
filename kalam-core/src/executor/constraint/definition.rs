//! The constraints of CREATE TABLE, with the names that PostgreSQL gives them.

use std::collections::HashSet;

use super::check_expression::CheckExpression;
use crate::catalog::{CheckConstraint, ColumnDefinition, UniqueConstraint};
use crate::executor::define_table::can_be_key;
use crate::executor::statement::{CheckClause, UniqueClause};
use crate::model::{ConstraintId, Name, TableKind, TableName};
use crate::{Error, Position, Result, SqlState};

/// The constraints of a table.
#[derive(Default)]
pub(crate) struct Constraints {
    pub(crate) checks: Vec<CheckConstraint>,
    pub(crate) uniques: Vec<UniqueConstraint>,
    /// The last id that was given away.
    pub(crate) last_id: ConstraintId,
}

/// Adds constraints to those of a table, as they are written. What a condition means
/// is for [`compile_checks`](super::compile_checks).
///
/// # Errors
/// `42710` for a name that the table has already, `42703` for unknown columns, `42P16`
/// for columns that cannot be unique, `0A000` for UNIQUE in STREAM tables, and what
/// conditions get wrong.
pub(crate) fn define_constraints(
    table: (&TableName, TableKind),
    columns: &[ColumnDefinition],
    checks: &[CheckClause],
    uniques: &[UniqueClause],
    mut known: Constraints,
) -> Result<Constraints> {
    let mut names = ConstraintNames::new(table.0, &known);
    for clause in checks.iter().filter_map(|c| c.name.as_ref()) {
        names.take(&clause.0, clause.1)?;
    }
    for clause in uniques.iter().filter_map(|c| c.name.as_ref()) {
        names.take(&clause.0, clause.1)?;
    }
    for clause in checks {
        let at = |e: Error| e.with_position(clause.position);
        let expression = CheckExpression::new(&clause.expr, table.0).map_err(at)?;
        let name = match (&clause.name, expression.columns.as_slice()) {
            (Some((name, place)), _) => given(name, *place)?,
            (None, [column]) => names.generate(&[column], "check")?,
            (None, _) => names.generate(&[], "check")?,
        };
        known.checks.push(CheckConstraint { name, expression: expression.text });
    }
    // PostgreSQL checks them by name.
    known.checks.sort_by(|a, b| a.name.cmp(&b.name));
    for clause in uniques {
        let columns = unique_columns(clause, table, columns)?;
        let name = match &clause.name {
            Some((name, place)) => given(name, *place)?,
            None => {
                let columns: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
                names.generate(&columns, "key")?
            }
        };
        known.last_id = ConstraintId(known.last_id.get() + 1);
        known.uniques.push(UniqueConstraint {
            id: known.last_id,
            name,
            columns: columns.iter().map(|c| c.id).collect(),
        });
    }
    Ok(known)
}

fn given(name: &str, place: Position) -> Result<Name> {
    Name::new("constraint", name).map_err(|e| e.with_position(place))
}

fn unique_columns<'a>(
    clause: &UniqueClause,
    (table, kind): (&TableName, TableKind),
    columns: &'a [ColumnDefinition],
) -> Result<Vec<&'a ColumnDefinition>> {
    if kind == TableKind::Stream {
        return Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("UNIQUE in STREAM table \"{table}\" is not supported"),
        )
        .with_position(clause.position));
    }
    let invalid = |message: String, place: Position| {
        Error::new(SqlState::INVALID_TABLE_DEFINITION, message).with_position(place)
    };
    let mut found: Vec<&ColumnDefinition> = Vec::with_capacity(clause.columns.len());
    for (name, place) in &clause.columns {
        let column = columns.iter().find(|c| c.name.as_str() == name).ok_or_else(|| {
            Error::new(
                SqlState::UNDEFINED_COLUMN,
                format!("column \"{name}\" of a UNIQUE constraint does not exist"),
            )
            .with_position(*place)
        })?;
        if found.iter().any(|known| known.id == column.id) {
            return Err(invalid(format!("column \"{name}\" is in the constraint twice"), *place));
        }
        if !can_be_key(&column.data_type) {
            return Err(invalid(
                format!("column \"{name}\" of type {} cannot be UNIQUE", column.data_type),
                *place,
            )
            .with_hint("unique columns are numbers, texts, bytes, dates, times, BOOLEAN or UUID"));
        }
        found.push(column);
    }
    Ok(found)
}

/// The names of a table's constraints, that of its key included.
struct ConstraintNames<'a> {
    table: &'a str,
    taken: HashSet<String>,
}

impl<'a> ConstraintNames<'a> {
    fn new(table: &'a TableName, known: &Constraints) -> ConstraintNames<'a> {
        let table = table.table.as_str();
        let checks = known.checks.iter().map(|c| c.name.to_string());
        let uniques = known.uniques.iter().map(|c| c.name.to_string());
        let taken = checks.chain(uniques).chain([format!("{table}_pkey")]).collect();
        ConstraintNames { table, taken }
    }

    fn take(&mut self, name: &str, place: Position) -> Result<()> {
        if self.taken.insert(name.to_owned()) {
            return Ok(());
        }
        Err(Error::new(
            SqlState::DUPLICATE_OBJECT,
            format!("constraint \"{name}\" of table \"{}\" exists already", self.table),
        )
        .with_position(place))
    }

    /// `table_column_suffix`, with a number if that is taken.
    ///
    /// Source: PostgreSQL, `ChooseConstraintName`.
    fn generate(&mut self, columns: &[&str], suffix: &str) -> Result<Name> {
        let mut parts = vec![self.table];
        parts.extend(columns);
        let stem = parts.join("_");
        let mut number = String::new();
        loop {
            let end = format!("_{suffix}{number}");
            let room = Name::CHARS_MAX - end.chars().count();
            let name = format!("{}{end}", stem.chars().take(room).collect::<String>());
            if self.taken.insert(name.clone()) {
                return Name::new("constraint", &name);
            }
            number = (number.parse().unwrap_or(0) + 1).to_string();
        }
    }
}
