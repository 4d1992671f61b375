//! The type that values have in common where they are compared or stand for each other.
//!
//! A DECIMAL beside a FLOAT or DOUBLE becomes a DOUBLE, as in PostgreSQL. DataFusion
//! makes both decimals with 15 digits on each side of the point, in which neither a
//! large nor a small float has a place: `d > 0.5` would fail for a row with 1e20.
//! Times of different units, which it does not compare at all, become microseconds.
//! Before its coercion of types, quotients of decimals are given their digits too.

use std::cell::Cell;
use std::sync::Arc;

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, TimeUnit};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result as DataFusionResult, ScalarValue, plan_datafusion_err};
use datafusion::logical_expr::expr::{InSubquery, ScalarFunction};
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use datafusion::logical_expr::{
    Between, BinaryExpr, Case, Cast, Expr, ExprSchemable, Join, LogicalPlan, LogicalPlanBuilder,
    Operator, Projection, Subquery, Union,
};

use super::expression_rewrite::rewrite_expressions;
use super::same_value::same_value;

/// Functions whose arguments stand for each other.
const ALIKE: [&str; 19] = [
    "array_append",
    "array_has",
    "array_position",
    "array_positions",
    "array_prepend",
    "array_remove",
    "array_remove_all",
    "array_remove_n",
    "array_replace",
    "array_replace_all",
    "array_replace_n",
    "array_resize",
    "coalesce",
    "greatest",
    "least",
    "make_array",
    "nullif",
    "nvl",
    "nvl2",
];

/// Digits after the point that the quotient of decimals has at least, as in PostgreSQL.
const QUOTIENT_DIGITS: i8 = 16;
/// Digits after the point that a quotient has more than its dividend.
const QUOTIENT_DIGITS_ADDED: i8 = 4;

/// Gives values that are compared or stand for each other a type in common.
///
/// # Errors
/// What planning raises for expressions without a type.
pub(crate) fn find_common_types(plan: LogicalPlan) -> DataFusionResult<LogicalPlan> {
    let has_changed = Cell::new(false);
    plan.transform_up_with_subqueries(|plan| {
        let plan = rewrite_expressions(plan, in_expression)?;
        let plan = match plan.data {
            // The types of its columns are those of its values.
            LogicalPlan::Values(values) if plan.transformed => {
                Transformed::yes(LogicalPlanBuilder::values(values.values)?.build()?)
            }
            data => Transformed { data, ..plan }.transform_data(in_plan)?,
        };
        has_changed.set(has_changed.get() || plan.transformed);
        if !has_changed.get() {
            return Ok(plan);
        }
        // The types of what was changed below reach up to the root.
        plan.map_data(LogicalPlan::recompute_schema)
    })
    .map(|rewritten| rewritten.data)
}

/// What a type becomes beside others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Float,
    Decimal,
    Microseconds,
    OtherTime,
}

impl Kind {
    fn of(data_type: &DataType) -> Option<Kind> {
        Some(match data_type {
            DataType::Float16 | DataType::Float32 | DataType::Float64 => Kind::Float,
            DataType::Decimal32(_, _)
            | DataType::Decimal64(_, _)
            | DataType::Decimal128(_, _)
            | DataType::Decimal256(_, _) => Kind::Decimal,
            DataType::Time64(TimeUnit::Microsecond) => Kind::Microseconds,
            DataType::Time32(_) | DataType::Time64(_) => Kind::OtherTime,
            _ => return None,
        })
    }

    fn of_element(data_type: &DataType) -> Option<Kind> {
        match data_type {
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                Kind::of(item.data_type())
            }
            _ => None,
        }
    }

    /// What a value of this kind becomes beside values of the others.
    fn beside(self, others: &[Kind]) -> Option<DataType> {
        match self {
            Kind::Decimal if others.contains(&Kind::Float) => Some(DataType::Float64),
            Kind::OtherTime if others.contains(&Kind::Microseconds) => {
                Some(DataType::Time64(TimeUnit::Microsecond))
            }
            _ => None,
        }
    }
}

fn kind(expr: &Expr, schema: &DFSchema) -> Option<Kind> {
    Kind::of(&expr.get_type(schema).ok()?)
}

/// Casts the expressions that need it to be like the others; whether one did.
fn make_alike(exprs: &mut [&mut Expr], lists: &[Kind], schema: &DFSchema) -> bool {
    let kinds: Vec<Option<Kind>> = exprs.iter().map(|expr| kind(expr, schema)).collect();
    let mut all: Vec<Kind> = kinds.iter().flatten().copied().collect();
    all.extend(lists);
    let mut changed = false;
    for (expr, kind) in exprs.iter_mut().zip(kinds) {
        if let Some(data_type) = kind.and_then(|kind| kind.beside(&all)) {
            let inner = std::mem::take(*expr);
            **expr = in_type(inner, data_type);
            changed = true;
        }
    }
    changed
}

/// An expression in another type. A literal is converted as an INSERT of it would be,
/// so that a stored value is equal to the literal that it came from.
fn in_type(expr: Expr, data_type: DataType) -> Expr {
    if let Expr::Literal(value, _) = &expr
        && let Some(value) = same_value(value, &data_type)
    {
        return Expr::Literal(value, None);
    }
    Expr::Cast(Cast { expr: Box::new(expr), field: Arc::new(Field::new("", data_type, true)) })
}

fn in_expression(mut expr: Expr, schema: &DFSchema) -> DataFusionResult<Transformed<Expr>> {
    let changed = match &mut expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(*op) => {
            make_alike(&mut [left, right], &[], schema)
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Divide, right }) => {
            keep_fraction(left, right, schema)
        }
        Expr::Between(Between { expr, low, high, .. }) => {
            let changed = make_alike(&mut [expr, low, high], &[], schema);
            check_bounds(expr, low, high, schema)?;
            changed
        }
        Expr::InList(list) => {
            let mut exprs: Vec<&mut Expr> = list.list.iter_mut().collect();
            exprs.push(&mut list.expr);
            make_alike(&mut exprs, &[], schema)
        }
        Expr::Case(case) => in_case(case, schema),
        Expr::ScalarFunction(ScalarFunction { func, args })
            if matches!(func.name(), "round" | "trunc") =>
        {
            args.get_mut(1).is_some_and(as_int)
        }
        Expr::ScalarFunction(ScalarFunction { func, args }) if ALIKE.contains(&func.name()) => {
            let lists: Vec<Kind> = args
                .iter()
                .filter_map(|arg| Kind::of_element(&arg.get_type(schema).ok()?))
                .collect();
            let mut exprs: Vec<&mut Expr> = args.iter_mut().collect();
            make_alike(&mut exprs, &lists, schema)
        }
        Expr::InSubquery(subquery) => in_subquery(subquery, schema)?,
        _ => false,
    };
    Ok(if changed { Transformed::yes(expr) } else { Transformed::no(expr) })
}

/// Refuses a BETWEEN of types that have none in common, as DataFusion refuses a comparison
/// of them; of this it says that it is a bug of its own.
fn check_bounds(expr: &Expr, low: &Expr, high: &Expr, schema: &DFSchema) -> DataFusionResult<()> {
    let common = |left: &DataType, right: &DataType| {
        comparison_coercion(left, right).ok_or_else(|| {
            plan_datafusion_err!("BETWEEN compares {left} with {right}, which have no common type")
        })
    };
    let value = expr.get_type(schema)?;
    let low = common(&value, &low.get_type(schema)?)?;
    let high = common(&value, &high.get_type(schema)?)?;
    common(&low, &high).map(drop)
}

/// Gives the quotient of decimals at least [`QUOTIENT_DIGITS`] after the point, where
/// 38 digits have room for them: 4 more than the dividend has are too few for `1 / 3.0`.
fn keep_fraction(dividend: &mut Expr, divisor: &Expr, schema: &DFSchema) -> bool {
    let digits = |expr: &Expr| decimal_digits(&expr.get_type(schema).ok()?);
    let (Some((precision, scale, is_decimal)), Some((_, divisor_scale, divisor_is_decimal))) =
        (digits(dividend), digits(divisor))
    else {
        return false;
    };
    let wanted = QUOTIENT_DIGITS - QUOTIENT_DIGITS_ADDED - scale;
    let room = DECIMAL128_MAX_PRECISION.cast_signed()
        - precision
        - QUOTIENT_DIGITS_ADDED
        - divisor_scale.max(0);
    let more = wanted.min(room);
    if more <= 0 || scale < 0 || !(is_decimal || divisor_is_decimal) {
        return false;
    }
    let data_type = DataType::Decimal128((precision + more).unsigned_abs(), scale + more);
    *dividend = in_type(std::mem::take(dividend), data_type);
    true
}

/// Precision and scale of a decimal or of the decimal that an integer becomes beside
/// one, and whether it is a decimal already.
fn decimal_digits(data_type: &DataType) -> Option<(i8, i8, bool)> {
    Some(match data_type {
        DataType::Decimal128(precision, scale) => (precision.cast_signed(), *scale, true),
        DataType::Int16 => (5, 0, false),
        DataType::Int32 => (10, 0, false),
        DataType::Int64 => (20, 0, false),
        _ => return None,
    })
}

/// Writes the number of digits of ROUND and TRUNC in the type that they take. They have
/// their type from a literal, and not any more from the cast of one.
fn as_int(digits: &mut Expr) -> bool {
    let Expr::Literal(ScalarValue::Int64(Some(number)), _) = digits else { return false };
    let Ok(number) = i32::try_from(*number) else { return false };
    *digits = Expr::Literal(ScalarValue::Int32(Some(number)), None);
    true
}

fn compares(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
    )
}

fn in_case(case: &mut Case, schema: &DFSchema) -> bool {
    let mut compared: Vec<&mut Expr> = Vec::new();
    let mut results: Vec<&mut Expr> = Vec::new();
    for (when, then) in &mut case.when_then_expr {
        compared.push(when);
        results.push(then);
    }
    results.extend(case.else_expr.as_deref_mut());
    let mut changed = make_alike(&mut results, &[], schema);
    if let Some(expr) = case.expr.as_deref_mut() {
        compared.push(expr);
        changed |= make_alike(&mut compared, &[], schema);
    }
    changed
}

fn in_subquery(test: &mut InSubquery, schema: &DFSchema) -> DataFusionResult<bool> {
    let subquery = &mut test.subquery;
    let column = subquery.subquery.schema().fields().first();
    let Some(column) = column.and_then(|field| Kind::of(field.data_type())) else {
        return Ok(false);
    };
    let Some(tested) = kind(&test.expr, schema) else { return Ok(false) };
    let columns = [column.beside(&[tested])];
    if columns[0].is_some() {
        let plan = in_types(subquery.subquery.clone(), &columns)?;
        test.subquery = Subquery { subquery: plan, ..subquery.clone() };
        return Ok(true);
    }
    Ok(make_alike(&mut [&mut test.expr], &[column], schema))
}

fn in_plan(plan: LogicalPlan) -> DataFusionResult<Transformed<LogicalPlan>> {
    match plan {
        LogicalPlan::Union(union) => in_union(union),
        LogicalPlan::Join(mut join) => {
            let changed = in_join(&mut join);
            Ok(Transformed::new_transformed(LogicalPlan::Join(join), changed))
        }
        plan => Ok(Transformed::no(plan)),
    }
}

fn in_join(join: &mut Join) -> bool {
    let (left, right) = (join.left.schema().clone(), join.right.schema().clone());
    let mut changed = false;
    for (l, r) in &mut join.on {
        let kinds = (kind(l, &left), kind(r, &right));
        if let (Some(of_left), Some(of_right)) = kinds {
            changed |= make_alike(&mut [l], &[of_right], &left);
            changed |= make_alike(&mut [r], &[of_left], &right);
        }
    }
    changed
}

fn in_union(union: Union) -> DataFusionResult<Transformed<LogicalPlan>> {
    let width = union.schema.fields().len();
    let kinds = |input: &Arc<LogicalPlan>| -> Vec<Option<Kind>> {
        input.schema().fields().iter().map(|field| Kind::of(field.data_type())).collect()
    };
    let all: Vec<Vec<Option<Kind>>> = union.inputs.iter().map(kinds).collect();
    if all.iter().any(|kinds| kinds.len() != width) {
        return Ok(Transformed::no(LogicalPlan::Union(union)));
    }
    let of_column =
        |column: usize| -> Vec<Kind> { all.iter().filter_map(|kinds| kinds[column]).collect() };
    let together: Vec<Vec<Kind>> = (0..width).map(of_column).collect();
    let mut changed = false;
    let mut inputs = Vec::with_capacity(union.inputs.len());
    for (input, kinds) in union.inputs.iter().zip(&all) {
        let types: Vec<Option<DataType>> = kinds
            .iter()
            .zip(&together)
            .map(|(kind, others)| kind.and_then(|kind| kind.beside(others)))
            .collect();
        changed |= types.iter().any(Option::is_some);
        inputs.push(in_types(input.clone(), &types)?);
    }
    if !changed {
        return Ok(Transformed::no(LogicalPlan::Union(union)));
    }
    Ok(Transformed::yes(LogicalPlan::Union(Union::try_new_with_loose_types(inputs)?)))
}

/// A plan with some of its columns in other types, under their names.
fn in_types(
    plan: Arc<LogicalPlan>,
    types: &[Option<DataType>],
) -> DataFusionResult<Arc<LogicalPlan>> {
    if types.iter().all(Option::is_none) {
        return Ok(plan);
    }
    let exprs = plan
        .schema()
        .columns()
        .into_iter()
        .zip(types)
        .map(|(column, data_type)| match data_type {
            Some(data_type) => {
                let (relation, name) = (column.relation.clone(), column.name.clone());
                in_type(Expr::Column(column), data_type.clone()).alias_qualified(relation, name)
            }
            None => Expr::Column(column),
        })
        .collect();
    Ok(Arc::new(LogicalPlan::Projection(Projection::try_new(exprs, plan)?)))
}
