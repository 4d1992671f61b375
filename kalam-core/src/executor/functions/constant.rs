//! Constant expressions: literals, signs, casts of literals, lists of them.

use datafusion::common::ScalarValue;
use datafusion::common::cast::as_list_array;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType as SqlType, Expr, UnaryOperator, Value,
};

use super::unexpected;
use crate::catalog::ColumnDefinition;
use crate::executor::type_name::kalam_type;
use crate::model::{ColumnId, Name, assign};
use crate::{Error, Result, SqlState};

/// The value of a constant expression; `None` if the expression is not constant.
///
/// Integers are BIGINT, numbers that do not fit it and numbers with an exponent
/// DOUBLE, other numbers DECIMAL, texts TEXT.
///
/// # Errors
/// `22003` if arithmetic overflows; what a cast raises.
pub(crate) fn constant(expr: &Expr) -> Result<Option<ScalarValue>> {
    match expr {
        Expr::Nested(inner) => constant(inner),
        Expr::Value(value) => Ok(literal(&value.value)),
        Expr::UnaryOp { op: UnaryOperator::Plus, expr } => constant(expr),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => negative(expr),
        Expr::BinaryOp { left, op, right } => match (constant(left)?, constant(right)?) {
            (Some(left), Some(right)) => arithmetic(&left, op, &right),
            _ => Ok(None),
        },
        Expr::TypedString(typed) => match literal(&typed.value.value) {
            Some(value) => cast(&value, &typed.data_type).map(Some),
            None => Ok(None),
        },
        Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon, expr, data_type, .. } => {
            match constant(expr)? {
                Some(value) => cast(&value, data_type).map(Some),
                None => Ok(None),
            }
        }
        Expr::Array(array) => {
            let values = array.elem.iter().map(constant).collect::<Result<Option<Vec<_>>>>()?;
            Ok(values.and_then(|values| list(&values)))
        }
        _ => Ok(None),
    }
}

fn literal(value: &Value) -> Option<ScalarValue> {
    match value {
        Value::Number(digits, _) => number(digits),
        Value::SingleQuotedString(text)
        | Value::EscapedStringLiteral(text)
        | Value::UnicodeStringLiteral(text) => Some(ScalarValue::from(text.as_str())),
        Value::DollarQuotedString(text) => Some(ScalarValue::from(text.value.as_str())),
        Value::HexStringLiteral(digits) => {
            let nibbles = digits.chars().map(|c| c.to_digit(16)).collect::<Option<Vec<u32>>>()?;
            let bytes = nibbles.chunks(2).map(|pair| match pair {
                [high, low] => u8::try_from(high << 4 | low).ok(),
                _ => None,
            });
            bytes.collect::<Option<Vec<u8>>>().map(|bytes| ScalarValue::Binary(Some(bytes)))
        }
        Value::Boolean(value) => Some(ScalarValue::from(*value)),
        Value::Null => Some(ScalarValue::Null),
        _ => None,
    }
}

fn number(text: &str) -> Option<ScalarValue> {
    if let Ok(integer) = text.parse::<i64>() {
        return Some(ScalarValue::from(integer));
    }
    let (digits, scale) = match text.split_once('.') {
        Some((whole, fraction)) => (format!("{whole}{fraction}"), fraction.len()),
        None => (text.to_owned(), 0),
    };
    let significant = digits.trim_start_matches('0').len().max(scale).max(1);
    match (digits.parse::<i128>(), u8::try_from(significant), i8::try_from(scale)) {
        (Ok(unscaled), Ok(precision @ 1..=38), Ok(scale)) => {
            Some(ScalarValue::Decimal128(Some(unscaled), precision, scale))
        }
        _ => text.parse::<f64>().ok().map(ScalarValue::from),
    }
}

/// The least BIGINT has no positive counterpart, so the sign is read with the digits.
fn negative(expr: &Expr) -> Result<Option<ScalarValue>> {
    if let Expr::Value(value) = expr
        && let Value::Number(digits, _) = &value.value
        && let Ok(integer) = format!("-{digits}").parse::<i64>()
    {
        return Ok(Some(ScalarValue::from(integer)));
    }
    Ok(match constant(expr)? {
        Some(ScalarValue::Int64(Some(n))) => Some(n.checked_neg().ok_or_else(overflow)?.into()),
        Some(ScalarValue::Float64(Some(n))) => Some((-n).into()),
        Some(ScalarValue::Decimal128(Some(n), precision, scale)) => {
            Some(ScalarValue::Decimal128(Some(-n), precision, scale))
        }
        _ => None,
    })
}

/// Whole numbers only: `60 * 60 * 24`.
fn arithmetic(
    left: &ScalarValue,
    op: &BinaryOperator,
    right: &ScalarValue,
) -> Result<Option<ScalarValue>> {
    let (ScalarValue::Int64(Some(left)), ScalarValue::Int64(Some(right))) = (left, right) else {
        return Ok(None);
    };
    let value = match op {
        BinaryOperator::Plus => left.checked_add(*right),
        BinaryOperator::Minus => left.checked_sub(*right),
        BinaryOperator::Multiply => left.checked_mul(*right),
        _ => return Ok(None),
    };
    value.map(|n| Some(n.into())).ok_or_else(overflow)
}

fn overflow() -> Error {
    Error::new(SqlState::NUMERIC_OUT_OF_RANGE, "constant expression is out of range for BIGINT")
}

fn list(values: &[ScalarValue]) -> Option<ScalarValue> {
    let data_type = values.iter().find(|v| !v.is_null())?.data_type();
    if values.iter().any(|v| !v.is_null() && v.data_type() != data_type) {
        return None;
    }
    let typed = |v: &ScalarValue| match v {
        ScalarValue::Null => ScalarValue::try_from(&data_type).ok(),
        value => Some(value.clone()),
    };
    let values = values.iter().map(typed).collect::<Option<Vec<_>>>()?;
    let array = ScalarValue::new_list_nullable(&values, &data_type);
    debug_assert!(as_list_array(array.as_ref()).is_ok());
    Some(ScalarValue::List(array))
}

/// Casts as an assignment to a column of the type would.
fn cast(value: &ScalarValue, written: &SqlType) -> Result<ScalarValue> {
    let (data_type, chars_max) = kalam_type(written)?;
    if value.is_null() {
        return ScalarValue::try_from(&data_type.arrow_type()).map_err(unexpected);
    }
    let name = Name::new("column", "default")?;
    let column = ColumnDefinition {
        chars_max,
        ..ColumnDefinition::new(ColumnId::HIDDEN_KEY, name, data_type)
    };
    let array = assign(&column, &value.to_array().map_err(unexpected)?)?;
    ScalarValue::try_from_array(&array, 0).map_err(unexpected)
}
