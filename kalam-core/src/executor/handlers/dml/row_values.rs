//! The values of VALUES.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::concat;
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    Expr, Parens, SelectItem, SetExpr, UnaryOperator, Value, Values,
};

use super::evaluator::{Evaluator, with_ctes};
use super::new_rows::InsertTarget;
use crate::activity::check_stop;
use crate::catalog::ColumnDefinition;
use crate::executor::built_query::{has_query, query_of, select_of};
use crate::executor::handlers::query::select;
use crate::executor::modify_statement::InsertValue;
use crate::executor::plan_error::from_datafusion;
use crate::model::{KalamDataType, assign};
use crate::store::View;
use crate::{Error, Result, SqlState};

/// Values of the rows to insert: arrays in the order of the statement's columns.
pub(super) type Chunk = (Vec<ArrayRef>, usize);

/// One row of VALUES and the parameters it refers to.
pub(super) type BoundRow<'a> = (&'a [InsertValue], &'a [ScalarValue]);

/// `VALUES`: literals and parameters are taken as they are; anything else makes all
/// of its column's expressions a query.
///
/// # Errors
/// What the values get wrong.
pub(super) fn values(
    target: &InsertTarget<'_>,
    evaluator: &Evaluator<'_>,
    rows: &[BoundRow<'_>],
    view: &Arc<View>,
) -> Result<Chunk> {
    let width = rows.first().map_or(0, |(row, _)| row.len());
    let mut columns = Vec::with_capacity(width);
    for source in 0..width {
        let column = target.column_of(source);
        let mut values = ColumnValues { column, literals: Vec::new(), pieces: Vec::new() };
        for (number, (row, params)) in rows.iter().enumerate() {
            if number.is_multiple_of(1024) {
                check_stop()?;
            }
            match &row[source] {
                InsertValue::Default => values.pieces()?.push(target.default_of(source, 1)?),
                InsertValue::Expr(expr) => match literal(expr, params, column)? {
                    Some(value) => values.push_literal(value)?,
                    None => {
                        let pieces = values.pieces()?;
                        let value = evaluate(&Evaluator { params, ..*evaluator }, expr, view)?;
                        pieces.push(assign(column, &value)?);
                    }
                },
            }
        }
        columns.push(join(values.pieces()?)?);
    }
    Ok((columns, rows.len()))
}

/// The values of one column, as the rows give them.
struct ColumnValues<'a> {
    column: &'a ColumnDefinition,
    /// The last ones, of one type, which become one piece.
    literals: Vec<ScalarValue>,
    pieces: Vec<ArrayRef>,
}

impl ColumnValues<'_> {
    fn push_literal(&mut self, value: ScalarValue) -> Result<()> {
        if self.literals.first().is_some_and(|first| first.data_type() != value.data_type()) {
            self.pieces()?;
        }
        self.literals.push(value);
        Ok(())
    }

    /// All values so far.
    ///
    /// # Errors
    /// What [`assign`] raises for a literal.
    fn pieces(&mut self) -> Result<&mut Vec<ArrayRef>> {
        if !self.literals.is_empty() {
            let literals = ScalarValue::iter_to_array(std::mem::take(&mut self.literals))
                .map_err(from_datafusion)?;
            self.pieces.push(assign(self.column, &literals)?);
        }
        Ok(&mut self.pieces)
    }
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
///
/// # Errors
/// `42P02`.
pub(super) fn literal(
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
fn evaluate(evaluator: &Evaluator<'_>, expr: &Expr, view: &Arc<View>) -> Result<ArrayRef> {
    let body = if has_query(expr) {
        // VALUES of a plan can hold no query.
        let item = SelectItem::UnnamedExpr(expr.clone());
        SetExpr::Select(Box::new(select_of(vec![item], Vec::new(), None)))
    } else {
        SetExpr::Values(Values {
            explicit_row: false,
            rows: vec![Parens::with_empty_span(vec![expr.clone()])],
            value_keyword: false,
        })
    };
    let Evaluator { engine, caller, params, ctes } = *evaluator;
    let query = with_ctes(ctes, query_of(body));
    let batches = select::collect(engine, caller, &query, params, view.clone())?;
    batches
        .iter()
        .find(|b| b.num_rows() == 1)
        .map(|b| b.column(0).clone())
        .ok_or_else(|| Error::new(SqlState::INTERNAL_ERROR, "an expression gave no value"))
}
