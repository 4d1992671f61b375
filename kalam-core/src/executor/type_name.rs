//! Type names: every spelling of SQL to the one table of types.

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, CharacterLength, DataType, ExactNumberInfo, ObjectName, TimezoneInfo,
};

use crate::model::KalamDataType;
use crate::{Error, Result, SqlState};

/// Largest `n` of VARCHAR(n) and CHAR(n).
///
/// Source: PostgreSQL, "8.3. Character Types".
const CHARS_MAX: u64 = 10_485_760;

/// Precision and scale of DECIMAL without arguments. PostgreSQL's has no bound,
/// ours has 38 digits: enough for amounts of money with room on both sides.
const DECIMAL_DEFAULT: (u8, u8) = (38, 10);

const KNOWN_TYPES: &str = "types are BOOLEAN, SMALLINT, INT, BIGINT, FLOAT, DOUBLE, \
    DECIMAL(p, s), TEXT, VARCHAR(n), JSON, FILE, BYTES, UUID, DATE, TIME, TIMESTAMP, DATETIME, \
    EMBEDDING(n) and lists such as TEXT[]";

/// A type as a column has it: the type, and the length of VARCHAR(n) and CHAR(n).
///
/// # Errors
/// `42704` for unknown types, `22023` for arguments out of range, `42601` for
/// arguments that the type does not take, `0A000` for types that would lose a part
/// of their meaning.
pub(crate) fn kalam_type(written: &DataType) -> Result<(KalamDataType, Option<u32>)> {
    let (data_type, chars_max) = match written {
        DataType::Character(length) | DataType::Char(length) => {
            (KalamDataType::Text, Some(chars(length.as_ref())?.unwrap_or(1)))
        }
        DataType::CharacterVarying(length)
        | DataType::CharVarying(length)
        | DataType::Varchar(length)
        | DataType::Nvarchar(length) => (KalamDataType::Text, chars(length.as_ref())?),
        DataType::Array(ArrayElemTypeDef::SquareBracket(element, None)) => {
            match kalam_type(element)? {
                (element, None) => (KalamDataType::list(element)?, None),
                (_, Some(_)) => {
                    return Err(unsupported(written).with_hint("use TEXT[], which has no length"));
                }
            }
        }
        DataType::Array(_) => {
            return Err(unsupported(written).with_hint("write a list as its element type and []"));
        }
        DataType::Custom(name, arguments) => (custom(name, arguments)?, None),
        _ => (plain(written)?, None),
    };
    Ok((data_type, chars_max))
}

/// Whether the type is SERIAL or BIGSERIAL: BIGINT with SNOWFLAKE_ID() as default.
pub(crate) fn is_serial(written: &DataType) -> bool {
    match written {
        DataType::Custom(name, arguments) if arguments.is_empty() => {
            let name = name.to_string();
            ["serial", "bigserial", "serial8"].iter().any(|s| name.eq_ignore_ascii_case(s))
        }
        _ => false,
    }
}

fn plain(written: &DataType) -> Result<KalamDataType> {
    Ok(match written {
        DataType::Boolean | DataType::Bool => KalamDataType::Boolean,
        DataType::SmallInt(None) | DataType::Int2(None) => KalamDataType::SmallInt,
        DataType::Int(None) | DataType::Integer(None) | DataType::Int4(None) => KalamDataType::Int,
        DataType::BigInt(None) | DataType::Int8(None) => KalamDataType::BigInt,
        DataType::SmallInt(_)
        | DataType::Int2(_)
        | DataType::Int(_)
        | DataType::Integer(_)
        | DataType::Int4(_)
        | DataType::BigInt(_)
        | DataType::Int8(_) => return Err(no_arguments(written)),
        DataType::Real | DataType::Float4 => KalamDataType::Float,
        DataType::Float(precision) => float(precision)?,
        DataType::DoublePrecision | DataType::Float8 => KalamDataType::Double,
        DataType::Double(ExactNumberInfo::None) => KalamDataType::Double,
        DataType::Double(_) => return Err(no_arguments(written)),
        DataType::Numeric(info) | DataType::Decimal(info) | DataType::Dec(info) => decimal(info)?,
        DataType::Text | DataType::String(None) => KalamDataType::Text,
        DataType::JSON | DataType::JSONB => KalamDataType::Json,
        DataType::Bytes(None) | DataType::Bytea | DataType::Blob(None) => KalamDataType::Bytes,
        DataType::Uuid => KalamDataType::Uuid,
        DataType::Date => KalamDataType::Date,
        DataType::Time(precision, zone) => {
            no_time_zone(written, *zone)?;
            microseconds(written, *precision)?;
            KalamDataType::Time
        }
        DataType::Timestamp(precision, zone) => {
            microseconds(written, *precision)?;
            match zone {
                TimezoneInfo::Tz | TimezoneInfo::WithTimeZone => KalamDataType::DateTime,
                TimezoneInfo::None | TimezoneInfo::WithoutTimeZone => KalamDataType::Timestamp,
            }
        }
        DataType::Datetime(precision) => {
            microseconds(written, *precision)?;
            KalamDataType::DateTime
        }
        _ => return Err(unknown(written)),
    })
}

/// Types that the parser knows nothing of.
fn custom(name: &ObjectName, arguments: &[String]) -> Result<KalamDataType> {
    let written = match arguments {
        [] => name.to_string(),
        _ => format!("{name}({})", arguments.join(", ")),
    };
    let number = || match arguments {
        [number] => number.parse::<u64>().ok(),
        _ => None,
    };
    let data_type = match (name.to_string().to_ascii_lowercase().as_str(), arguments) {
        ("embedding" | "vector", _) => {
            let dimensions = number().ok_or_else(|| {
                Error::new(
                    SqlState::INVALID_PARAMETER_VALUE,
                    format!("type {written} needs a number of dimensions"),
                )
                .with_hint("write EMBEDDING(n), 1 <= n <= 8192")
            })?;
            return KalamDataType::embedding(dimensions);
        }
        ("file", []) => KalamDataType::File,
        ("string", []) => KalamDataType::Text,
        ("serial" | "bigserial" | "serial8", []) => KalamDataType::BigInt,
        ("datetime", []) => KalamDataType::DateTime,
        ("bytes", []) => KalamDataType::Bytes,
        ("file" | "serial" | "bigserial" | "serial8" | "datetime" | "bytes", _) => {
            return Err(no_arguments(written));
        }
        _ => return Err(unknown(name)),
    };
    Ok(data_type)
}

/// FLOAT is FLOAT; FLOAT(p) has at least p binary digits.
///
/// Source: PostgreSQL, "8.1.3. Floating-Point Types".
fn float(precision: &ExactNumberInfo) -> Result<KalamDataType> {
    match precision {
        ExactNumberInfo::None => Ok(KalamDataType::Float),
        ExactNumberInfo::Precision(1..=24) => Ok(KalamDataType::Float),
        ExactNumberInfo::Precision(25..=53) => Ok(KalamDataType::Double),
        _ => Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("FLOAT{precision} is not allowed"),
        )
        .with_hint("FLOAT takes 1 to 53 binary digits")),
    }
}

fn decimal(info: &ExactNumberInfo) -> Result<KalamDataType> {
    let (precision, scale) = match info {
        ExactNumberInfo::None => (u64::from(DECIMAL_DEFAULT.0), i64::from(DECIMAL_DEFAULT.1)),
        ExactNumberInfo::Precision(precision) => (*precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (*precision, *scale),
    };
    match (u8::try_from(precision), u8::try_from(scale)) {
        (Ok(precision), Ok(scale)) => KalamDataType::decimal(precision, scale),
        _ => Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("DECIMAL({precision}, {scale}) is not allowed"),
        )
        .with_hint("DECIMAL takes a precision of 1 to 38 and a scale of 0 to the precision")),
    }
}

fn chars(length: Option<&CharacterLength>) -> Result<Option<u32>> {
    match length {
        None | Some(CharacterLength::Max) => Ok(None),
        Some(CharacterLength::IntegerLength { length, .. }) => match u32::try_from(*length) {
            Ok(n) if (1..=CHARS_MAX).contains(length) => Ok(Some(n)),
            _ => Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("length {length} of VARCHAR or CHAR is not allowed"),
            )
            .with_hint(format!("lengths are 1 to {CHARS_MAX} characters"))),
        },
    }
}

/// Times have microseconds; fewer digits would mean rounding, which is not done.
fn microseconds(written: &DataType, precision: Option<u64>) -> Result<()> {
    match precision {
        None | Some(6) => Ok(()),
        Some(_) => Err(unsupported(written).with_hint("times have six digits of seconds")),
    }
}

fn no_time_zone(written: &DataType, zone: TimezoneInfo) -> Result<()> {
    if matches!(zone, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) {
        return Err(unsupported(written).with_hint("use TIME, or DATETIME for an instant"));
    }
    Ok(())
}

fn unknown(written: impl std::fmt::Display) -> Error {
    let name = written.to_string().replace('"', "").to_lowercase();
    Error::new(SqlState::UNDEFINED_OBJECT, format!("type \"{name}\" does not exist"))
        .with_hint(KNOWN_TYPES)
}

fn unsupported(written: impl std::fmt::Display) -> Error {
    Error::new(SqlState::FEATURE_NOT_SUPPORTED, format!("type {written} is not supported"))
}

fn no_arguments(written: impl std::fmt::Display) -> Error {
    Error::new(SqlState::SYNTAX_ERROR, format!("type {written} takes no argument"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::parse::parse;
    use crate::executor::statement::Statement;

    fn written(spelling: &str) -> DataType {
        let sql = format!("CREATE TABLE t (c {spelling})");
        match parse(&sql).expect("the type parses").remove(0).statement {
            Statement::CreateTable(create) => create.columns[0].data_type.clone(),
            other => panic!("{} is no CREATE TABLE", other.name()),
        }
    }

    fn name(spelling: &str) -> String {
        let (data_type, chars_max) = kalam_type(&written(spelling)).expect(spelling);
        match chars_max {
            Some(n) => format!("{data_type} {n}"),
            None => data_type.to_string(),
        }
    }

    fn code(spelling: &str) -> &'static str {
        kalam_type(&written(spelling)).expect_err(spelling).sqlstate().as_str()
    }

    #[test]
    fn every_spelling_of_the_specification_names_its_type() {
        for (spellings, expected) in [
            ("BOOLEAN|BOOL|boolean", "BOOLEAN"),
            ("INT|INTEGER|INT4", "INT"),
            ("BIGINT|INT8|SERIAL|BIGSERIAL", "BIGINT"),
            ("DOUBLE|DOUBLE PRECISION|FLOAT8|FLOAT(53)", "DOUBLE"),
            ("FLOAT|REAL|FLOAT4|FLOAT(24)", "FLOAT"),
            ("TEXT|STRING|VARCHAR|CHARACTER VARYING", "TEXT"),
            ("TIMESTAMP|TIMESTAMP WITHOUT TIME ZONE|TIMESTAMP(6)", "TIMESTAMP"),
            ("DATETIME|TIMESTAMPTZ|TIMESTAMP WITH TIME ZONE", "DATETIME"),
            ("DATE", "DATE"),
            ("TIME|TIME(6)", "TIME"),
            ("JSON|JSONB", "JSON"),
            ("BYTES|BYTEA|BLOB", "BYTES"),
            ("EMBEDDING(384)|VECTOR(384)|embedding( 384 )", "EMBEDDING(384)"),
            ("UUID", "UUID"),
            ("DECIMAL(10, 2)|NUMERIC(10,2)|DEC(10,2)", "DECIMAL(10, 2)"),
            ("DECIMAL|NUMERIC", "DECIMAL(38, 10)"),
            ("NUMERIC(5)", "DECIMAL(5, 0)"),
            ("SMALLINT|INT2", "SMALLINT"),
            ("FILE|file", "FILE"),
            ("TEXT[]|STRING[]", "TEXT[]"),
            ("BIGINT[]", "BIGINT[]"),
            ("VARCHAR(20)|CHARACTER VARYING(20)", "TEXT 20"),
            ("CHAR(3)|CHARACTER(3)", "TEXT 3"),
            ("CHAR", "TEXT 1"),
        ] {
            for spelling in spellings.split('|') {
                assert_eq!(name(spelling), expected, "{spelling}");
            }
        }
        assert!(is_serial(&written("bigserial")) && !is_serial(&written("BIGINT")));
    }

    #[test]
    fn unknown_types_and_bad_arguments_are_refused() {
        for spelling in ["foo", "INT128", "MONEY", "POINT", "TINYINT", "INT UNSIGNED"] {
            assert_eq!(code(spelling), "42704", "{spelling}");
        }
        for spelling in
            ["EMBEDDING", "EMBEDDING(0)", "EMBEDDING(8193)", "VECTOR(x)", "DECIMAL(39, 2)"]
        {
            assert_eq!(code(spelling), "22023", "{spelling}");
        }
        for spelling in ["DECIMAL(5, 6)", "VARCHAR(0)", "FLOAT(54)", "TEXT[][]", "EMBEDDING(3)[]"] {
            assert_eq!(code(spelling), "22023", "{spelling}");
        }
        assert_eq!(code("INT(11)"), "42601");
        for spelling in ["TIMESTAMP(3)", "TIME WITH TIME ZONE", "VARCHAR(3)[]", "TEXT[3]"] {
            assert_eq!(code(spelling), "0A000", "{spelling}");
        }
        let error = kalam_type(&written("foo")).expect_err("refused");
        assert_eq!(error.message(), "type \"foo\" does not exist");
        assert!(error.hint().is_some_and(|hint| hint.contains("EMBEDDING(n)")));
    }
}
