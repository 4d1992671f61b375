//! Assignment to the numeric types.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::datatypes::{
    DataType, Decimal128Type, DecimalType, Float32Type, Float64Type, Int16Type, Int32Type,
    Int64Type, UInt64Type,
};

use super::{KalamDataType, Target, cast_exact};
use crate::{Result, SqlState};

/// What numbers come in as, after the widths within a family are made one.
enum Source {
    Integer(PrimitiveArray<Int64Type>),
    /// Values above i64 are possible only here.
    Unsigned(PrimitiveArray<UInt64Type>),
    Float(PrimitiveArray<Float64Type>),
    /// Digits after the point; may be negative.
    Decimal(PrimitiveArray<Decimal128Type>, i8),
}

impl Target<'_> {
    pub(super) fn number(self, array: &ArrayRef) -> Result<ArrayRef> {
        if array.data_type() == &self.data_type.arrow_type() {
            return Ok(array.clone());
        }
        if let Some(text) = array.as_string_opt::<i32>() {
            return self.parse(text);
        }
        // One pass instead of a detour over f64, and single-precision text is
        // shorter: 0.1 as FLOAT is DECIMAL 0.1.
        if let (Some(floats), KalamDataType::Decimal { precision, scale }) =
            (array.as_primitive_opt::<Float32Type>(), self.data_type)
        {
            return self.collect::<_, Decimal128Type>(floats, |v| {
                self.text_to_decimal(&v.to_string(), *precision, *scale)
            });
        }
        let source = self.source(array)?;
        match self.data_type {
            KalamDataType::SmallInt => self.integer::<Int16Type>(&source),
            KalamDataType::Int => self.integer::<Int32Type>(&source),
            KalamDataType::BigInt => self.integer::<Int64Type>(&source),
            KalamDataType::Double => Ok(Arc::new(self.double(source)?)),
            KalamDataType::Decimal { precision, scale } => {
                self.decimal(&source, *precision, *scale)
            }
            _ => Ok(Arc::new(self.single(array)?)),
        }
    }

    /// Any numeric array as 32-bit floats.
    pub(super) fn single(self, array: &ArrayRef) -> Result<PrimitiveArray<Float32Type>> {
        if let Some(floats) = array.as_primitive_opt::<Float32Type>() {
            return Ok(floats.clone());
        }
        self.double(self.source(array)?)?.try_unary(|v| self.double_to_single(v))
    }

    /// Narrows a float; a finite number that would become infinite is out of range.
    #[expect(clippy::cast_possible_truncation, reason = "the loss of range is checked")]
    pub(super) fn double_to_single(self, value: f64) -> Result<f32> {
        let single = value as f32;
        if single.is_infinite() && value.is_finite() {
            return Err(self.out_of_range(value));
        }
        Ok(single)
    }

    fn source(self, array: &ArrayRef) -> Result<Source> {
        let family = match array.data_type() {
            DataType::UInt64 => return Ok(Source::Unsigned(array.as_primitive().clone())),
            from if from.is_integer() => DataType::Int64,
            from if from.is_floating() => DataType::Float64,
            DataType::Decimal32(_, scale)
            | DataType::Decimal64(_, scale)
            | DataType::Decimal128(_, scale)
            | DataType::Decimal256(_, scale) => DataType::Decimal128(38, *scale),
            _ => return Err(self.mismatch(array)),
        };
        let array = cast_exact(array, &family).map_err(|e| {
            self.refused(SqlState::NUMERIC_OUT_OF_RANGE, "of more than 38 digits")
                .with_detail(e.to_string())
        })?;
        Ok(match family {
            DataType::Int64 => Source::Integer(array.as_primitive().clone()),
            DataType::Decimal128(_, scale) => Source::Decimal(array.as_primitive().clone(), scale),
            _ => Source::Float(array.as_primitive().clone()),
        })
    }

    fn integer<T>(self, source: &Source) -> Result<ArrayRef>
    where
        T: ArrowPrimitiveType,
        T::Native: TryFrom<i64> + TryFrom<u64> + TryFrom<i128>,
    {
        match source {
            Source::Integer(array) => self.collect::<_, T>(array, |v| {
                T::Native::try_from(v).map_err(|_| self.out_of_range(v))
            }),
            Source::Unsigned(array) => self.collect::<_, T>(array, |v| {
                T::Native::try_from(v).map_err(|_| self.out_of_range(v))
            }),
            Source::Float(array) => self.collect::<_, T>(array, |v| {
                float_to_integer(v)
                    .and_then(|v| T::Native::try_from(v).ok())
                    .ok_or_else(|| self.out_of_range(v))
            }),
            Source::Decimal(array, scale) => self.collect::<_, T>(array, |v| {
                rescale(v, *scale, 0)
                    .and_then(|v| T::Native::try_from(v).ok())
                    .ok_or_else(|| self.out_of_range(Decimal128Type::format_decimal(v, 38, *scale)))
            }),
        }
    }

    fn double(self, source: Source) -> Result<PrimitiveArray<Float64Type>> {
        Ok(match source {
            Source::Integer(array) => array.unary(|v| v as f64),
            Source::Unsigned(array) => array.unary(|v| v as f64),
            Source::Float(array) => array,
            // Through the digits: dividing by a power of ten would round twice.
            Source::Decimal(array, scale) => array.try_unary(|v| {
                let digits = Decimal128Type::format_decimal(v, 38, scale);
                digits.parse::<f64>().map_err(|_| self.out_of_range(digits))
            })?,
        })
    }

    fn decimal(self, source: &Source, precision: u8, scale: u8) -> Result<ArrayRef> {
        let fit = |value: i128, from_scale: i8| {
            rescale(value, from_scale, scale.cast_signed()).filter(|v| has_digits(*v, precision))
        };
        match source {
            Source::Integer(array) => self.collect::<_, Decimal128Type>(array, |v| {
                fit(i128::from(v), 0).ok_or_else(|| self.out_of_range(v))
            }),
            Source::Unsigned(array) => self.collect::<_, Decimal128Type>(array, |v| {
                fit(i128::from(v), 0).ok_or_else(|| self.out_of_range(v))
            }),
            Source::Float(array) => self.collect::<_, Decimal128Type>(array, |v| {
                self.text_to_decimal(&v.to_string(), precision, scale)
            }),
            Source::Decimal(array, from_scale) => self.collect::<_, Decimal128Type>(array, |v| {
                fit(v, *from_scale).ok_or_else(|| {
                    self.out_of_range(Decimal128Type::format_decimal(v, 38, *from_scale))
                })
            }),
        }
    }

    /// Reads a decimal number, rounding half away from zero to the scale.
    pub(super) fn text_to_decimal(self, text: &str, precision: u8, scale: u8) -> Result<i128> {
        match parse_decimal(text, precision, scale) {
            Ok(value) => Ok(value),
            Err(Unreadable::Range) => Err(self.out_of_range(text)),
            // What a float prints when it is not a number.
            Err(Unreadable::Syntax) if is_not_finite(text) => Err(self.out_of_range(text)),
            Err(Unreadable::Syntax) => Err(self.invalid(text)),
        }
    }

    /// Converts each value that is not NULL, into the target's Arrow type.
    fn collect<S, T>(
        self,
        array: &PrimitiveArray<S>,
        convert: impl Fn(S::Native) -> Result<T::Native>,
    ) -> Result<ArrayRef>
    where
        S: ArrowPrimitiveType,
        T: ArrowPrimitiveType,
    {
        let array: PrimitiveArray<T> = array.try_unary(convert)?;
        Ok(Arc::new(array.with_data_type(self.data_type.arrow_type())))
    }
}

/// Rounds half to even, as PostgreSQL does for floats.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn float_to_integer(value: f64) -> Option<i64> {
    // The bound is exact in f64; i64::MAX is not.
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    let rounded = value.round_ties_even();
    (-BOUND..BOUND).contains(&rounded).then_some(rounded as i64)
}

/// Changes the digits after the point, rounding half away from zero, as PostgreSQL
/// does for NUMERIC.
pub(super) fn rescale(value: i128, from: i8, to: i8) -> Option<i128> {
    let shift = i32::from(to) - i32::from(from);
    if value == 0 || shift == 0 {
        return Some(value);
    }
    let Some(power) = 10i128.checked_pow(shift.unsigned_abs()) else {
        // Past 38 digits: too large going up, nothing left going down.
        return (shift < 0).then_some(0);
    };
    if shift > 0 {
        return value.checked_mul(power);
    }
    let (quotient, rest) = (value / power, value % power);
    let round_away = rest.unsigned_abs() >= (power.unsigned_abs()).div_ceil(2);
    Some(if round_away { quotient + value.signum() } else { quotient })
}

/// Whether a value has at most `precision` digits.
fn has_digits(value: i128, precision: u8) -> bool {
    value.unsigned_abs() < 10u128.pow(u32::from(precision))
}

fn is_not_finite(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(|v| !v.is_finite())
}

/// Why a text is no decimal.
#[derive(Debug, PartialEq)]
enum Unreadable {
    Syntax,
    Range,
}

/// Reads `[+-]digits[.digits][e[+-]digits]` as an integer of units of 10^-scale.
fn parse_decimal(text: &str, precision: u8, scale: u8) -> Result<i128, Unreadable> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        // An exponent past i32 is a range problem only if the number is not zero;
        // clamping keeps both.
        Some((mantissa, exponent)) => {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(Unreadable::Syntax);
            }
            let clamped = if exponent.starts_with('-') { -100_000 } else { 100_000 };
            (mantissa, exponent.parse::<i32>().map_or(clamped, |e| e.clamp(-100_000, 100_000)))
        }
        None => (text, 0),
    };
    let (negative, unsigned) = match mantissa.as_bytes().first() {
        Some(b'-') => (true, &mantissa[1..]),
        Some(b'+') => (false, &mantissa[1..]),
        _ => (false, mantissa),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    if whole.len() + fraction.len() == 0 || !digits().all(|b| b.is_ascii_digit()) {
        return Err(Unreadable::Syntax);
    }
    // The number of leading digits that count; the one after it decides rounding.
    let kept = whole.len() as i64 + i64::from(exponent) + i64::from(scale);
    let mut value = 0i128;
    for (position, digit) in (0i64..).zip(digits().map(|b| i128::from(b - b'0'))) {
        if position < kept {
            value = value
                .checked_mul(10)
                .and_then(|v| v.checked_add(digit))
                .ok_or(Unreadable::Range)?;
        } else {
            if position == kept && digit >= 5 {
                value += 1;
            }
            break;
        }
    }
    let missing = kept - (whole.len() + fraction.len()) as i64;
    if missing > 0 && value != 0 {
        value = u32::try_from(missing)
            .ok()
            .and_then(|n| 10i128.checked_pow(n))
            .and_then(|power| value.checked_mul(power))
            .ok_or(Unreadable::Range)?;
    }
    if !has_digits(value, precision) {
        return Err(Unreadable::Range);
    }
    Ok(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly_and_rounded_half_away() {
        let read = |text| parse_decimal(text, 10, 2);
        assert_eq!(read("1"), Ok(100));
        assert_eq!(read("-1.005"), Ok(-101));
        assert_eq!(read("+.5"), Ok(50));
        assert_eq!(read("5."), Ok(500));
        assert_eq!(read("1.5e3"), Ok(150_000));
        assert_eq!(read("15e-3"), Ok(2));
        assert_eq!(read("9e-4"), Ok(0));
        assert_eq!(read("0e999999999999"), Ok(0));
        assert_eq!(read("1e-999999999999"), Ok(0));
        assert_eq!(read("99999999.99"), Ok(9_999_999_999));
        assert_eq!(read("99999999.995"), Err(Unreadable::Range));
        assert_eq!(read("1e9"), Err(Unreadable::Range));
        assert_eq!(read("1e999999999999"), Err(Unreadable::Range));
        for text in ["", ".", "-", "1..2", "1e", "1e+", "--1", "1 2", "0x1", "1é"] {
            assert_eq!(read(text), Err(Unreadable::Syntax), "{text}");
        }
        let widest = "9".repeat(38);
        assert_eq!(parse_decimal(&widest, 38, 0), Ok(10i128.pow(38) - 1));
    }

    #[test]
    fn rescaling_rounds_half_away_and_reports_overflow() {
        assert_eq!(rescale(125, 2, 1), Some(13));
        assert_eq!(rescale(-125, 2, 1), Some(-13));
        assert_eq!(rescale(124, 2, 1), Some(12));
        assert_eq!(rescale(5, -2, 0), Some(500));
        assert_eq!(rescale(1, 0, 38), Some(10i128.pow(38)));
        assert_eq!(rescale(10, 0, 38), None);
    }
}
