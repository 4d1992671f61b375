//! Column defaults: constants and a few functions, evaluated without a planner.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Date32Array, FixedSizeBinaryArray, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, FunctionArguments};
use datafusion::sql::sqlparser::parser::Parser;
use uuid::Uuid;

use super::constant::constant;
use super::unexpected;
use crate::catalog::{ColumnDefinition, DefaultValue, Table};
use crate::env::IdSource;
use crate::executor::dialect::KalamDialect;
use crate::model::{KalamDataType, assign};
use crate::{Error, Result, SqlState};

/// Longest text of RANDOM_STRING.
pub(crate) const RANDOM_STRING_CHARS_MAX: u32 = 1_024;

const KNOWN_DEFAULTS: &str = "a default is a constant, NOW(), CURRENT_TIMESTAMP, CURRENT_DATE, \
    SNOWFLAKE_ID(), UUID_V7(), UUID(), ULID(), CURRENT_USER(), CURRENT_ROLE() or RANDOM_STRING(n)";

/// What the values of defaults come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DefaultContext<'a> {
    /// The time of the statement, in microseconds since 1970 UTC.
    pub now_us: i64,
    /// The session's user.
    pub user: &'a str,
    /// The session's role.
    pub role: &'a str,
    /// Where ids come from.
    pub ids: &'a IdSource,
}

/// The defaults of a table's columns, in their order. The first call parses them.
///
/// # Errors
/// As [`DefaultValue::parse`].
pub(crate) fn table_defaults(table: &Table) -> Result<&[Option<DefaultValue>]> {
    if let Some(parsed) = table.parsed_defaults.get() {
        return Ok(parsed);
    }
    let parse = |column: &ColumnDefinition| {
        column.default.as_ref().map(|d| DefaultValue::parse(&d.expression)).transpose()
    };
    let parsed = table.definition.columns.iter().map(parse).collect::<Result<_>>()?;
    Ok(table.parsed_defaults.get_or_init(|| parsed))
}

impl DefaultValue {
    /// Reads the canonical expression of a [`ColumnDefault`](crate::catalog::ColumnDefault).
    ///
    /// # Errors
    /// As [`DefaultValue::from_expr`], and `42601` if the text is no expression.
    pub(crate) fn parse(expression: &str) -> Result<Self> {
        let dialect = KalamDialect::for_tokens(expression.len());
        let expr = Parser::new(&dialect)
            .try_with_sql(expression)
            .and_then(|mut parser| parser.parse_expr())
            .map_err(|e| {
                Error::new(
                    SqlState::SYNTAX_ERROR,
                    format!("default expression {expression} does not parse"),
                )
                .with_source(e)
            })?;
        Self::from_expr(&expr)
    }

    /// Reads a parsed expression.
    ///
    /// # Errors
    /// `42883` for functions that cannot be defaults, `0A000` for expressions that
    /// are not constant, `22023` for a bad argument.
    pub(crate) fn from_expr(expr: &Expr) -> Result<Self> {
        match expr {
            Expr::Nested(inner) => Self::from_expr(inner),
            Expr::Function(function) => {
                let arguments = match &function.args {
                    FunctionArguments::None => Vec::new(),
                    FunctionArguments::List(list) => list.args.iter().collect(),
                    FunctionArguments::Subquery(_) => return Err(not_constant(expr)),
                };
                Self::from_function(&function.name.to_string(), &arguments)
            }
            _ => match constant(expr)? {
                Some(value) => Ok(DefaultValue::Constant(value)),
                None => Err(not_constant(expr)),
            },
        }
    }

    fn from_function(name: &str, arguments: &[&FunctionArg]) -> Result<Self> {
        let upper = name.to_ascii_uppercase();
        if upper == "RANDOM_STRING" {
            return random_string(arguments);
        }
        let value = match upper.as_str() {
            "NOW" | "CURRENT_TIMESTAMP" => DefaultValue::Now,
            "CURRENT_DATE" => DefaultValue::Today,
            "SNOWFLAKE_ID" => DefaultValue::SnowflakeId,
            "UUID_V7" => DefaultValue::UuidV7,
            "UUID" => DefaultValue::UuidV4,
            "ULID" => DefaultValue::Ulid,
            "CURRENT_USER" => DefaultValue::CurrentUser,
            "CURRENT_ROLE" => DefaultValue::CurrentRole,
            _ => {
                let name = name.to_lowercase();
                return Err(Error::new(
                    SqlState::UNDEFINED_FUNCTION,
                    format!("function {name} cannot be a default"),
                )
                .with_hint(KNOWN_DEFAULTS));
            }
        };
        if arguments.is_empty() {
            return Ok(value);
        }
        Err(Error::new(SqlState::UNDEFINED_FUNCTION, format!("function {upper} takes no argument")))
    }

    /// Checks that the values fit the column, and turns a constant into a value of
    /// the column's type.
    ///
    /// # Errors
    /// `42804` if the type does not fit; for a constant also what writing it to the
    /// column raises.
    pub(crate) fn fit(self, column: &ColumnDefinition) -> Result<Self> {
        if let DefaultValue::Constant(value) = &self {
            if value.is_null() {
                let null = ScalarValue::try_from(&column.data_type.arrow_type());
                return Ok(DefaultValue::Constant(null.map_err(unexpected)?));
            }
            let fitted = assign(column, &value.to_array().map_err(unexpected)?)?;
            let fitted = ScalarValue::try_from_array(&fitted, 0).map_err(unexpected)?;
            return Ok(DefaultValue::Constant(fitted));
        }
        if !self.fits(&column.data_type) {
            return Err(Error::new(
                SqlState::DATATYPE_MISMATCH,
                format!(
                    "column \"{}\" is of type {}, its default {} is {}",
                    column.name,
                    column.data_type,
                    self.expression(),
                    self.type_words(),
                ),
            ));
        }
        if let (Some(allowed), Some(length)) = (column.chars_max, self.chars())
            && length > allowed
            && column.data_type == KalamDataType::Text
        {
            return Err(Error::new(
                SqlState::STRING_TOO_LONG,
                format!(
                    "default {} of column \"{}\" has {length} characters, {allowed} are allowed",
                    self.expression(),
                    column.name,
                ),
            ));
        }
        Ok(self)
    }

    /// Whether each row gets a value of its own, as opposed to each statement.
    pub(crate) fn is_per_row(&self) -> bool {
        match self {
            DefaultValue::Constant(_)
            | DefaultValue::Now
            | DefaultValue::Today
            | DefaultValue::CurrentUser
            | DefaultValue::CurrentRole => false,
            DefaultValue::SnowflakeId
            | DefaultValue::UuidV7
            | DefaultValue::UuidV4
            | DefaultValue::Ulid
            | DefaultValue::RandomString(_) => true,
        }
    }

    fn fits(&self, data_type: &KalamDataType) -> bool {
        use KalamDataType::{BigInt, Date, DateTime, Text, Timestamp, Uuid};
        match self {
            DefaultValue::Constant(_) => true,
            DefaultValue::Now => matches!(data_type, DateTime | Timestamp | Date | Text),
            DefaultValue::Today => matches!(data_type, Date | DateTime | Timestamp | Text),
            DefaultValue::SnowflakeId => matches!(data_type, BigInt | Text),
            DefaultValue::UuidV7 | DefaultValue::UuidV4 => matches!(data_type, Uuid | Text),
            DefaultValue::Ulid
            | DefaultValue::CurrentUser
            | DefaultValue::CurrentRole
            | DefaultValue::RandomString(_) => matches!(data_type, Text),
        }
    }

    fn type_words(&self) -> &'static str {
        match self {
            DefaultValue::Constant(_) => "a constant",
            DefaultValue::Now => "a DATETIME",
            DefaultValue::Today => "a DATE",
            DefaultValue::SnowflakeId => "a BIGINT",
            DefaultValue::UuidV7 | DefaultValue::UuidV4 => "a UUID",
            DefaultValue::Ulid
            | DefaultValue::CurrentUser
            | DefaultValue::CurrentRole
            | DefaultValue::RandomString(_) => "a TEXT",
        }
    }

    /// Characters of every value, where that is fixed.
    fn chars(&self) -> Option<u32> {
        match self {
            DefaultValue::UuidV7 | DefaultValue::UuidV4 => Some(36),
            DefaultValue::Ulid => Some(26),
            DefaultValue::RandomString(n) => Some(*n),
            _ => None,
        }
    }

    /// The canonical expression of a function; a constant keeps its author's text.
    pub(crate) fn expression(&self) -> String {
        match self {
            DefaultValue::Constant(value) => value.to_string(),
            DefaultValue::Now => "NOW()".to_owned(),
            DefaultValue::Today => "CURRENT_DATE".to_owned(),
            DefaultValue::SnowflakeId => "SNOWFLAKE_ID()".to_owned(),
            DefaultValue::UuidV7 => "UUID_V7()".to_owned(),
            DefaultValue::UuidV4 => "UUID()".to_owned(),
            DefaultValue::Ulid => "ULID()".to_owned(),
            DefaultValue::CurrentUser => "CURRENT_USER()".to_owned(),
            DefaultValue::CurrentRole => "CURRENT_ROLE()".to_owned(),
            DefaultValue::RandomString(n) => format!("RANDOM_STRING({n})"),
        }
    }

    /// One value for each row, in the default's own type; [`assign`] takes it from
    /// there to the column's.
    ///
    /// # Errors
    /// `XX000` if Arrow refuses the array.
    pub(crate) fn array(&self, rows: usize, context: &DefaultContext<'_>) -> Result<ArrayRef> {
        let ids = context.ids;
        let text = |value: &str| Arc::new(StringArray::from(vec![value; rows])) as ArrayRef;
        Ok(match self {
            DefaultValue::Constant(value) => value.to_array_of_size(rows).map_err(unexpected)?,
            DefaultValue::Now => {
                let now = TimestampMicrosecondArray::from(vec![context.now_us; rows]);
                Arc::new(now.with_timezone("UTC"))
            }
            DefaultValue::Today => {
                let days = context.now_us.div_euclid(86_400_000_000);
                let days = i32::try_from(days).unwrap_or(i32::MAX);
                Arc::new(Date32Array::from(vec![days; rows]))
            }
            DefaultValue::SnowflakeId => {
                Arc::new(Int64Array::from_iter_values((0..rows).map(|_| ids.snowflake())))
            }
            DefaultValue::UuidV7 => uuids(rows, || ids.uuid_v7())?,
            DefaultValue::UuidV4 => uuids(rows, || ids.uuid_v4())?,
            DefaultValue::Ulid => {
                Arc::new(StringArray::from_iter_values((0..rows).map(|_| ids.ulid().to_string())))
            }
            DefaultValue::CurrentUser => text(context.user),
            DefaultValue::CurrentRole => text(context.role),
            DefaultValue::RandomString(n) => {
                let one = |_| ids.random_string(*n as usize);
                Arc::new(StringArray::from_iter_values((0..rows).map(one)))
            }
        })
    }
}

/// UUIDs as 16 bytes each.
pub(super) fn uuids(rows: usize, mut next: impl FnMut() -> Uuid) -> Result<ArrayRef> {
    if rows == 0 {
        return Ok(arrow::array::new_empty_array(&KalamDataType::Uuid.arrow_type()));
    }
    let bytes = (0..rows).map(|_| next().into_bytes());
    let array = FixedSizeBinaryArray::try_from_iter(bytes).map_err(|e| {
        Error::new(SqlState::INTERNAL_ERROR, "UUIDs do not form an array").with_source(e)
    })?;
    debug_assert_eq!(array.len(), rows);
    Ok(Arc::new(array))
}

fn random_string(arguments: &[&FunctionArg]) -> Result<DefaultValue> {
    let length = match arguments {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))] => match constant(expr)? {
            Some(ScalarValue::Int64(Some(n))) => u32::try_from(n).ok(),
            _ => None,
        },
        _ => None,
    };
    match length {
        Some(n) if (1..=RANDOM_STRING_CHARS_MAX).contains(&n) => Ok(DefaultValue::RandomString(n)),
        _ => Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            "RANDOM_STRING needs a number of characters",
        )
        .with_hint(format!("write RANDOM_STRING(n), 1 <= n <= {RANDOM_STRING_CHARS_MAX}"))),
    }
}

fn not_constant(expr: &Expr) -> Error {
    Error::new(SqlState::FEATURE_NOT_SUPPORTED, format!("default {expr} is not constant"))
        .with_hint(KNOWN_DEFAULTS)
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::DataType;

    use super::*;
    use crate::env::ManualClock;
    use crate::executor::define_table::tests::define;

    fn values(expression: &str, rows: usize) -> ArrayRef {
        let ids = IdSource::new(Arc::new(ManualClock::new(1_800_000_000_000)), 0);
        let context =
            DefaultContext { now_us: 86_400_000_001, user: "ada", role: "dba", ids: &ids };
        let value = DefaultValue::parse(expression).expect(expression);
        value.array(rows, &context).expect(expression)
    }

    fn shown(expression: &str) -> String {
        let array = values(expression, 1);
        arrow::util::display::array_value_to_string(&array, 0).expect("shown")
    }

    #[test]
    fn each_row_of_a_generated_default_differs() {
        for (expression, data_type) in [
            ("SNOWFLAKE_ID()", DataType::Int64),
            ("UUID_V7()", DataType::FixedSizeBinary(16)),
            ("UUID()", DataType::FixedSizeBinary(16)),
            ("ULID()", DataType::Utf8),
            ("RANDOM_STRING(16)", DataType::Utf8),
        ] {
            let array = values(expression, 50);
            assert_eq!(array.data_type(), &data_type);
            let texts: std::collections::HashSet<String> = (0..50)
                .map(|row| arrow::util::display::array_value_to_string(&array, row).expect("shown"))
                .collect();
            assert_eq!(texts.len(), 50, "{expression}");
            assert_eq!(values(expression, 0).len(), 0);
        }
    }

    #[test]
    fn constants_and_session_values_are_the_same_for_every_row() {
        for (expression, expected) in [
            ("NOW()", "1970-01-02T00:00:00.000001Z"),
            ("CURRENT_TIMESTAMP", "1970-01-02T00:00:00.000001Z"),
            ("CURRENT_DATE", "1970-01-02"),
            ("CURRENT_USER()", "ada"),
            ("CURRENT_USER", "ada"),
            ("current_role", "dba"),
            ("'it''s'", "it's"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("(60 * 60) - 1", "3599"),
            ("1.50", "1.50"),
            ("TRUE", "true"),
            ("NULL", ""),
            ("DATE '2020-02-29'", "2020-02-29"),
            ("'7'::INT", "7"),
            ("CAST('1.5' AS DECIMAL(4, 2))", "1.50"),
            ("ARRAY[1, NULL, 2]", "[1, , 2]"),
        ] {
            assert_eq!(shown(expression), expected, "{expression}");
        }
    }

    #[test]
    fn a_column_takes_its_constant_in_its_own_type() {
        let sql = "CREATE TABLE t (a SMALLINT DEFAULT 5, b TIMESTAMP DEFAULT '2020-01-01 00:00:00', \
            c TEXT DEFAULT NULL)";
        let table = define(sql).expect("valid");
        let fitted = |index: usize| {
            let column = &table.columns[index];
            let default = column.default.as_ref().expect("the column has one");
            DefaultValue::parse(&default.expression).and_then(|d| d.fit(column)).expect("valid")
        };
        let midnight = ScalarValue::TimestampMicrosecond(Some(1_577_836_800_000_000), None);
        assert_eq!(fitted(0), DefaultValue::Constant(ScalarValue::Int16(Some(5))));
        assert_eq!(fitted(1), DefaultValue::Constant(midnight));
        assert_eq!(fitted(2), DefaultValue::Constant(ScalarValue::Utf8(None)));
        for column in
            ["a SMALLINT DEFAULT 40000", "a INT DEFAULT 'x'", "a VARCHAR(2) DEFAULT 'abc'"]
        {
            define(&format!("CREATE TABLE t ({column})")).expect_err(column);
        }
    }
}
