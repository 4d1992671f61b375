//! RETURNING: a select list over the rows that a statement inserted, changed or
//! deleted.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions,
    new_empty_array,
};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type, Schema, SchemaRef};
use datafusion::common::TableReference;
use datafusion::sql::sqlparser::ast::{Expr, Ident, SelectItem, visit_expressions_mut};

use super::evaluator::{Evaluator, given_query};
use super::target::SourceColumns;
use crate::catalog::{DELETED_COLUMN, SEQ_COLUMN, Table, seq_field};
use crate::executor::QueryResult;
use crate::executor::cte_scope::fold;
use crate::executor::given_rows::{GivenRows, INDEX_COLUMN};
use crate::executor::plain_query::projection;
use crate::executor::system_columns::{
    exclude_column, exclude_system_columns, mentions_system_columns,
};
use crate::model::Seq;
use crate::store::{View, column_bytes};
use crate::{Error, Result, SqlState};

/// The function of MERGE that tells what became of a row, and its column.
const ACTION: &str = "merge_action";
const ACTION_COLUMN: &str = "_merge_action";

/// Metadata of a column whose NULLs are the number of the statement's own commit.
const OWN_COMMIT: &str = "kalam.own_commit";

/// Rows that a statement may return.
pub(super) struct AffectedRows {
    pub(super) columns: Vec<ArrayRef>,
    /// NULL: that of the statement's own commit.
    pub(super) seqs: ArrayRef,
    /// What stands beside the rows in FROM.
    pub(super) sources: Vec<ArrayRef>,
}

impl AffectedRows {
    /// Rows that the statement writes.
    pub(super) fn written(columns: Vec<ArrayRef>, rows: usize) -> AffectedRows {
        let seqs = Arc::new(Int64Array::new_null(rows));
        AffectedRows { columns, seqs, sources: Vec::new() }
    }

    /// Memory that the rows take.
    pub(super) fn bytes(&self) -> usize {
        column_bytes(&self.columns) + column_bytes(&self.sources)
    }
}

/// What a statement returns, before its commit has a number.
pub(super) struct Returned(RecordBatch);

/// The select list of RETURNING.
pub(crate) struct Returning<'a> {
    items: Vec<SelectItem>,
    with_system_columns: bool,
    /// Columns of the table and their names in the result, if there is nothing else.
    plain: Option<Vec<(usize, String)>>,
    /// Of MERGE, whose source stands before its target.
    is_merge: bool,
    /// Whether `merge_action()` is among the expressions.
    uses_action: bool,
    table: &'a Table,
    target: TableReference,
}

impl<'a> Returning<'a> {
    /// `None` without RETURNING. `knows_seq`: the rows have their `_seq` before the
    /// statement commits.
    ///
    /// # Errors
    /// `0A000` for an expression over a `_seq` that is not known yet.
    pub(crate) fn new(
        items: &[SelectItem],
        table: &'a Table,
        name: &str,
        knows_seq: bool,
    ) -> Result<Option<Returning<'a>>> {
        if items.is_empty() {
            return Ok(None);
        }
        let mentions =
            |items: Vec<SelectItem>| mentions_system_columns(&given_query(&None, items, None));
        let mut items = items.to_vec();
        let with_system_columns = mentions(items.clone());
        if with_system_columns {
            let rest = items.iter().filter(|item| !is_system_column(item)).cloned().collect();
            if !knows_seq && mentions(rest) {
                return Err(Error::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    "an expression over _seq or _deleted in RETURNING is not supported",
                )
                .with_hint("the commit has its number after the expressions: return _seq itself"));
            }
            items.iter_mut().for_each(|item| exclude_in(item, name));
        }
        let plain = projection(&items, table, name).filter(|_| !with_system_columns);
        for item in &mut items {
            if let SelectItem::Wildcard(options) = item {
                exclude_column(options, INDEX_COLUMN);
            }
        }
        let target = TableReference::bare(name);
        let (is_merge, uses_action) = (false, false);
        Ok(Some(Returning {
            items,
            with_system_columns,
            plain,
            is_merge,
            uses_action,
            table,
            target,
        }))
    }

    /// As [`Returning::new`], for MERGE: `merge_action()` is there too.
    ///
    /// # Errors
    /// As [`Returning::new`].
    pub(crate) fn of_merge(
        items: &[SelectItem],
        table: &'a Table,
        name: &str,
    ) -> Result<Option<Returning<'a>>> {
        let mut items = items.to_vec();
        let mut uses_action = false;
        for item in &mut items {
            uses_action |= name_action(item);
        }
        if uses_action {
            for item in &mut items {
                if let SelectItem::Wildcard(options) = item {
                    exclude_column(options, ACTION_COLUMN);
                }
            }
        }
        let returning = Returning::new(&items, table, name, false)?;
        Ok(returning.map(|list| Returning { is_merge: true, uses_action, plain: None, ..list }))
    }

    /// Adds the column of `merge_action()` to those beside the target, if it is asked for.
    pub(crate) fn add_action(&self, sources: &mut SourceColumns) {
        if self.uses_action {
            let field = Field::new(ACTION_COLUMN, DataType::Utf8, false);
            sources.push((None, Arc::new(field)));
        }
    }

    /// The rows as the relation that the select list reads.
    fn given(&self, rows: AffectedRows, count: usize, sources: &SourceColumns) -> GivenRows {
        let AffectedRows { columns, seqs, sources: beside } = rows;
        let add_sources = |mut given: GivenRows| {
            for ((relation, field), array) in sources.iter().zip(&beside) {
                given = given.with(relation.as_ref(), [field], [array.clone()]);
            }
            given
        };
        let mut given = GivenRows::new(count);
        if self.is_merge {
            given = add_sources(given);
        }
        given = given.with(Some(&self.target), self.table.schema.fields(), columns);
        if self.with_system_columns {
            let marked = HashMap::from([(OWN_COMMIT.to_owned(), String::new())]);
            let seq = Field::new(SEQ_COLUMN, DataType::Int64, true).with_metadata(marked);
            let deleted = Field::new(DELETED_COLUMN, DataType::Boolean, true);
            let fields: [FieldRef; 2] = [Arc::new(seq), Arc::new(deleted)];
            let live = Arc::new(BooleanArray::from(vec![false; count]));
            given = given.with(Some(&self.target), &fields, [seqs, live as ArrayRef]);
        }
        if self.is_merge { given } else { add_sources(given) }
    }

    /// The relation without a row, for planning.
    pub(crate) fn empty(&self, sources: &SourceColumns) -> GivenRows {
        let none = |field: &FieldRef| new_empty_array(field.data_type());
        let rows = AffectedRows {
            columns: self.table.schema.fields().iter().map(none).collect(),
            seqs: new_empty_array(&DataType::Int64),
            sources: sources.iter().map(|(_, field)| none(field)).collect(),
        };
        self.given(rows, 0, sources)
    }

    /// The select list.
    pub(crate) fn items(&self) -> Vec<SelectItem> {
        self.items.clone()
    }

    /// Evaluates the select list.
    ///
    /// # Errors
    /// What its expressions get wrong.
    pub(super) fn rows(
        &self,
        evaluator: &Evaluator<'_>,
        view: &Arc<View>,
        affected: &[AffectedRows],
        sources: &SourceColumns,
    ) -> Result<Returned> {
        let count = affected.iter().map(|rows| rows.seqs.len()).sum();
        let all = self.joined(affected, sources)?;
        if let Some(columns) = self.plain.as_ref().filter(|_| sources.is_empty()) {
            let field = |(position, name): &(usize, String)| -> Field {
                self.table.schema.field(*position).clone().with_name(name)
            };
            let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
            let arrays = columns.iter().map(|(position, _)| all.columns[*position].clone());
            return batch(Arc::new(schema), arrays.collect(), count).map(Returned);
        }
        let given = self.given(all, count, sources);
        let evaluated = evaluator.over(view, &given, self.items(), None)?;
        let count = evaluated.indices.len();
        batch(evaluated.schema, evaluated.columns, count).map(Returned)
    }

    fn joined(&self, affected: &[AffectedRows], sources: &SourceColumns) -> Result<AffectedRows> {
        let join = |data_type: &DataType, arrays: Vec<&ArrayRef>| match arrays.as_slice() {
            [] => Ok(new_empty_array(data_type)),
            [one] => Ok((*one).clone()),
            several => {
                let arrays: Vec<&dyn Array> = several.iter().map(|a| a.as_ref()).collect();
                concat(&arrays).map_err(internal)
            }
        };
        let fields = self.table.schema.fields().iter().enumerate();
        Ok(AffectedRows {
            columns: fields
                .map(|(i, f)| join(f.data_type(), affected.iter().map(|r| &r.columns[i]).collect()))
                .collect::<Result<_>>()?,
            seqs: join(&DataType::Int64, affected.iter().map(|rows| &rows.seqs).collect())?,
            sources: sources
                .iter()
                .enumerate()
                .map(|(i, (_, f))| {
                    join(f.data_type(), affected.iter().map(|r| &r.sources[i]).collect())
                })
                .collect::<Result<_>>()?,
        })
    }
}

impl Returned {
    /// The result of the statement, whose commit has this number if it wrote anything.
    ///
    /// # Errors
    /// `XX000`.
    fn finish(self, seq: Option<Seq>) -> Result<RecordBatch> {
        let Returned(rows) = self;
        let own = seq.map(|seq| i64::try_from(seq.get()).unwrap_or(i64::MAX));
        let mut columns = rows.columns().to_vec();
        for (column, field) in columns.iter_mut().zip(rows.schema().fields()) {
            if field.metadata().contains_key(OWN_COMMIT) {
                let seqs = column.as_primitive::<Int64Type>().iter();
                *column = Arc::new(seqs.map(|seq| seq.or(own)).collect::<Int64Array>());
            }
        }
        batch(settled(&rows.schema()), columns, rows.num_rows())
    }
}

/// The result of a statement that changed this many rows.
///
/// # Errors
/// `XX000`.
pub(super) fn result(
    changed: u64,
    returned: Option<Returned>,
    seq: Option<Seq>,
) -> Result<QueryResult> {
    match returned {
        Some(returned) => Ok(QueryResult::returned(changed, returned.finish(seq)?)),
        None => Ok(QueryResult::affected(changed)),
    }
}

/// The columns of the result, once the commit has its number.
pub(crate) fn settled(schema: &Schema) -> SchemaRef {
    let field = |field: &FieldRef| match field.metadata().contains_key(OWN_COMMIT) {
        true => Arc::new(seq_field().with_name(field.name())),
        false => field.clone(),
    };
    Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}

/// Whether an item is nothing but a system column.
fn is_system_column(item: &SelectItem) -> bool {
    let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item else {
        return false;
    };
    let is_one = |ident: &Ident| [SEQ_COLUMN, DELETED_COLUMN].contains(&fold(ident).as_str());
    match expr {
        Expr::Identifier(ident) => is_one(ident),
        Expr::CompoundIdentifier(parts) => parts.len() == 2 && is_one(&parts[1]),
        _ => false,
    }
}

/// Puts [`ACTION_COLUMN`] in the place of `merge_action()`; whether it was there.
fn name_action(item: &mut SelectItem) -> bool {
    let is_call = |expr: &Expr| matches!(expr, Expr::Function(call) if call.name.to_string().eq_ignore_ascii_case(ACTION));
    if let SelectItem::UnnamedExpr(expr) = item
        && is_call(expr)
    {
        *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: Ident::new(ACTION) };
    }
    let mut found = false;
    let _ = visit_expressions_mut(item, |expr| {
        if is_call(expr) {
            found = true;
            *expr = Expr::Identifier(Ident::new(ACTION_COLUMN));
        }
        ControlFlow::<()>::Continue(())
    });
    found
}

/// Wildcards never show system columns.
fn exclude_in(item: &mut SelectItem, target: &str) {
    match item {
        SelectItem::Wildcard(options) => exclude_system_columns(options),
        SelectItem::QualifiedWildcard(relation, options) => {
            let name = relation.to_string();
            if name == target || name.trim_matches('"') == target {
                exclude_system_columns(options);
            }
        }
        _ => {}
    }
}

fn batch(schema: SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema, columns, &options).map_err(internal)
}

fn internal(error: arrow::error::ArrowError) -> Error {
    Error::new(SqlState::INTERNAL_ERROR, "returned rows do not fit together").with_source(error)
}
