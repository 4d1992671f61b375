//! Expressions over rows at hand that need no planner: columns, literals, parameters,
//! and sums, differences, products and concatenations of them.
//!
//! What is not certain to mean here what it means to the planner is left to it.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Datum, Scalar, new_null_array};
use arrow::compute::cast;
use arrow::compute::kernels::concat_elements::concat_elements_utf8;
use arrow::compute::kernels::numeric::{add, mul, sub};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr};

use super::assignment::Assignments;
use super::row_values::literal;
use crate::Result;
use crate::catalog::{ColumnDefinition, Table};
use crate::executor::cte_scope::fold;
use crate::executor::modify_statement::InsertValue;
use crate::executor::plan_error::from_datafusion;
use crate::executor::query_shape;
use crate::model::KalamDataType;

/// Relations of one table beside each other, row by row.
pub(super) struct PlainRows<'a> {
    pub(super) table: &'a Table,
    /// Name and columns of each; a name without relation is looked up if there is one.
    pub(super) relations: Vec<(&'a str, &'a [ArrayRef])>,
    pub(super) params: &'a [ScalarValue],
    pub(super) rows: usize,
}

/// A value of each row, or the same for all.
enum Operand {
    Rows(ArrayRef),
    Same(ScalarValue),
}

impl PlainRows<'_> {
    /// The new values of assignments; `None` if one of them needs a planner.
    ///
    /// # Errors
    /// `22003`, `42P02`.
    pub(super) fn values(&self, assignments: &Assignments<'_>) -> Result<Option<Vec<ArrayRef>>> {
        let columns = &self.table.definition.columns;
        let mut values = Vec::with_capacity(assignments.values.len());
        for (position, value) in &assignments.values {
            let value = match value {
                InsertValue::Expr(expr) => self.value(expr, &columns[*position])?,
                InsertValue::Default => {
                    let data_type = columns[*position].data_type.arrow_type();
                    Some(new_null_array(&data_type, self.rows))
                }
            };
            match value {
                Some(value) => values.push(value),
                None => return Ok(None),
            }
        }
        Ok(Some(values))
    }

    fn value(&self, expr: &Expr, column: &ColumnDefinition) -> Result<Option<ArrayRef>> {
        // By itself a literal is read as a value of its column, digit by digit.
        if let Some(value) = literal(expr, self.params, column)? {
            return value.to_array_of_size(self.rows).map(Some).map_err(from_datafusion);
        }
        match self.operand(expr)? {
            Some((Operand::Rows(rows), _)) => Ok(Some(rows)),
            Some((Operand::Same(value), _)) => {
                value.to_array_of_size(self.rows).map(Some).map_err(from_datafusion)
            }
            None => Ok(None),
        }
    }

    /// A value with its type, as the planner would have it.
    fn operand(&self, expr: &Expr) -> Result<Option<(Operand, KalamDataType)>> {
        match expr {
            Expr::Nested(inner) => self.operand(inner),
            Expr::Identifier(name) => match self.relations.as_slice() {
                [(_, columns)] => Ok(self.column(columns, &fold(name))),
                _ => Ok(None),
            },
            Expr::CompoundIdentifier(parts) => {
                let [relation, name] = parts.as_slice() else { return Ok(None) };
                let relation = fold(relation);
                let found = self.relations.iter().find(|(name, _)| *name == relation);
                Ok(found.and_then(|(_, columns)| self.column(columns, &fold(name))))
            }
            Expr::BinaryOp { left, op, right } => {
                let Some(left) = self.operand(left)? else { return Ok(None) };
                let Some(right) = self.operand(right)? else { return Ok(None) };
                self.combined(left, op, right)
            }
            _ => Ok(self.constant(expr).and_then(|value| {
                let data_type = match value {
                    ScalarValue::Int16(Some(_)) => KalamDataType::SmallInt,
                    ScalarValue::Int32(Some(_)) => KalamDataType::Int,
                    ScalarValue::Int64(Some(_)) => KalamDataType::BigInt,
                    ScalarValue::Float64(Some(_)) => KalamDataType::Double,
                    ScalarValue::Utf8(Some(_)) => KalamDataType::Text,
                    _ => return None,
                };
                Some((Operand::Same(value), data_type))
            })),
        }
    }

    fn constant(&self, expr: &Expr) -> Option<ScalarValue> {
        if let Expr::Value(value) = expr
            && let Some(index) = query_shape::parameter_index(&value.value)
        {
            return self.params.get(index).cloned();
        }
        query_shape::literal(expr)
    }

    fn column(&self, columns: &[ArrayRef], name: &str) -> Option<(Operand, KalamDataType)> {
        let position = self.table.schema.index_of(name).ok()?;
        let data_type = self.table.definition.columns[position].data_type.clone();
        Some((Operand::Rows(columns[position].clone()), data_type))
    }

    fn combined(
        &self,
        (left, left_type): (Operand, KalamDataType),
        op: &BinaryOperator,
        (right, right_type): (Operand, KalamDataType),
    ) -> Result<Option<(Operand, KalamDataType)>> {
        let texts = left_type == KalamDataType::Text && right_type == KalamDataType::Text;
        if *op == BinaryOperator::StringConcat && texts {
            let (left, right) = (self.rows_of(left)?, self.rows_of(right)?);
            let joined = concat_elements_utf8(left.as_string::<i32>(), right.as_string::<i32>())
                .map_err(|e| from_datafusion(e.into()))?;
            return Ok(Some((Operand::Rows(Arc::new(joined)), KalamDataType::Text)));
        }
        let compute = match op {
            BinaryOperator::Plus => add,
            BinaryOperator::Minus => sub,
            BinaryOperator::Multiply => mul,
            _ => return Ok(None),
        };
        let Some(data_type) = wider(&left_type, &right_type) else { return Ok(None) };
        let arrow_type = data_type.arrow_type();
        let left = datum(left, &arrow_type)?;
        let right = datum(right, &arrow_type)?;
        let result =
            compute(left.as_ref(), right.as_ref()).map_err(|e| from_datafusion(e.into()))?;
        let result = match result.len() == self.rows {
            true => Operand::Rows(result),
            // Of two constants.
            false => {
                Operand::Same(ScalarValue::try_from_array(&result, 0).map_err(from_datafusion)?)
            }
        };
        Ok(Some((result, data_type)))
    }

    fn rows_of(&self, operand: Operand) -> Result<ArrayRef> {
        match operand {
            Operand::Rows(rows) => Ok(rows),
            Operand::Same(value) => value.to_array_of_size(self.rows).map_err(from_datafusion),
        }
    }
}

/// The type in which the planner computes with both: the wider of two integers, or
/// DOUBLE with a DOUBLE or an integer.
fn wider(left: &KalamDataType, right: &KalamDataType) -> Option<KalamDataType> {
    use KalamDataType::{BigInt, Double, Int, SmallInt};
    let width = |data_type: &KalamDataType| match data_type {
        SmallInt => Some(0),
        Int => Some(1),
        BigInt => Some(2),
        Double => Some(3),
        _ => None,
    };
    let (left_width, right_width) = (width(left)?, width(right)?);
    Some(if left_width >= right_width { left.clone() } else { right.clone() })
}

fn datum(operand: Operand, data_type: &DataType) -> Result<Box<dyn Datum>> {
    let fit = |array: ArrayRef| cast(&array, data_type).map_err(|e| from_datafusion(e.into()));
    Ok(match operand {
        Operand::Rows(rows) => Box::new(fit(rows)?),
        Operand::Same(value) => {
            Box::new(Scalar::new(fit(value.to_array().map_err(from_datafusion)?)?))
        }
    })
}
