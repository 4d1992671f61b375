//! Functions whose results may be larger than what they are given.
//!
//! The memory limit counts what operators hold, not what a function makes: under a limit
//! of 64 MB `repeat()` took 2 GB, and text beyond 2 GiB ends in a panic of Arrow. So each
//! such function is replaced, after its types are settled, by one that asks for its
//! result's memory before it makes the result. One whose work grows faster than its arguments
//! refuses those that would keep it busy for long, because nothing stops a function.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::compute::kernels::concat_elements::concat_elements_utf8;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, DataFusionError, Result as DataFusionResult, ScalarValue};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ReturnFieldArgs,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;

use super::expression_rewrite::rewrite_expressions;
use super::limits::exceeded;
use super::result_size::{ResultSize, result_size};

/// Results up to this size are made without asking.
const UNASKED_BYTES_MAX: usize = 1 << 20;

/// Replaces such functions, and `||` of text.
pub(crate) struct BoundResults {
    pool: Arc<dyn MemoryPool>,
    concat: Arc<ScalarUDF>,
}

impl BoundResults {
    pub(crate) fn new(pool: &Arc<dyn MemoryPool>) -> BoundResults {
        let signature = Signature::exact(vec![DataType::Utf8; 2], Volatility::Immutable);
        let concat = Arc::new(ScalarUDF::new_from_impl(TextConcat { signature }));
        BoundResults { pool: pool.clone(), concat: bounded(&concat, ResultSize::Sum, pool) }
    }

    fn rewrite(&self, expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
        match expr {
            Expr::ScalarFunction(call) => match result_size(call.func.name()) {
                Some(size) if !call.func.inner().is::<BoundedFunction>() => {
                    let func = bounded(&call.func, size, &self.pool);
                    Transformed::yes(Expr::ScalarFunction(ScalarFunction { func, ..call }))
                }
                _ => Transformed::no(Expr::ScalarFunction(call)),
            },
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right })
                if is_text(&left, schema) && is_text(&right, schema) =>
            {
                Transformed::yes(self.concat.call(vec![*left, *right]))
            }
            expr => Transformed::no(expr),
        }
    }
}

fn is_text(expr: &Expr, schema: &DFSchema) -> bool {
    matches!(expr.get_type(schema), Ok(DataType::Utf8))
}

fn bounded(inner: &Arc<ScalarUDF>, size: ResultSize, pool: &Arc<dyn MemoryPool>) -> Arc<ScalarUDF> {
    let function = BoundedFunction { inner: inner.clone(), size, pool: pool.clone() };
    Arc::new(ScalarUDF::new_from_impl(function))
}

impl std::fmt::Debug for BoundResults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BoundResults")
    }
}

impl AnalyzerRule for BoundResults {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> DataFusionResult<LogicalPlan> {
        let bounded = plan.transform_up_with_subqueries(|plan| {
            rewrite_expressions(plan, |expr, schema| Ok(self.rewrite(expr, schema)))
        })?;
        bounded.data.recompute_schema()
    }

    fn name(&self) -> &'static str {
        "bound_results"
    }
}

/// A function that asks for the memory of its result.
#[derive(Debug)]
struct BoundedFunction {
    inner: Arc<ScalarUDF>,
    size: ResultSize,
    pool: Arc<dyn MemoryPool>,
}

impl PartialEq for BoundedFunction {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner && Arc::ptr_eq(&self.pool, &other.pool)
    }
}

impl Eq for BoundedFunction {}

impl Hash for BoundedFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl ScalarUDFImpl for BoundedFunction {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> DataFusionResult<DataType> {
        self.inner.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> DataFusionResult<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn coerce_types(&self, types: &[DataType]) -> DataFusionResult<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let bytes = self.size.of(&args.args, args.number_rows);
        if self.size.is_too_much(&args.args, args.number_rows) {
            let error = exceeded(format!("{} compares texts that are too long", self.name()));
            return Err(DataFusionError::External(Box::new(error)));
        }
        let is_text = matches!(args.return_field.data_type(), DataType::Utf8);
        if is_text && i32::try_from(bytes).is_err() {
            let error = exceeded(format!("result of {} has more than 2 GiB", self.name()));
            return Err(DataFusionError::External(Box::new(error)));
        }
        let _asked = if bytes > UNASKED_BYTES_MAX {
            let reservation = MemoryConsumer::new(self.name()).register(&self.pool);
            reservation.try_grow(bytes)?;
            Some(reservation)
        } else {
            None
        };
        self.inner.invoke_with_args(args)
    }
}

/// `||` of two texts: NULL if one is.
#[derive(Debug, PartialEq, Eq, Hash)]
struct TextConcat {
    signature: Signature,
}

impl ScalarUDFImpl for TextConcat {
    fn name(&self) -> &'static str {
        "text_concat"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let is_one = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if is_one { 1 } else { args.number_rows };
        let [left, right] = args.args.as_slice() else {
            return datafusion::common::internal_err!("|| takes two arguments");
        };
        let (left, right) = (left.to_array(rows)?, right.to_array(rows)?);
        let joined: StringArray = concat_elements_utf8(left.as_string(), right.as_string())?;
        let joined: ArrayRef = Arc::new(joined);
        if is_one {
            return ScalarValue::try_from_array(&joined, 0).map(ColumnarValue::Scalar);
        }
        Ok(ColumnarValue::Array(joined))
    }
}
