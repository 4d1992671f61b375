//! Casts of fractions to integers that round, as in PostgreSQL: DECIMAL half away from
//! zero, FLOAT and DOUBLE half to even.
//!
//! DataFusion's casts cut the fraction off. A rounding step goes in front of them.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, Float32Type, Float64Type};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result as DataFusionResult, ScalarValue};
use datafusion::logical_expr::{
    Cast, ColumnarValue, Expr, ExprSchemable, LogicalPlan, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, TryCast, Volatility,
};
use datafusion::optimizer::AnalyzerRule;

use super::expression_rewrite::rewrite_expressions;

/// Makes casts to integers round.
#[derive(Debug)]
pub(crate) struct RoundCasts {
    round: Arc<ScalarUDF>,
}

impl RoundCasts {
    pub(crate) fn new() -> RoundCasts {
        let signature = Signature::any(1, Volatility::Immutable);
        RoundCasts { round: Arc::new(ScalarUDF::new_from_impl(RoundHalfEven { signature })) }
    }

    fn rewrite(&self, expr: Expr, schema: &DFSchema) -> DataFusionResult<Transformed<Expr>> {
        Ok(match expr {
            Expr::Cast(Cast { expr, field }) if field.data_type().is_signed_integer() => {
                let (expr, changed) = self.rounded(*expr, schema);
                let cast = Expr::Cast(Cast { expr: Box::new(expr), field });
                Transformed::new_transformed(cast, changed)
            }
            Expr::TryCast(TryCast { expr, field }) if field.data_type().is_signed_integer() => {
                let (expr, changed) = self.rounded(*expr, schema);
                let cast = Expr::TryCast(TryCast { expr: Box::new(expr), field });
                Transformed::new_transformed(cast, changed)
            }
            expr => Transformed::no(expr),
        })
    }

    /// The expression without a fraction, and whether anything had to be done for it.
    fn rounded(&self, expr: Expr, schema: &DFSchema) -> (Expr, bool) {
        match expr.get_type(schema) {
            Ok(DataType::Float32 | DataType::Float64) => (self.round.call(vec![expr]), true),
            Ok(DataType::Decimal128(precision, scale @ 1..)) => {
                // One digit more than the integer part has, for 9.5.
                let digits = precision.saturating_sub(scale.unsigned_abs()).saturating_add(1);
                (whole(expr, DataType::Decimal128(digits, 0)), true)
            }
            Ok(DataType::Decimal256(precision, scale @ 1..)) => {
                let digits = precision.saturating_sub(scale.unsigned_abs()).saturating_add(1);
                (whole(expr, DataType::Decimal256(digits, 0)), true)
            }
            _ => (expr, false),
        }
    }
}

/// Arrow's casts between decimals round half away from zero.
fn whole(expr: Expr, data_type: DataType) -> Expr {
    let field = Arc::new(Field::new("", data_type, true));
    Expr::Cast(Cast { expr: Box::new(expr), field })
}

impl AnalyzerRule for RoundCasts {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> DataFusionResult<LogicalPlan> {
        let rounding = plan.transform_up_with_subqueries(|plan| {
            rewrite_expressions(plan, |expr, schema| self.rewrite(expr, schema))
        })?;
        Ok(rounding.data)
    }

    fn name(&self) -> &'static str {
        "round_casts"
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct RoundHalfEven {
    signature: Signature,
}

impl ScalarUDFImpl for RoundHalfEven {
    fn name(&self) -> &'static str {
        "round_half_even"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> DataFusionResult<DataType> {
        Ok(types.first().cloned().unwrap_or(DataType::Null))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let Some(value) = args.args.first() else {
            return datafusion::common::internal_err!("{} takes one argument", self.name());
        };
        let array = match value {
            ColumnarValue::Array(array) => array.clone(),
            ColumnarValue::Scalar(value) => value.to_array()?,
        };
        let rounded: ArrayRef = match array.data_type() {
            DataType::Float32 => Arc::new(
                array.as_primitive::<Float32Type>().unary::<_, Float32Type>(f32::round_ties_even),
            ),
            DataType::Float64 => Arc::new(
                array.as_primitive::<Float64Type>().unary::<_, Float64Type>(f64::round_ties_even),
            ),
            _ => array,
        };
        Ok(match value {
            ColumnarValue::Array(_) => ColumnarValue::Array(rounded),
            ColumnarValue::Scalar(_) => {
                ColumnarValue::Scalar(ScalarValue::try_from_array(&rounded, 0)?)
            }
        })
    }
}
