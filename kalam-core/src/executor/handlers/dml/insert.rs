//! `INSERT`.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::concat;
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{Expr, Parens, SetExpr, UnaryOperator, Value, Values};

use super::new_rows::InsertTarget;
use super::target::query_of;
use crate::catalog::{ColumnDefinition, Table};
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::gateway::TableAction;
use crate::executor::handlers::query::select;
use crate::executor::resolve::{resolve_table, write_scope};
use crate::executor::row_writer::Taken;
use crate::executor::statement::{Insert, InsertSource, InsertValue};
use crate::executor::work::Work;
use crate::model::{KalamDataType, assign};
use crate::store::View;
use crate::{Error, Result, SqlState};

/// Values of the rows to insert: arrays in the order of the statement's columns.
type Chunk = (Vec<ArrayRef>, usize);

/// One row of VALUES and the parameters it refers to.
type BoundRow<'a> = (&'a [InsertValue], &'a [ScalarValue]);

/// Inserts rows: all of them or none.
///
/// # Errors
/// `23505`, `23502`, `42703`, `42804` and the others of values.
pub(crate) fn run(
    engine: &Arc<Engine>,
    caller: &Caller,
    work: &mut Work,
    statement: &Insert,
    params: &[ScalarValue],
) -> Result<QueryResult> {
    run_many(engine, caller, work, statement, &[params]).map(QueryResult::affected)
}

/// Inserts the rows of each set of parameters in one commit.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_many<P: AsRef<[ScalarValue]>>(
    engine: &Arc<Engine>,
    caller: &Caller,
    work: &mut Work,
    statement: &Insert,
    sets: &[P],
) -> Result<u64> {
    let table = resolve_table(engine, caller, &statement.table, TableAction::Write)?;
    let names = target_names(&table, statement);
    let target = InsertTarget::new(engine, caller, &table, names.iter().copied())
        .map_err(|e| e.with_position(statement.table.position))?;
    let user = write_scope(engine, caller, &table)?;
    work.write(engine, &table, user, |view, writer| {
        let chunks = rows(&target, &names, statement, sets, view)?;
        let mut inserted = 0;
        for (values, rows) in &chunks {
            let columns = target.complete(values, *rows)?;
            target.write(writer, &columns, *rows, Taken::Refuse)?;
            inserted += *rows as u64;
        }
        Ok(inserted)
    })
}

/// The columns that take the values: those named, or the first ones of the table.
fn target_names<'a>(table: &'a Table, statement: &'a Insert) -> Vec<&'a str> {
    if statement.columns.is_empty() {
        let width = match &statement.source {
            InsertSource::Values(rows) => rows.first().map_or(0, Vec::len),
            InsertSource::Query(_) => table.definition.columns.len(),
            InsertSource::DefaultValues => 0,
        };
        table.definition.columns.iter().map(|c| c.name.as_str()).take(width).collect()
    } else {
        statement.columns.iter().map(|(name, _)| name.as_str()).collect()
    }
}

fn rows<P: AsRef<[ScalarValue]>>(
    target: &InsertTarget<'_>,
    names: &[&str],
    statement: &Insert,
    sets: &[P],
    view: &Arc<View>,
) -> Result<Vec<Chunk>> {
    match &statement.source {
        InsertSource::DefaultValues => Ok(vec![(Vec::new(), sets.len())]),
        InsertSource::Values(rows) => {
            for row in rows {
                check_width(names.len(), row.len(), statement)?;
            }
            let bound: Vec<BoundRow<'_>> = sets
                .iter()
                .flat_map(|params| rows.iter().map(|row| (row.as_slice(), params.as_ref())))
                .collect();
            if bound.is_empty() {
                return Ok(Vec::new());
            }
            values(target, &bound, view).map(|chunk| vec![chunk])
        }
        InsertSource::Query(query) => {
            let mut batches = Vec::new();
            for params in sets {
                let (engine, caller) = (target.engine, target.caller);
                batches.extend(select::collect(
                    engine,
                    caller,
                    query,
                    params.as_ref(),
                    view.clone(),
                )?);
            }
            let Some(first) = batches.first() else { return Ok(Vec::new()) };
            if statement.columns.is_empty() && first.num_columns() < names.len() {
                return Err(width_error(names.len(), first.num_columns(), statement));
            }
            check_width(names.len(), first.num_columns(), statement)?;
            Ok(batches.iter().map(|b| (b.columns().to_vec(), b.num_rows())).collect())
        }
    }
}

fn check_width(expected: usize, found: usize, statement: &Insert) -> Result<()> {
    if expected == found { Ok(()) } else { Err(width_error(expected, found, statement)) }
}

fn width_error(expected: usize, found: usize, statement: &Insert) -> Error {
    Error::new(SqlState::SYNTAX_ERROR, format!("INSERT has {found} values for {expected} columns"))
        .with_position(statement.table.position)
}

/// `VALUES`: literals and parameters are taken as they are; anything else makes all
/// of its column's expressions a query.
fn values(target: &InsertTarget<'_>, rows: &[BoundRow<'_>], view: &Arc<View>) -> Result<Chunk> {
    let width = rows.first().map_or(0, |(row, _)| row.len());
    let mut columns = Vec::with_capacity(width);
    for source in 0..width {
        let column = target.column_of(source);
        let mut pieces: Vec<ArrayRef> = Vec::new();
        let mut run: Vec<ScalarValue> = Vec::new();
        for (row, params) in rows {
            let literal = match &row[source] {
                InsertValue::Default => None,
                InsertValue::Expr(expr) => literal(expr, params, column)?,
            };
            match literal {
                Some(value) => {
                    let same = run.first().is_none_or(|v| v.data_type() == value.data_type());
                    if !same {
                        pieces.push(fit(column, std::mem::take(&mut run))?);
                    }
                    run.push(value);
                }
                None => {
                    if !run.is_empty() {
                        pieces.push(fit(column, std::mem::take(&mut run))?);
                    }
                    pieces.push(match &row[source] {
                        InsertValue::Default => target.default_of(source, 1)?,
                        InsertValue::Expr(expr) => assign(
                            column,
                            &evaluate(target.engine, target.caller, expr, params, view)?,
                        )?,
                    });
                }
            }
        }
        if !run.is_empty() {
            pieces.push(fit(column, run)?);
        }
        columns.push(join(&pieces)?);
    }
    Ok((columns, rows.len()))
}

fn fit(column: &ColumnDefinition, values: Vec<ScalarValue>) -> Result<ArrayRef> {
    let array =
        ScalarValue::iter_to_array(values).map_err(crate::executor::plan_error::from_datafusion)?;
    assign(column, &array)
}

fn join(pieces: &[ArrayRef]) -> Result<ArrayRef> {
    if let [one] = pieces {
        return Ok(one.clone());
    }
    let arrays: Vec<&dyn arrow::array::Array> = pieces.iter().map(AsRef::as_ref).collect();
    concat(&arrays).map_err(|e| {
        Error::new(SqlState::INTERNAL_ERROR, "values of one column do not fit together")
            .with_source(e)
    })
}

/// The value of a literal or a parameter, `None` for any other expression.
fn literal(
    expr: &Expr,
    params: &[ScalarValue],
    column: &ColumnDefinition,
) -> Result<Option<ScalarValue>> {
    let value = match expr {
        Expr::Value(value) => &value.value,
        Expr::Nested(inner) => return literal(inner, params, column),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match &**expr {
            Expr::Value(value) => {
                let Value::Number(text, _) = &value.value else { return Ok(None) };
                return Ok(Some(number(&format!("-{text}"), column)));
            }
            _ => return Ok(None),
        },
        _ => return Ok(None),
    };
    Ok(match value {
        Value::Number(text, _) => Some(number(text, column)),
        Value::SingleQuotedString(text)
        | Value::EscapedStringLiteral(text)
        | Value::DollarQuotedString(datafusion::sql::sqlparser::ast::DollarQuotedString {
            value: text,
            ..
        }) => Some(ScalarValue::Utf8(Some(text.clone()))),
        Value::Boolean(value) => Some(ScalarValue::Boolean(Some(*value))),
        Value::Null => Some(ScalarValue::Null),
        Value::Placeholder(name) => {
            let index = name.strip_prefix('$').and_then(|n| n.parse::<usize>().ok());
            let value = index.and_then(|i| params.get(i.checked_sub(1)?)).ok_or_else(|| {
                Error::new(SqlState::UNDEFINED_PARAMETER, format!("parameter {name} has no value"))
            })?;
            Some(value.clone())
        }
        _ => None,
    })
}

/// A number as exactly as its column can take it: only FLOAT and DOUBLE get a
/// float, everything else keeps every digit.
fn number(text: &str, column: &ColumnDefinition) -> ScalarValue {
    if let Ok(value) = text.parse::<i64>() {
        return ScalarValue::Int64(Some(value));
    }
    let float = matches!(column.data_type, KalamDataType::Float | KalamDataType::Double);
    let exact = if float { None } else { decimal(text) };
    match (exact, text.parse::<f64>()) {
        (Some(value), _) => value,
        (None, Ok(value)) => ScalarValue::Float64(Some(value)),
        (None, Err(_)) => ScalarValue::Utf8(Some(text.to_owned())),
    }
}

/// Digits with a point as a decimal number, if 38 of them are enough.
fn decimal(text: &str) -> Option<ScalarValue> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction}");
    let count = digits.trim_start_matches('-').trim_start_matches('0').len();
    let precision = u8::try_from(count.max(fraction.len()).max(1)).ok().filter(|p| *p <= 38)?;
    let scale = i8::try_from(fraction.len()).ok()?;
    Some(ScalarValue::Decimal128(Some(digits.parse().ok()?), precision, scale))
}

/// One expression without columns, as a query of one row.
fn evaluate(
    engine: &Arc<Engine>,
    caller: &Caller,
    expr: &Expr,
    params: &[ScalarValue],
    view: &Arc<View>,
) -> Result<ArrayRef> {
    let values = Values {
        explicit_row: false,
        rows: vec![Parens::with_empty_span(vec![expr.clone()])],
        value_keyword: false,
    };
    let query = query_of(SetExpr::Values(values));
    let batches = select::collect(engine, caller, &query, params, view.clone())?;
    batches
        .iter()
        .find(|b| b.num_rows() == 1)
        .map(|b| b.column(0).clone())
        .ok_or_else(|| Error::new(SqlState::INTERNAL_ERROR, "an expression gave no value"))
}
