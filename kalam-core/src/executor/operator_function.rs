//! Operators of PostgreSQL and pgvector that are functions of ours.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::{DFSchema, Result as DataFusionResult};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, ScalarUDF};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::functions::{is_json, json_functions, vector_functions};

/// Plans operators as calls of the functions that they stand for.
#[derive(Debug)]
pub(crate) struct OperatorFunctions {
    functions: HashMap<String, Arc<ScalarUDF>>,
}

impl OperatorFunctions {
    pub(crate) fn new() -> OperatorFunctions {
        let functions = vector_functions().into_iter().chain(json_functions());
        OperatorFunctions { functions: functions.map(|f| (f.name().to_owned(), f)).collect() }
    }
}

impl ExprPlanner for OperatorFunctions {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> DataFusionResult<PlannerResult<RawBinaryExpr>> {
        let Some(function) = function_of(&expr.op).and_then(|name| self.functions.get(name)) else {
            return Ok(PlannerResult::Original(expr));
        };
        let [left, right] = [&expr.left, &expr.right].map(|operand| Operand::of(operand, schema));
        let is_ours = match expr.op {
            // Beside JSON these are operators of lists and of text.
            BinaryOperator::AtArrow | BinaryOperator::ArrowAt => {
                left != Operand::List && right != Operand::List
            }
            BinaryOperator::StringConcat => matches!(
                (left, right),
                (Operand::Json, Operand::Json | Operand::Constant)
                    | (Operand::Constant, Operand::Json)
            ),
            _ => true,
        };
        if !is_ours {
            return Ok(PlannerResult::Original(expr));
        }
        Ok(PlannerResult::Planned(function.call(vec![expr.left, expr.right])))
    }
}

/// The function of ours that an operator may stand for.
pub(super) fn function_of(operator: &BinaryOperator) -> Option<&'static str> {
    match operator {
        BinaryOperator::Spaceship => Some("cosine_distance"),
        BinaryOperator::LtDashGt => Some("l2_distance"),
        BinaryOperator::Custom(text) if text == "<#>" => Some("negative_inner_product"),
        BinaryOperator::Arrow => Some("json_get"),
        BinaryOperator::LongArrow => Some("json_get_text"),
        BinaryOperator::HashArrow => Some("json_get_path"),
        BinaryOperator::HashLongArrow => Some("json_get_path_text"),
        BinaryOperator::AtArrow => Some("json_contains"),
        BinaryOperator::ArrowAt => Some("json_contained"),
        BinaryOperator::Question => Some("json_exists"),
        BinaryOperator::QuestionPipe => Some("json_exists_any"),
        BinaryOperator::QuestionAnd => Some("json_exists_all"),
        BinaryOperator::StringConcat => Some("json_concat"),
        _ => None,
    }
}

/// What an operand is, as far as the choice of an operator depends on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operand {
    Json,
    List,
    /// A literal or a parameter, which is read as the other side needs it.
    Constant,
    Other,
}

impl Operand {
    fn of(expr: &Expr, schema: &DFSchema) -> Operand {
        if matches!(expr, Expr::Literal(..) | Expr::Placeholder(_)) {
            return Operand::Constant;
        }
        match expr.to_field(schema) {
            Ok((_, field)) if is_json(&field) => Operand::Json,
            Ok((_, field)) if field.data_type().is_list() => Operand::List,
            _ => Operand::Other,
        }
    }
}
