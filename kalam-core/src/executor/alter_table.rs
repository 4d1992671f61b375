//! ALTER TABLE to the next definition of a table: every rule that needs no rows.
//!
//! Rows and files that are there stay as they are. What the new definition says about
//! them beyond what the old one said is a [`Promise`], which the statement has to make
//! sure of before it commits.

use std::collections::BTreeSet;

use datafusion::sql::sqlparser::ast::DataType;

use super::constraint::{Constraints, check_columns, define_constraints, renamed_check};
use super::define_table::{SYSTEM_COLUMNS, column_default, define_column};
use super::describe::written_type;
use super::functions::DefaultContext;
use super::handlers::dml::undefined_column_of;
use super::limits::{self, COLUMNS_MAX};
use super::statement::{
    AlterAction, CheckClause, ColumnChange, ColumnName, ColumnSpec, TableOption, UniqueClause,
};
use super::table_options::alter_options;
use super::type_name::{is_serial, kalam_type};
use crate::catalog::{ColumnDefinition, DefaultValue, TableDefinition, initial_value};
use crate::model::{ColumnId, ConstraintId, KalamDataType, Name, SchemaVersion, TableName, assign};
use crate::store::stored_value;
use crate::{Error, Position, Result, SqlState};

/// The next definition of a table.
pub(crate) struct Altered {
    pub(crate) definition: TableDefinition,
    /// What has to hold of the rows that are there.
    pub(crate) promises: Vec<Promise>,
    /// Constraints that nobody looked at for the rows that are there.
    pub(crate) constraints: Vec<NewConstraint>,
    /// Columns that go together with the views that use them.
    pub(crate) cascade: BTreeSet<ColumnId>,
}

/// What a new definition says of every live row, whoever owns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
    /// This column, of the definition before, is not NULL.
    NotNull(String),
    /// There is none: this new column is NOT NULL and has no value for them.
    NoRowsWithout(String),
    /// There is none: this new column has this default, which is another value for each.
    NoRowsWithOwn(String, String),
}

/// A constraint of a new definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NewConstraint {
    /// A CHECK of this name.
    Check(Name),
    /// A UNIQUE constraint, which needs an entry for each row.
    Unique(ConstraintId),
}

/// Applies the actions of one statement; `None` if they change nothing.
///
/// # Errors
/// `42701`, `42703`, `42P16`, `0A000` for what would not keep the rows as they are, and
/// the codes of [`define_table`](super::define_table::define_table).
pub(crate) fn alter_table(
    before: &TableDefinition,
    actions: &[AlterAction],
    context: &DefaultContext<'_>,
) -> Result<Option<Altered>> {
    let mut alteration = Alteration {
        before,
        after: before.clone(),
        promises: Vec::new(),
        constraints: Vec::new(),
        cascade: BTreeSet::new(),
        changes: Vec::new(),
        context,
    };
    // As in PostgreSQL: whatever the order of the text, columns go before others come.
    let mut ordered: Vec<&AlterAction> = actions.iter().collect();
    ordered.sort_by_key(|action| pass(action));
    for action in ordered {
        alteration.apply(action)?;
    }
    alteration.finish()
}

fn pass(action: &AlterAction) -> u8 {
    match action {
        AlterAction::DropConstraint { .. } | AlterAction::DropColumn { .. } => 0,
        AlterAction::AlterColumn { change: ColumnChange::Type(..), .. } => 1,
        AlterAction::AddColumn { .. } => 2,
        _ => 3,
    }
}

struct Alteration<'a> {
    before: &'a TableDefinition,
    after: TableDefinition,
    promises: Vec<Promise>,
    constraints: Vec<NewConstraint>,
    cascade: BTreeSet<ColumnId>,
    /// What the history says, one text for each action.
    changes: Vec<String>,
    context: &'a DefaultContext<'a>,
}

impl Alteration<'_> {
    fn apply(&mut self, action: &AlterAction) -> Result<()> {
        match action {
            AlterAction::AddColumn { if_not_exists, column } => {
                if *if_not_exists && self.after.column(&column.name).is_some() {
                    return Ok(());
                }
                self.add_column(column)
            }
            AlterAction::DropColumn { if_exists, column, cascade } => {
                if *if_exists && self.after.column(&column.0).is_none() {
                    return Ok(());
                }
                let dropped = self.drop_column(column)?;
                if *cascade {
                    self.cascade.insert(dropped);
                }
                Ok(())
            }
            AlterAction::AddCheck(clause) => {
                self.add_constraints(std::slice::from_ref(&**clause), &[])
            }
            AlterAction::AddUnique(clause) => {
                self.add_constraints(&[], std::slice::from_ref(clause))
            }
            AlterAction::RenameConstraint { from, to } => self.rename_constraint(from, to),
            AlterAction::DropConstraint { if_exists, name } => {
                self.drop_constraint(*if_exists, name)
            }
            AlterAction::RenameColumn { from, to } => self.rename_column(from, to),
            AlterAction::AlterColumn { column, change } => self.alter_column(column, change),
            AlterAction::SetOptions(options) => self.set_options(options),
            AlterAction::RenameTo(name) => self.rename_table(name),
            AlterAction::Comment(comment) => {
                self.after.comment.clone_from(comment);
                self.changes.push("comment on the table".to_owned());
                Ok(())
            }
        }
    }

    fn set_options(&mut self, options: &[TableOption]) -> Result<()> {
        alter_options(&mut self.after.options, self.after.kind, options)?;
        let names: Vec<&str> = options.iter().map(|option| option.name.as_str()).collect();
        self.changes.push(format!("set {}", names.join(", ")));
        Ok(())
    }

    fn rename_table(&mut self, (name, place): &(String, Position)) -> Result<()> {
        let table = Name::new("table", name).map_err(|e| e.with_position(*place))?;
        let namespace = self.after.name.namespace.clone();
        self.changes.push(format!("rename table \"{}\" to \"{table}\"", self.after.name.table));
        self.after.name = TableName { namespace, table };
        if self.after.name == self.before.name {
            return Err(Error::new(
                SqlState::DUPLICATE_TABLE,
                format!("table \"{}\" has this name already", self.before.name),
            )
            .with_position(*place));
        }
        Ok(())
    }

    fn finish(self) -> Result<Option<Altered>> {
        let Alteration {
            before,
            after: mut definition,
            promises,
            constraints,
            cascade,
            changes,
            context,
        } = self;
        if definition == *before {
            return Ok(None);
        }
        let next = before.version.get().checked_add(1).ok_or_else(|| {
            limits::exceeded(format!("table \"{}\" has too many schema versions", before.name))
                .with_hint("create a new table and INSERT .. SELECT the rows")
        })?;
        definition.version = SchemaVersion(next);
        definition.note_version(changes.join(", "), context.now_us / 1000);
        Ok(Some(Altered { definition, promises, constraints, cascade }))
    }

    fn add_column(&mut self, spec: &ColumnSpec) -> Result<()> {
        self.refuse_taken(&spec.name, spec.position, None)?;
        if spec.primary_key {
            return Err(unsupported("the primary key of a table cannot change")
                .with_hint("create a table with the other key and INSERT .. SELECT the rows")
                .with_position(spec.position));
        }
        if self.after.columns.len() >= COLUMNS_MAX {
            return Err(limits::exceeded(format!("table has more than {COLUMNS_MAX} columns"))
                .with_position(spec.position));
        }
        let id = self.after.next_column_id;
        let mut column = define_column(spec, id.get())?;
        self.set_initial(&mut column)?;
        self.changes.push(format!("add column \"{}\"", column.name));
        self.after.next_column_id = ColumnId(id.get().saturating_add(1));
        self.after.columns.push(column);
        self.add_constraints(&spec.checks, &spec.uniques)
    }

    fn add_constraints(&mut self, checks: &[CheckClause], uniques: &[UniqueClause]) -> Result<()> {
        let known = Constraints {
            checks: std::mem::take(&mut self.after.checks),
            uniques: std::mem::take(&mut self.after.uniques),
            last_id: self.after.last_constraint_id,
        };
        let names = |known: &Constraints| -> Vec<Name> {
            known.checks.iter().map(|check| check.name.clone()).collect()
        };
        let (before, last) = (names(&known), known.last_id);
        let table = (&self.after.name, self.after.kind);
        let all = define_constraints(table, &self.after.columns, checks, uniques, known)?;
        for name in names(&all).into_iter().filter(|name| !before.contains(name)) {
            self.changes.push(format!("add constraint \"{name}\""));
            self.constraints.push(NewConstraint::Check(name));
        }
        for unique in all.uniques.iter().filter(|unique| unique.id > last) {
            self.changes.push(format!("add constraint \"{}\"", unique.name));
            self.constraints.push(NewConstraint::Unique(unique.id));
        }
        self.after.checks = all.checks;
        self.after.uniques = all.uniques;
        self.after.last_constraint_id = all.last_id;
        Ok(())
    }

    fn rename_constraint(&mut self, from: &ColumnName, (to, place): &ColumnName) -> Result<()> {
        let at = |e: Error| e.with_position(*place);
        let name = Name::new("constraint", to).map_err(at)?;
        let checks = self.after.checks.iter().map(|check| &check.name);
        let mut taken = checks.chain(self.after.uniques.iter().map(|unique| &unique.name));
        if taken.any(|known| known == &name) || *to == self.key_name() {
            return Err(at(Error::new(
                SqlState::DUPLICATE_OBJECT,
                format!("constraint \"{to}\" of table \"{}\" exists already", self.before.name),
            )));
        }
        let checks = self.after.checks.iter_mut().map(|check| &mut check.name);
        let mut all = checks.chain(self.after.uniques.iter_mut().map(|unique| &mut unique.name));
        let Some(found) = all.find(|known| known.as_str() == from.0) else {
            return Err(self.undefined_constraint(from));
        };
        *found = name;
        self.after.checks.sort_by(|a, b| a.name.cmp(&b.name));
        self.changes.push(format!("rename constraint \"{}\" to \"{to}\"", from.0));
        Ok(())
    }

    /// The name of the constraint that is the primary key.
    fn key_name(&self) -> String {
        format!("{}_pkey", self.before.name.table)
    }

    fn undefined_constraint(&self, (name, place): &ColumnName) -> Error {
        Error::new(
            SqlState::UNDEFINED_OBJECT,
            format!("constraint \"{name}\" of table \"{}\" does not exist", self.before.name),
        )
        .with_position(*place)
    }

    /// The value that the rows show that are there.
    fn set_initial(&mut self, column: &mut ColumnDefinition) -> Result<()> {
        if let Some(default) = &column.default {
            let value = DefaultValue::parse(&default.expression)?;
            if value.is_per_row() {
                // Rows that were deleted before show NULL.
                column.once_nullable = true;
                self.promises.push(Promise::NoRowsWithOwn(
                    column.name.to_string(),
                    default.expression.clone(),
                ));
                return Ok(());
            }
            let value = assign(column, &value.array(1, self.context)?)?;
            column.initial = stored_value(&column.data_type, &value)?;
        }
        if column.initial.is_none() && !column.nullable {
            column.once_nullable = true;
            self.promises.push(Promise::NoRowsWithout(column.name.to_string()));
        }
        Ok(())
    }

    /// Drops a column and, as PostgreSQL does, the constraints that name it.
    fn drop_column(&mut self, column: &ColumnName) -> Result<ColumnId> {
        let position = self.find(column)?;
        let id = self.after.columns[position].id;
        self.refuse_key(id, "dropped").map_err(|e| e.with_position(column.1))?;
        if self.after.columns.len() == 1 {
            return Err(Error::new(
                SqlState::INVALID_TABLE_DEFINITION,
                format!(
                    "column \"{}\" is the last one of table \"{}\"",
                    column.0, self.before.name
                ),
            )
            .with_hint("drop the table, or add another column first")
            .with_position(column.1));
        }
        self.after.uniques.retain(|unique| !unique.columns.contains(&id));
        let mut checks = Vec::with_capacity(self.after.checks.len());
        for check in std::mem::take(&mut self.after.checks) {
            if !check_columns(&check.expression)?.contains(&column.0) {
                checks.push(check);
            }
        }
        self.after.checks = checks;
        self.after.columns.remove(position);
        self.changes.push(format!("drop column \"{}\"", column.0));
        Ok(id)
    }

    fn drop_constraint(&mut self, if_exists: bool, named: &ColumnName) -> Result<()> {
        let (name, place) = named;
        let known = self.after.checks.len() + self.after.uniques.len();
        self.after.checks.retain(|check| check.name.as_str() != name);
        self.after.uniques.retain(|unique| unique.name.as_str() != name);
        if self.after.checks.len() + self.after.uniques.len() < known {
            self.changes.push(format!("drop constraint \"{name}\""));
            return Ok(());
        }
        if !self.after.primary_key.is_empty() && *name == self.key_name() {
            return Err(unsupported("the primary key of a table cannot change")
                .with_hint("create a table with the other key and INSERT .. SELECT the rows")
                .with_position(*place));
        }
        if if_exists { Ok(()) } else { Err(self.undefined_constraint(named)) }
    }

    fn rename_column(&mut self, from: &ColumnName, (to, place): &ColumnName) -> Result<()> {
        let position = self.find(from)?;
        let at = |e: Error| e.with_position(*place);
        if SYSTEM_COLUMNS.contains(&to.to_lowercase().as_str()) {
            let message = format!("column name \"{to}\" is a system column");
            return Err(at(Error::new(SqlState::INVALID_NAME, message)));
        }
        let name = Name::new("column", to).map_err(at)?;
        self.refuse_taken(to, *place, (*to != from.0).then_some(position))?;
        self.after.columns[position].name = name;
        for check in &mut self.after.checks {
            check.expression = renamed_check(&check.expression, &from.0, to)?;
        }
        self.changes.push(format!("rename column \"{}\" to \"{to}\"", from.0));
        Ok(())
    }

    fn alter_column(&mut self, column: &ColumnName, change: &ColumnChange) -> Result<()> {
        let position = self.find(column)?;
        let name = &column.0;
        let at = |e: Error| e.with_position(column.1);
        match change {
            ColumnChange::Type(written, place) => self
                .change_type(position, written)
                .map_err(|e| if e.position().is_none() { e.with_position(*place) } else { e })?,
            ColumnChange::SetDefault(expr, place) => {
                let definition = &mut self.after.columns[position];
                definition.default = Some(column_default(expr, *place, definition)?);
                self.changes.push(format!("set default of column \"{name}\""));
            }
            ColumnChange::DropDefault => {
                self.after.columns[position].default = None;
                self.changes.push(format!("drop default of column \"{name}\""));
            }
            ColumnChange::SetNotNull => self.set_not_null(position),
            ColumnChange::DropNotNull => {
                let id = self.after.columns[position].id;
                if self.after.primary_key.contains(&id) {
                    let message = format!("column \"{name}\" is in the primary key");
                    return Err(at(Error::new(SqlState::INVALID_TABLE_DEFINITION, message)));
                }
                self.after.columns[position].nullable = true;
                self.changes.push(format!("drop NOT NULL of column \"{name}\""));
            }
            ColumnChange::Comment(comment) => {
                self.after.columns[position].comment.clone_from(comment);
                self.changes.push(format!("comment on column \"{name}\""));
            }
        }
        Ok(())
    }

    fn set_not_null(&mut self, position: usize) {
        let column = &mut self.after.columns[position];
        if !column.nullable {
            return;
        }
        column.nullable = false;
        // Nobody can change deleted rows, so they are not asked.
        column.once_nullable = true;
        let name = column.name.to_string();
        self.changes.push(format!("set NOT NULL of column \"{name}\""));
        if self.before.column_by_id(column.id).is_some() {
            self.promises.push(Promise::NotNull(name));
        } else if column.initial.is_none() {
            self.promises.push(Promise::NoRowsWithout(name));
        }
    }

    fn change_type(&mut self, position: usize, written: &DataType) -> Result<()> {
        let column = &self.after.columns[position];
        if is_serial(written) {
            return Err(unsupported("SERIAL is a type of new columns only")
                .with_hint("use BIGINT, and SET DEFAULT SNOWFLAKE_ID()"));
        }
        let (data_type, chars_max) = kalam_type(written)?;
        if (&data_type, chars_max) == (&column.data_type, column.chars_max) {
            return Ok(());
        }
        let changed = ColumnDefinition { data_type, chars_max, ..column.clone() };
        check_widening(self.before, column, &changed)?;
        let changed = widened(column, changed)?;
        if self.before.primary_key.contains(&column.id) && !keeps_keys(column, &changed) {
            return Err(unsupported(format!(
                "the type of column \"{}\" is that of keys, which cannot change",
                column.name
            ))
            .with_hint("create a table with the other key and INSERT .. SELECT the rows"));
        }
        self.refuse_constrained(column, &changed)?;
        self.changes.push(format!(
            "type of column \"{}\" to {}",
            column.name,
            written_type(&changed)
        ));
        self.after.columns[position] = changed;
        Ok(())
    }

    /// Refuses a type that would make entries of UNIQUE constraints other ones, or with
    /// which a CHECK might mean something else.
    fn refuse_constrained(
        &self,
        column: &ColumnDefinition,
        changed: &ColumnDefinition,
    ) -> Result<()> {
        use KalamDataType::{BigInt, Int, SmallInt};
        let refused = |constraint: &Name| {
            unsupported(format!(
                "the type of column \"{}\" cannot change under constraint \"{constraint}\"",
                column.name
            ))
            .with_hint("DROP CONSTRAINT first")
        };
        let unique = self.after.uniques.iter().find(|unique| unique.columns.contains(&column.id));
        if let Some(unique) = unique.filter(|_| !keeps_keys(column, changed)) {
            return Err(refused(&unique.name));
        }
        let is_integer = |c: &ColumnDefinition| matches!(c.data_type, SmallInt | Int | BigInt);
        if column.data_type == changed.data_type || (is_integer(column) && is_integer(changed)) {
            return Ok(());
        }
        for check in &self.after.checks {
            if check_columns(&check.expression)?.iter().any(|name| name == column.name.as_str()) {
                return Err(refused(&check.name));
            }
        }
        Ok(())
    }

    /// Position of a column in the definition so far.
    fn find(&self, (name, place): &ColumnName) -> Result<usize> {
        let found = self.after.columns.iter().position(|column| column.name.as_str() == name);
        found.ok_or_else(|| undefined_column_of(self.before, name).with_position(*place))
    }

    /// Refuses a name that another column than the one at `except` has.
    fn refuse_taken(&self, name: &str, place: Position, except: Option<usize>) -> Result<()> {
        let lower = name.to_lowercase();
        let others = self.after.columns.iter().enumerate().filter(|(i, _)| Some(*i) != except);
        let taken = others.map(|(_, c)| &c.name).find(|c| c.as_str().to_lowercase() == lower);
        let Some(taken) = taken else { return Ok(()) };
        let message = if taken.as_str() == name {
            format!("column \"{name}\" of table \"{}\" exists already", self.before.name)
        } else {
            format!("columns \"{taken}\" and \"{name}\" differ only in case")
        };
        Err(Error::new(SqlState::DUPLICATE_COLUMN, message).with_position(place))
    }

    /// Refuses what would take a column away from the primary key.
    fn refuse_key(&self, column: ColumnId, what: &str) -> Result<()> {
        if !self.after.primary_key.contains(&column) {
            return Ok(());
        }
        Err(unsupported(format!("a column of the primary key cannot be {what}"))
            .with_hint("create a table with another key and INSERT .. SELECT the rows"))
    }
}

/// Refuses types that do not hold every value of the column as it is.
fn check_widening(
    table: &TableDefinition,
    column: &ColumnDefinition,
    changed: &ColumnDefinition,
) -> Result<()> {
    let is_text = |column: &ColumnDefinition| column.data_type == KalamDataType::Text;
    let holds_lengths = match (column.chars_max, changed.chars_max) {
        (_, None) => true,
        (Some(before), Some(after)) => before <= after,
        (None, Some(_)) => false,
    };
    if column.data_type.widens_to(&changed.data_type) && (!is_text(changed) || holds_lengths) {
        return Ok(());
    }
    let before = written_type(column);
    let after = written_type(changed);
    let name = &column.name;
    Err(unsupported(format!(
        "column \"{name}\" of type {before} cannot become {after}: not every {before} is one"
    ))
    .with_hint(format!(
        "ALTER TABLE {t} ADD COLUMN a new column of type {after}, UPDATE {t} SET it to \
         CAST({name} AS {after}), DROP COLUMN {name}, and RENAME COLUMN the new one to {name}",
        t = table.name
    )))
}

/// The column in its new type, with its default checked and its initial value in it.
fn widened(column: &ColumnDefinition, mut changed: ColumnDefinition) -> Result<ColumnDefinition> {
    if changed.data_type == KalamDataType::Text && column.data_type != KalamDataType::Text {
        changed.text_of = Some(column.data_type.clone());
    }
    if let Some(default) = &changed.default {
        DefaultValue::parse(&default.expression)?.fit(&changed).map_err(|e| {
            Error::new(
                SqlState::DATATYPE_MISMATCH,
                format!(
                    "default {} of column \"{}\" is no {}",
                    default.expression, column.name, changed.data_type
                ),
            )
            .with_hint("drop the default first")
            .with_source(e)
        })?;
    }
    let initial = changed.widen(&initial_value(column)?, &column.data_type)?;
    changed.initial = stored_value(&changed.data_type, &initial)?;
    Ok(changed)
}

/// Whether keys that are stored are the keys of the same values in the new type: their
/// bytes must not change.
fn keeps_keys(column: &ColumnDefinition, changed: &ColumnDefinition) -> bool {
    use KalamDataType::Decimal;
    match (&column.data_type, &changed.data_type) {
        (Decimal { scale: before, .. }, Decimal { scale, .. }) => before == scale,
        (before, after) => before == after,
    }
}

fn unsupported(message: impl Into<String>) -> Error {
    Error::new(SqlState::FEATURE_NOT_SUPPORTED, message.into())
}

#[cfg(test)]
#[path = "alter_table_tests.rs"]
mod tests;
