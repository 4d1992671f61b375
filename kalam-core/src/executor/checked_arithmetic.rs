//! Integer arithmetic that fails where it would overflow.
//!
//! DataFusion plans `+`, `-` and `*` on integers as operations that wrap around, so an
//! `UPDATE t SET n = n + 1` at the largest number would store the smallest. After type
//! coercion each is replaced by a function over Arrow's checked kernels, which cost
//! the same.

use std::sync::Arc;

use arrow::array::{ArrayRef, Datum};
use arrow::compute::kernels::numeric::{add, mul, sub};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result as DataFusionResult, ScalarValue};
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;

use super::expression_rewrite::rewrite_expressions;

/// Replaces integer `+`, `-` and `*` by checked functions.
#[derive(Debug)]
pub(crate) struct CheckArithmetic {
    add: Arc<ScalarUDF>,
    subtract: Arc<ScalarUDF>,
    multiply: Arc<ScalarUDF>,
}

impl CheckArithmetic {
    pub(crate) fn new() -> CheckArithmetic {
        let function = |operator| {
            let signature = Signature::any(2, Volatility::Immutable);
            Arc::new(ScalarUDF::new_from_impl(CheckedFunction { operator, signature }))
        };
        CheckArithmetic {
            add: function(Operator::Plus),
            subtract: function(Operator::Minus),
            multiply: function(Operator::Multiply),
        }
    }

    fn function(&self, operator: Operator) -> Option<&Arc<ScalarUDF>> {
        match operator {
            Operator::Plus => Some(&self.add),
            Operator::Minus => Some(&self.subtract),
            Operator::Multiply => Some(&self.multiply),
            _ => None,
        }
    }

    fn rewrite(&self, expr: Expr, schema: &DFSchema) -> DataFusionResult<Transformed<Expr>> {
        let Expr::BinaryExpr(BinaryExpr { left, op, right }) = expr else {
            return Ok(Transformed::no(expr));
        };
        let integers = self.function(op).filter(|_| {
            matches!(
                (left.get_type(schema), right.get_type(schema)),
                (Ok(l @ (DataType::Int16 | DataType::Int32 | DataType::Int64)), Ok(r)) if l == r
            )
        });
        match integers {
            Some(function) => Ok(Transformed::yes(function.call(vec![*left, *right]))),
            None => Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right }))),
        }
    }
}

impl AnalyzerRule for CheckArithmetic {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> DataFusionResult<LogicalPlan> {
        let checked = plan.transform_up_with_subqueries(|plan| {
            rewrite_expressions(plan, |expr, schema| self.rewrite(expr, schema))
        })?;
        checked.data.recompute_schema()
    }

    fn name(&self) -> &'static str {
        "check_arithmetic"
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CheckedFunction {
    operator: Operator,
    signature: Signature,
}

impl CheckedFunction {
    fn apply(&self, left: &dyn Datum, right: &dyn Datum) -> Result<ArrayRef, ArrowError> {
        match self.operator {
            Operator::Plus => add(left, right),
            Operator::Minus => sub(left, right),
            _ => mul(left, right),
        }
    }
}

impl ScalarUDFImpl for CheckedFunction {
    fn name(&self) -> &str {
        match self.operator {
            Operator::Plus => "checked_add",
            Operator::Minus => "checked_subtract",
            _ => "checked_multiply",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> DataFusionResult<DataType> {
        Ok(types.first().cloned().unwrap_or(DataType::Null))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let [left, right] = args.args.as_slice() else {
            return datafusion::common::internal_err!("{} takes two arguments", self.name());
        };
        let array = match (left, right) {
            (ColumnarValue::Array(l), ColumnarValue::Array(r)) => self.apply(l, r)?,
            (ColumnarValue::Array(l), ColumnarValue::Scalar(r)) => {
                self.apply(l, &r.to_scalar()?)?
            }
            (ColumnarValue::Scalar(l), ColumnarValue::Array(r)) => {
                self.apply(&l.to_scalar()?, r)?
            }
            (ColumnarValue::Scalar(l), ColumnarValue::Scalar(r)) => {
                let one = self.apply(&l.to_scalar()?, &r.to_scalar()?)?;
                return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&one, 0)?));
            }
        };
        Ok(ColumnarValue::Array(array))
    }
}
