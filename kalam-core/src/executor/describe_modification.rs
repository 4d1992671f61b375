//! What a statement that changes rows takes and returns, before it runs.

use std::sync::Arc;

use arrow::array::{ArrayRef, new_empty_array};
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::common::TableReference;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{Expr, Query, SelectItem, TableWithJoins};

use super::built_query::value_items;
use super::describe_statement::{Lookup, no_columns};
use super::gateway::TableAction;
use super::given_rows::GivenRows;
use super::handlers::dml::{
    Returning, SourceColumns, check_conflict_target, conflict_rows, given_query, merge_actions,
    merge_from, settled, source_columns, target_and, target_query, undefined_column, with_ctes,
};
use super::modify_statement::{
    Assignment, Ctes, Delete, Insert, InsertSource, InsertValue, Merge, MergeAction, Update,
};
use super::query_shape::parameter_index;
use super::resolve::resolve_table;
use super::statement::TableRef;
use crate::Result;
use crate::catalog::Table;
use crate::model::UserKey;

impl Lookup<'_> {
    fn target(&self, name: &TableRef) -> Result<Arc<Table>> {
        resolve_table(self.engine, self.caller, name, TableAction::Write)
    }

    pub(super) fn insert(&mut self, insert: &Insert) -> Result<SchemaRef> {
        let table = self.target(&insert.table)?;
        let name = insert.alias.as_deref().unwrap_or(&insert.table.table);
        let named = insert.columns.iter().map(|(name, _)| name.as_str());
        let names: Vec<&str> = if insert.columns.is_empty() {
            table.definition.columns.iter().map(|c| c.name.as_str()).collect()
        } else {
            named.collect()
        };
        match &insert.source {
            InsertSource::Values(rows) => {
                for row in rows {
                    for (name, value) in names.iter().zip(row) {
                        self.column_value(&table, name, value)?;
                    }
                }
            }
            InsertSource::Query(query) => {
                self.plan(&with_ctes(&insert.ctes, Query::clone(query)), Ok)?;
            }
            InsertSource::DefaultValues => {}
        }
        if let Some(clause) = &insert.on_conflict {
            check_conflict_target(&table, clause)?;
        }
        if let Some(update) = insert.on_conflict.as_ref().and_then(|clause| clause.update.as_ref())
        {
            self.assignments(&table, &update.assignments)?;
            let values = value_items(expressions(&update.assignments));
            let given = conflict_rows(&table, name, stored(&table), empty(table.schema.fields()));
            self.over(&insert.ctes, &given, values, update.selection.as_ref())?;
        }
        let returning = Returning::new(&insert.returning, &table, name, false)?;
        self.returning(&insert.ctes, returning, &Vec::new())
    }

    pub(super) fn update(&mut self, update: &Update) -> Result<SchemaRef> {
        let table = self.target(&update.table)?;
        let name = update.alias.as_deref().unwrap_or(&update.table.table);
        self.assignments(&table, &update.assignments)?;
        let values = expressions(&update.assignments);
        let returning = Returning::new(&update.returning, &table, name, false)?;
        let sources = self.selected(
            (&table, name),
            &update.ctes,
            target_and(name, &update.from),
            update.selection.as_ref(),
            &values,
        )?;
        self.returning(&update.ctes, returning, &sources)
    }

    pub(super) fn delete(&mut self, delete: &Delete) -> Result<SchemaRef> {
        let table = self.target(&delete.table)?;
        let name = delete.alias.as_deref().unwrap_or(&delete.table.table);
        let returning = Returning::new(&delete.returning, &table, name, true)?;
        let sources = self.selected(
            (&table, name),
            &delete.ctes,
            target_and(name, &delete.using),
            delete.selection.as_ref(),
            &[],
        )?;
        self.returning(&delete.ctes, returning, &sources)
    }

    pub(super) fn merge(&mut self, merge: &Merge) -> Result<SchemaRef> {
        let table = self.target(&merge.table)?;
        let name = merge.alias.as_deref().unwrap_or(&merge.table.table);
        let from = merge_from(merge, name);
        let actions = [merge_actions(merge, name)];
        let mut sources = self.selected((&table, name), &merge.ctes, from, None, &actions)?;
        // The last one says whether there is a row.
        sources.pop();
        for clause in &merge.clauses {
            let given = sources.iter().fold(GivenRows::new(0), |given, (relation, field)| {
                given.with(relation.as_ref(), [field], empty([field]))
            });
            match &clause.action {
                MergeAction::Update(assignments) => {
                    self.assignments(&table, assignments)?;
                    let relation = TableReference::bare(name);
                    let columns = empty(table.schema.fields());
                    let given = given.with(Some(&relation), table.schema.fields(), columns);
                    let items = value_items(expressions(assignments));
                    self.over(&merge.ctes, &given, items, None)?;
                }
                MergeAction::Insert(columns, values) => {
                    let all = table.definition.columns.iter().map(|c| c.name.as_str());
                    let names: Vec<&str> = match columns.is_empty() {
                        true => all.collect(),
                        false => columns.iter().map(|(name, _)| name.as_str()).collect(),
                    };
                    for (name, value) in names.iter().zip(values) {
                        self.column_value(&table, name, value)?;
                    }
                    let values = values.iter().filter_map(InsertValue::expression).cloned();
                    self.over(&merge.ctes, &given, value_items(values), None)?;
                }
                MergeAction::Delete | MergeAction::Nothing => {}
            }
        }
        let returning = Returning::of_merge(&merge.returning, &table, name)?;
        if let Some(returning) = &returning {
            returning.add_action(&mut sources);
        }
        self.returning(&merge.ctes, returning, &sources)
    }

    /// Looks up what selects the rows of the target; returns what stands beside it.
    fn selected(
        &mut self,
        (table, name): (&Arc<Table>, &str),
        ctes: &Ctes,
        from: Vec<TableWithJoins>,
        selection: Option<&Expr>,
        values: &[Expr],
    ) -> Result<SourceColumns> {
        let query = target_query(ctes, name, from, selection, (values, true));
        let (plan, _) = self.plan(&query, |planner| planner.with_target(table, UserKey::NOBODY))?;
        Ok(source_columns(table, &plan, values.len()))
    }

    /// Looks up a select list over rows that the statement has at hand.
    fn over(
        &mut self,
        ctes: &Ctes,
        given: &GivenRows,
        items: Vec<SelectItem>,
        selection: Option<&Expr>,
    ) -> Result<(LogicalPlan, SchemaRef)> {
        let query = given_query(ctes, items, selection);
        self.plan(&query, |planner| planner.with_rows(given))
    }

    fn returning(
        &mut self,
        ctes: &Ctes,
        returning: Option<Returning<'_>>,
        sources: &SourceColumns,
    ) -> Result<SchemaRef> {
        let Some(returning) = returning else { return Ok(no_columns()) };
        let (_, schema) = self.over(ctes, &returning.empty(sources), returning.items(), None)?;
        // The last one numbers the rows.
        let columns = schema.fields().len() - 1;
        Ok(settled(&Schema::new(schema.fields()[..columns].to_vec())))
    }

    fn assignments(&mut self, table: &Table, assignments: &[Assignment]) -> Result<()> {
        for (name, position, value) in assignments {
            self.column_value(table, name, value).map_err(|e| e.with_position(*position))?;
        }
        Ok(())
    }

    /// A parameter that is written to a column has the column's type.
    fn column_value(&mut self, table: &Table, name: &str, value: &InsertValue) -> Result<()> {
        let column = table.definition.columns.iter().find(|c| c.name.as_str() == name);
        let column = column.ok_or_else(|| undefined_column(table, name))?;
        let Some(Expr::Value(value)) = value.expression() else { return Ok(()) };
        let slot = parameter_index(&value.value).and_then(|index| self.parameters.get_mut(index));
        if let Some(slot) = slot {
            *slot = Some(column.data_type.arrow_type());
        }
        Ok(())
    }
}

fn expressions(assignments: &[Assignment]) -> Vec<Expr> {
    assignments.iter().filter_map(|(_, _, value)| value.expression()).cloned().collect()
}

fn empty<'a>(fields: impl IntoIterator<Item = &'a FieldRef>) -> Vec<ArrayRef> {
    fields.into_iter().map(|field| new_empty_array(field.data_type())).collect()
}

/// No rows of a table, with `_seq`.
fn stored(table: &Table) -> Vec<ArrayRef> {
    let seq = Arc::new(crate::catalog::seq_field());
    empty(table.schema.fields().iter().chain([&seq]))
}
