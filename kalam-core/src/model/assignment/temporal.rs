//! Assignment to DATE, TIME, TIMESTAMP and DATETIME.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, PrimitiveArray};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Int32Type, Int64Type, Time64MicrosecondType,
    TimeUnit, TimestampMicrosecondType,
};

use super::{KalamDataType, Target};
use crate::Result;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// What dates and times come in as, in the unit of the finest.
enum Source {
    /// Days since 1970-01-01.
    Days(Int64Array),
    /// Microseconds since midnight.
    TimeOfDay(Int64Array),
    /// Units since 1970-01-01, UTC or without a zone.
    Instant(Int64Array, TimeUnit),
}

impl Target<'_> {
    pub(super) fn temporal(self, array: &ArrayRef) -> Result<ArrayRef> {
        let same = array.data_type() == &self.data_type.arrow_type();
        // A TIME past midnight can come in as Arrow; the other types hold any number.
        if same && self.data_type != &KalamDataType::Time {
            return Ok(array.clone());
        }
        if let Some(text) = array.as_string_opt::<i32>() {
            return self.parse(text);
        }
        let source = self.temporal_source(array)?;
        match (self.data_type, source) {
            (KalamDataType::Date, Source::Days(days)) => self.date(&days, 1),
            (KalamDataType::Date, Source::Instant(instants, unit)) => {
                self.date(&instants, units_per_day(unit))
            }
            (KalamDataType::Time, Source::TimeOfDay(times)) => {
                if let Some(bad) = times.iter().flatten().find(|t| !is_time_of_day(*t)) {
                    return Err(self.datetime_out_of_range(bad));
                }
                self.micros::<Time64MicrosecondType>(&times, Some)
            }
            (KalamDataType::Time, Source::Instant(instants, unit)) => {
                let per_day = units_per_day(unit);
                self.micros::<Time64MicrosecondType>(&instants, |v| {
                    to_micros(v.rem_euclid(per_day), unit)
                })
            }
            (KalamDataType::Timestamp | KalamDataType::DateTime, Source::Days(days)) => {
                self.micros::<TimestampMicrosecondType>(&days, |v| v.checked_mul(MICROS_PER_DAY))
            }
            (KalamDataType::Timestamp | KalamDataType::DateTime, Source::Instant(values, unit)) => {
                self.micros::<TimestampMicrosecondType>(&values, |v| to_micros(v, unit))
            }
            _ => Err(self.mismatch(array)),
        }
    }

    fn temporal_source(self, array: &ArrayRef) -> Result<Source> {
        let integers = || -> Int64Array {
            let narrow = match array.data_type() {
                DataType::Date32 | DataType::Time32(_) => cast(array, &DataType::Int32),
                _ => cast(array, &DataType::Int64),
            };
            let narrow = narrow.expect("dates and times are integers");
            match narrow.as_primitive_opt::<Int32Type>() {
                Some(small) => small.unary::<_, Int64Type>(i64::from),
                None => narrow.as_primitive().clone(),
            }
        };
        Ok(match array.data_type() {
            DataType::Date32 => Source::Days(integers()),
            DataType::Date64 => Source::Instant(integers(), TimeUnit::Millisecond),
            DataType::Time32(unit) | DataType::Time64(unit) => {
                // A time of day in any unit is far from the ends of i64, if it is one.
                Source::TimeOfDay(integers().unary(|v| to_micros(v, *unit).unwrap_or(i64::MAX)))
            }
            DataType::Timestamp(unit, _) => Source::Instant(integers(), *unit),
            _ => return Err(self.mismatch(array)),
        })
    }

    fn date(self, values: &Int64Array, units_per_day: i64) -> Result<ArrayRef> {
        let days: PrimitiveArray<Date32Type> = values.try_unary(|v| {
            i32::try_from(v.div_euclid(units_per_day)).map_err(|_| self.datetime_out_of_range(v))
        })?;
        Ok(Arc::new(days))
    }

    fn micros<T: ArrowPrimitiveType<Native = i64>>(
        self,
        values: &Int64Array,
        convert: impl Fn(i64) -> Option<i64>,
    ) -> Result<ArrayRef> {
        let micros: PrimitiveArray<T> =
            values.try_unary(|v| convert(v).ok_or_else(|| self.datetime_out_of_range(v)))?;
        Ok(Arc::new(micros.with_data_type(self.data_type.arrow_type())))
    }
}

/// Whether this many microseconds lie within one day.
pub(super) fn is_time_of_day(micros: i64) -> bool {
    (0..MICROS_PER_DAY).contains(&micros)
}

/// Nanoseconds round down, also before 1970, so that order is kept.
fn to_micros(value: i64, unit: TimeUnit) -> Option<i64> {
    match unit {
        TimeUnit::Second => value.checked_mul(1_000_000),
        TimeUnit::Millisecond => value.checked_mul(1_000),
        TimeUnit::Microsecond => Some(value),
        TimeUnit::Nanosecond => Some(value.div_euclid(1_000)),
    }
}

fn units_per_day(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 86_400,
        TimeUnit::Millisecond => 86_400_000,
        TimeUnit::Microsecond => MICROS_PER_DAY,
        TimeUnit::Nanosecond => 86_400_000_000_000,
    }
}
