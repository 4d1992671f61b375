//! Types that are written in expressions, and text that stands for UUIDs and bytes.

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{
    DFSchema, DataFusionError, ExprSchema, Result as DataFusionResult, ScalarValue,
};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr, TypePlanner};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Between, BinaryExpr, Cast, Expr, ExprSchemable, LogicalPlan, TryCast,
};
use datafusion::sql::sqlparser::ast::{BinaryOperator, DataType as SqlDataType};

use super::functions::{is_json, json_cast};
use super::plan_error::from_datafusion;
use super::type_name::kalam_type;
use crate::catalog::ColumnDefinition;
use crate::model::{ColumnId, KalamDataType, Name, assign};
use crate::{Error, Result};

/// Makes type names in CAST, `::` and literals mean what they mean for columns.
#[derive(Debug)]
pub(crate) struct TypeNames;

impl TypePlanner for TypeNames {
    fn plan_type_field(&self, written: &SqlDataType) -> DataFusionResult<Option<FieldRef>> {
        if matches!(written, SqlDataType::Interval { .. }) {
            return Ok(None);
        }
        let (data_type, _) = kalam_type(written).map_err(external)?;
        let field = match data_type {
            // The Arrow type alone would be that of TEXT.
            KalamDataType::Json | KalamDataType::File => data_type.arrow_field("", true),
            _ => Field::new("", data_type.arrow_type(), true),
        };
        Ok(Some(field.into()))
    }
}

/// Reads text that is compared with a UUID or with bytes as such a value.
#[derive(Debug)]
pub(crate) struct TextLiterals;

impl ExprPlanner for TextLiterals {
    fn plan_binary_op(
        &self,
        mut expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> DataFusionResult<PlannerResult<RawBinaryExpr>> {
        let compares = matches!(
            expr.op,
            BinaryOperator::Eq
                | BinaryOperator::NotEq
                | BinaryOperator::Lt
                | BinaryOperator::LtEq
                | BinaryOperator::Gt
                | BinaryOperator::GtEq
        );
        if compares {
            read_like(&mut expr.right, &expr.left, schema)?;
            read_like(&mut expr.left, &expr.right, schema)?;
        }
        Ok(PlannerResult::Original(expr))
    }
}

/// Reads text as UUIDs and bytes where planning of one operator cannot: in lists,
/// in BETWEEN, in casts, and in parameters.
pub(crate) fn read_text_literals(plan: LogicalPlan) -> DataFusionResult<LogicalPlan> {
    plan.transform_up_with_subqueries(|plan| {
        let schema = merge_schema(&plan.inputs());
        plan.map_expressions(|expr| expr.transform_up(|expr| read_in(expr, &schema)))
    })
    .map(|changed| changed.data)
}

fn read_in(mut expr: Expr, schema: &DFSchema) -> DataFusionResult<Transformed<Expr>> {
    let changed = match &mut expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if op.supports_propagation() => {
            read_like(right, left, schema)? | read_like(left, right, schema)?
        }
        Expr::InList(list) => {
            let mut changed = false;
            for item in &mut list.list {
                changed |= read_like(item, &list.expr, schema)?;
            }
            changed
        }
        Expr::Between(Between { expr, low, high, .. }) => {
            read_like(low, expr, schema)? | read_like(high, expr, schema)?
        }
        Expr::Cast(Cast { expr: inner, field }) | Expr::TryCast(TryCast { expr: inner, field }) => {
            match text(inner).zip(binary_type(field.data_type())) {
                Some((text, data_type)) => {
                    return Ok(Transformed::yes(value("value", data_type, text)?));
                }
                None if is_json(field) => return cast_to_json(expr, schema),
                None => false,
            }
        }
        _ => false,
    };
    Ok(if changed { Transformed::yes(expr) } else { Transformed::no(expr) })
}

/// A cast to JSON checks the text; TRY_CAST, which would have to answer NULL, is left
/// as it is and gives TEXT.
fn cast_to_json(expr: Expr, schema: &DFSchema) -> DataFusionResult<Transformed<Expr>> {
    match expr {
        Expr::Cast(Cast { expr, .. }) if expr.get_type(schema).is_ok_and(|t| t.is_string()) => {
            Ok(Transformed::yes(json_cast().call(vec![*expr])))
        }
        _ => Ok(Transformed::no(expr)),
    }
}

/// Replaces a text literal by the value of the other side's type that it writes.
fn read_like(literal: &mut Expr, other: &Expr, schema: &DFSchema) -> DataFusionResult<bool> {
    let Some(written) = text(literal) else {
        return Ok(false);
    };
    let name = match other {
        Expr::Column(column) => {
            // Columns of outer queries are not in this schema.
            if schema.field_from_column(column).is_err() {
                return Ok(false);
            }
            column.name.as_str()
        }
        _ => "value",
    };
    let Ok(data_type) = other.get_type(schema) else {
        return Ok(false);
    };
    let Some(data_type) = binary_type(&data_type) else {
        return Ok(false);
    };
    *literal = value(name, data_type, written)?;
    Ok(true)
}

fn text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(ScalarValue::Utf8(Some(text)), _) => Some(text),
        _ => None,
    }
}

fn binary_type(data_type: &DataType) -> Option<KalamDataType> {
    match data_type {
        DataType::FixedSizeBinary(16) => Some(KalamDataType::Uuid),
        DataType::Binary => Some(KalamDataType::Bytes),
        _ => None,
    }
}

/// A value as a column of this type would take it.
///
/// # Errors
/// What [`assign`] raises.
pub(crate) fn cast_value(value: &ScalarValue, data_type: &KalamDataType) -> Result<ScalarValue> {
    let array = value.to_array().map_err(from_datafusion)?;
    let array = assign(&column("value", data_type.clone())?, &array)?;
    ScalarValue::try_from_array(&array, 0).map_err(from_datafusion)
}

/// A text as the UUID or the bytes that it writes.
pub(crate) fn text_value(text: &str, data_type: &DataType) -> Option<ScalarValue> {
    match value("value", binary_type(data_type)?, text) {
        Ok(Expr::Literal(value, _)) => Some(value),
        _ => None,
    }
}

fn value(name: &str, data_type: KalamDataType, text: &str) -> DataFusionResult<Expr> {
    let column = column(name, data_type).map_err(external)?;
    let array = ScalarValue::from(text).to_array()?;
    let array = assign(&column, &array).map_err(external)?;
    ScalarValue::try_from_array(&array, 0).map(|value| Expr::Literal(value, None))
}

fn column(name: &str, data_type: KalamDataType) -> Result<ColumnDefinition> {
    Ok(ColumnDefinition::new(ColumnId::HIDDEN_KEY, Name::new("column", name)?, data_type))
}

fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
