//! Values in: JavaScript values as parameters.

use std::sync::Arc;

use arrow::array::{Array, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::Field;
use kalam_core::model::{KalamDataType, ValuePlace};
use kalam_core::{Error, Params, ScalarValue, SqlState};
use napi::Result;
use napi::sys::{TypedarrayType, ValueType};

use crate::array::{typed_array, unite};
use crate::error::exception;
use crate::js::{Js, Raw};

/// Integers up to this are the same as doubles.
const SAFE_MAX: f64 = 9_007_199_254_740_991.0;

/// No integer type of SQL holds more.
const INTEGER_MAX: f64 = 18_446_744_073_709_551_616.0;

/// The parameters of one statement: undefined or null, an array, or an object.
pub fn params(js: Js, params: Raw) -> Result<Params> {
    match js.kind(params)? {
        ValueType::napi_undefined | ValueType::napi_null => return Ok(Params::None),
        ValueType::napi_object if js.is_array(params)? => {
            let value =
                |index| scalar(js, js.item(params, index)?, ValuePlace::Position(index + 1));
            return (0..js.length(params)?)
                .map(value)
                .collect::<Result<_>>()
                .map(Params::Positional);
        }
        ValueType::napi_object if is_plain(js, params)? => {}
        _ => {
            let error = invalid("parameters are neither an array nor an object")
                .with_hint("pass [value, ..] for ? and $1, {name: value, ..} for :name");
            return Err(exception(js, &error));
        }
    }
    let names = js.names(params)?;
    let value = |index| {
        let name = js.item(names, index)?;
        let value = js.property(params, name)?;
        let name = js.read_text(name)?;
        let value = scalar(js, value, ValuePlace::Name(&name))?;
        Ok((name, value))
    };
    (0..js.length(names)?).map(value).collect::<Result<_>>().map(Params::Named)
}

fn is_plain(js: Js, value: Raw) -> Result<bool> {
    let special = js.is_typed_array(value)?
        || js.is_date(value)?
        || js.is_array_buffer(value)?
        || js.is_data_view(value)?;
    Ok(!special)
}

/// One value.
pub fn scalar(js: Js, value: Raw, place: ValuePlace<'_>) -> Result<ScalarValue> {
    match js.kind(value)? {
        ValueType::napi_null => Ok(ScalarValue::Null),
        ValueType::napi_boolean => Ok(ScalarValue::Boolean(Some(js.read_boolean(value)?))),
        ValueType::napi_number => number(js.read_number(value)?, place).map_err(thrown(js)),
        ValueType::napi_bigint => {
            let parts = js.read_bigint(value)?;
            bigint(parts, place).map_err(thrown(js))
        }
        ValueType::napi_string => text(js, value, place).map(|text| ScalarValue::Utf8(Some(text))),
        ValueType::napi_object => object(js, value, place),
        ValueType::napi_undefined => {
            let error = invalid(format!("{place} is undefined")).with_hint("pass null for NULL");
            Err(exception(js, &error))
        }
        ValueType::napi_symbol => Err(no_sql_form(js, "a symbol", place)),
        ValueType::napi_function => Err(no_sql_form(js, "a function", place)),
        _ => Err(no_sql_form(js, "of a type of its own", place)),
    }
}

/// A number that is whole is an integer, as everybody means it who writes 1.
fn number(value: f64, place: ValuePlace<'_>) -> kalam_core::Result<ScalarValue> {
    let is_integer = value.fract() == 0.0 && value.abs() < INTEGER_MAX;
    if !is_integer || (value == 0.0 && value.is_sign_negative()) {
        return Ok(ScalarValue::Float64(Some(value)));
    }
    if value.abs() > SAFE_MAX {
        return Err(Error::new(
            SqlState::NUMERIC_OUT_OF_RANGE,
            format!("{place} is {value}, which is no safe integer: others are the same number"),
        )
        .with_hint("pass a BigInt, such as 9007199254740993n"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is a safe integer")]
    Ok(ScalarValue::Int64(Some(value as i64)))
}

fn bigint(parts: Option<(bool, u128)>, place: ValuePlace<'_>) -> kalam_core::Result<ScalarValue> {
    let whole = parts.and_then(|(negative, magnitude)| {
        let value = i128::try_from(magnitude).ok()?;
        Some(if negative { -value } else { value })
    });
    if let Some(value) = whole {
        if let Ok(value) = i64::try_from(value) {
            return Ok(ScalarValue::Int64(Some(value)));
        }
        if let Ok(value) = u64::try_from(value) {
            return Ok(ScalarValue::UInt64(Some(value)));
        }
        let digits = KalamDataType::DECIMAL_PRECISION_MAX;
        if value.unsigned_abs() < 10u128.pow(digits.into()) {
            return Ok(ScalarValue::Decimal128(Some(value), digits, 0));
        }
    }
    Err(Error::new(
        SqlState::NUMERIC_OUT_OF_RANGE,
        format!("{place} has more digits than DECIMAL holds"),
    )
    .with_hint("DECIMAL holds 38 digits"))
}

/// A text, which has to be well formed: UTF-8 has no halves of pairs.
pub fn text(js: Js, value: Raw, place: ValuePlace<'_>) -> Result<String> {
    let text = js.read_text(value)?;
    // What stood in for a half, or what was there.
    if text.contains('\u{fffd}') && String::from_utf16(&js.read_units(value)?).is_err() {
        let error = Error::new(
            SqlState::INVALID_ENCODING,
            format!("{place} is a text with half of a surrogate pair"),
        )
        .with_hint("pass text.toWellFormed(), or bytes");
        return Err(exception(js, &error));
    }
    Ok(text)
}

fn object(js: Js, value: Raw, place: ValuePlace<'_>) -> Result<ScalarValue> {
    if js.is_array(value)? {
        let item = |index| scalar(js, js.item(value, index)?, place);
        let items = (0..js.length(value)?).map(item).collect::<Result<Vec<_>>>()?;
        if items.iter().any(|item| item.data_type().is_nested()) {
            let error = invalid(format!("{place} is a list of lists"))
                .with_hint("lists hold scalars; pass a nested structure as JSON text");
            return Err(exception(js, &error));
        }
        return unite(&items, place).map(list).map_err(thrown(js));
    }
    if js.is_date(value)? {
        return date(js.read_date(value)?, place).map_err(thrown(js));
    }
    if js.is_typed_array(value)? {
        let (kind, bytes) = js.typed_bytes(&value)?;
        return Ok(match kind {
            // Buffer is one of these.
            TypedarrayType::uint8_array | TypedarrayType::uint8_clamped_array => {
                ScalarValue::Binary(Some(bytes.to_vec()))
            }
            _ => list(typed_array(kind, bytes)),
        });
    }
    if js.is_array_buffer(value)? {
        return Ok(ScalarValue::Binary(Some(js.buffer_bytes(&value)?.to_vec())));
    }
    if js.is_data_view(value)? {
        return Ok(ScalarValue::Binary(Some(js.view_bytes(&value)?.to_vec())));
    }
    Err(no_sql_form(js, "an object", place))
}

fn list(items: arrow::array::ArrayRef) -> ScalarValue {
    let field = Arc::new(Field::new("item", items.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths([items.len()]);
    ScalarValue::List(Arc::new(ListArray::new(field, offsets, items, None)))
}

fn date(milliseconds: f64, place: ValuePlace<'_>) -> kalam_core::Result<ScalarValue> {
    if !milliseconds.is_finite() {
        return Err(Error::new(
            SqlState::DATETIME_OUT_OF_RANGE,
            format!("{place} is an invalid Date"),
        )
        .with_hint("pass null for NULL"));
    }
    // A Date has at most 8.64e15 milliseconds, and whole ones.
    #[expect(clippy::cast_possible_truncation, reason = "a Date is in this range")]
    let micros = milliseconds as i64 * 1_000;
    Ok(ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into())))
}

/// Makes errors of the engine those of JavaScript.
pub fn thrown(js: Js) -> impl Fn(Error) -> napi::Error {
    move |error| exception(js, &error)
}

/// A wrong argument.
pub fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

fn no_sql_form(js: Js, what: &str, place: ValuePlace<'_>) -> napi::Error {
    let error = invalid(format!("{place} is {what}, which has no SQL form")).with_hint(
        "use null, boolean, number, bigint, string, Date, Uint8Array, another typed array, or \
         an array of them; JSON goes as text: JSON.stringify(value)",
    );
    exception(js, &error)
}
