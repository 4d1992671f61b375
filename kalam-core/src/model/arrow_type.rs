//! The one lossless conversion between KalamDataType and Arrow.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};

use super::KalamDataType;
use crate::{Error, Result, SqlState};

/// Field metadata key that holds the canonical spelling of the exact type.
pub const KALAM_DATA_TYPE_KEY: &str = "kalam_data_type";

/// Field metadata key of Arrow's extension types; `arrow.json` is understood.
const EXTENSION_NAME_KEY: &str = "ARROW:extension:name";

static UTC: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from("UTC"));
static EMBEDDING_ITEM: LazyLock<FieldRef> =
    LazyLock::new(|| Arc::new(Field::new("item", DataType::Float32, false)));
/// DATETIME is the common type that is not free to build.
static DATETIME: LazyLock<DataType> =
    LazyLock::new(|| DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.clone())));
static TEXT_ITEM: LazyLock<FieldRef> =
    LazyLock::new(|| Arc::new(Field::new("item", DataType::Utf8, true)));

impl KalamDataType {
    /// The Arrow type: the one in which every array of this type is held.
    #[must_use]
    pub fn arrow_type(&self) -> DataType {
        match self {
            KalamDataType::Boolean => DataType::Boolean,
            KalamDataType::SmallInt => DataType::Int16,
            KalamDataType::Int => DataType::Int32,
            KalamDataType::BigInt => DataType::Int64,
            KalamDataType::Float => DataType::Float32,
            KalamDataType::Double => DataType::Float64,
            KalamDataType::Decimal { precision, scale } => {
                DataType::Decimal128(*precision, scale.cast_signed())
            }
            KalamDataType::Text | KalamDataType::Json | KalamDataType::File => DataType::Utf8,
            KalamDataType::Bytes => DataType::Binary,
            KalamDataType::Uuid => DataType::FixedSizeBinary(16),
            KalamDataType::Date => DataType::Date32,
            KalamDataType::Time => DataType::Time64(TimeUnit::Microsecond),
            KalamDataType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            KalamDataType::DateTime => DATETIME.clone(),
            KalamDataType::Embedding(dimensions) => {
                DataType::FixedSizeList(EMBEDDING_ITEM.clone(), i32::from(*dimensions))
            }
            KalamDataType::List(element) => DataType::List(element.list_item_field()),
        }
    }

    /// The field of the elements of a list of this type: `item`, nullable.
    pub(crate) fn list_item_field(&self) -> FieldRef {
        match self.arrow_type() {
            DataType::Utf8 => TEXT_ITEM.clone(),
            data_type => Arc::new(Field::new("item", data_type, true)),
        }
    }

    /// The field of a column of this type, with the exact type in the metadata
    /// under `kalam_data_type`.
    #[must_use]
    pub fn arrow_field(&self, name: &str, nullable: bool) -> Field {
        Field::new(name, self.arrow_type(), nullable)
            .with_metadata(HashMap::from([(KALAM_DATA_TYPE_KEY.to_owned(), self.to_string())]))
    }

    /// The type of a column that holds the values of `field`: what its metadata
    /// says if that fits the Arrow type, else the type nearest to the Arrow type.
    ///
    /// # Errors
    /// `0A000` if no type holds such values.
    pub fn from_arrow_field(field: &Field) -> Result<KalamDataType> {
        let nearest = Self::from_arrow_type(field.data_type()).map_err(|e| {
            Error::new(e.sqlstate(), format!("column \"{}\" has {}", field.name(), e.message()))
                .with_hint(e.hint().unwrap_or_default().to_owned())
        })?;
        let metadata = field.metadata();
        if let Some(spelling) = metadata.get(KALAM_DATA_TYPE_KEY)
            && let Ok(declared) = spelling.parse::<KalamDataType>()
            && declared.arrow_type() == nearest.arrow_type()
        {
            return Ok(declared);
        }
        let is_json = metadata.get(EXTENSION_NAME_KEY).is_some_and(|name| name == "arrow.json");
        if is_json && nearest == KalamDataType::Text {
            return Ok(KalamDataType::Json);
        }
        Ok(nearest)
    }

    /// The SQL name of the type of a result's column, or the Arrow one where SQL has none.
    #[must_use]
    pub fn name_of_arrow_field(field: &Field) -> String {
        Self::from_arrow_field(field)
            .map_or_else(|_| field.data_type().to_string(), |known| known.to_string())
    }

    /// The SQL name of the type nearest to an Arrow type, or the Arrow one where SQL has none.
    #[must_use]
    pub fn name_of_arrow_type(data_type: &DataType) -> String {
        Self::from_arrow_type(data_type)
            .map_or_else(|_| data_type.to_string(), |known| known.to_string())
    }

    /// The type nearest to an Arrow type. Unsigned integers become the next wider
    /// signed type, NULL becomes TEXT as in PostgreSQL's CREATE TABLE AS.
    ///
    /// # Errors
    /// `0A000` if no type holds such values.
    pub fn from_arrow_type(data_type: &DataType) -> Result<KalamDataType> {
        Ok(match data_type {
            DataType::Boolean => KalamDataType::Boolean,
            DataType::Int8 | DataType::UInt8 | DataType::Int16 => KalamDataType::SmallInt,
            DataType::UInt16 | DataType::Int32 => KalamDataType::Int,
            DataType::UInt32 | DataType::Int64 => KalamDataType::BigInt,
            DataType::UInt64 => KalamDataType::Decimal { precision: 20, scale: 0 },
            DataType::Float16 | DataType::Float32 => KalamDataType::Float,
            DataType::Float64 => KalamDataType::Double,
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal128(precision, scale) => {
                return nearest_decimal(*precision, *scale).ok_or_else(|| unsupported(data_type));
            }
            DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                KalamDataType::Text
            }
            DataType::FixedSizeBinary(16) => KalamDataType::Uuid,
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => KalamDataType::Bytes,
            DataType::Date32 | DataType::Date64 => KalamDataType::Date,
            DataType::Time32(_) | DataType::Time64(_) => KalamDataType::Time,
            DataType::Timestamp(_, None) => KalamDataType::Timestamp,
            DataType::Timestamp(_, Some(_)) => KalamDataType::DateTime,
            DataType::FixedSizeList(item, size) if item.data_type().is_floating() => {
                let size = u64::try_from(*size).map_err(|_| unsupported(data_type))?;
                Self::embedding(size).map_err(|e| unsupported(data_type).with_source(e))?
            }
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                let element = Self::from_arrow_field(item)
                    .map_err(|e| unsupported(data_type).with_source(e))?;
                Self::list(element).map_err(|e| unsupported(data_type).with_source(e))?
            }
            DataType::Dictionary(_, value) => Self::from_arrow_type(value)?,
            DataType::RunEndEncoded(_, values) => Self::from_arrow_type(values.data_type())?,
            _ => return Err(unsupported(data_type)),
        })
    }
}

/// DECIMAL with room for every value of an Arrow decimal, whose scale may be
/// negative or larger than its precision.
fn nearest_decimal(precision: u8, scale: i8) -> Option<KalamDataType> {
    let (precision, scale) = match u8::try_from(scale) {
        Ok(scale) => (precision.max(scale), scale),
        Err(_) => (precision.checked_add(scale.unsigned_abs())?, 0),
    };
    KalamDataType::decimal(precision, scale).ok()
}

fn unsupported(data_type: &DataType) -> Error {
    Error::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        format!("arrow type {data_type}, which no column type holds"),
    )
    .with_hint(
        "convert it to a boolean, number, text, binary, date, time, timestamp, \
         or a list of one of these",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::data_type::tests::any_type;
    use super::*;

    #[test]
    fn metadata_wins_only_where_it_fits() {
        let json = KalamDataType::Json.arrow_field("a", true);
        assert_eq!(KalamDataType::from_arrow_field(&json).expect("known"), KalamDataType::Json);
        let large = json.clone().with_data_type(DataType::LargeUtf8);
        assert_eq!(KalamDataType::from_arrow_field(&large).expect("known"), KalamDataType::Json);
        let number = json.with_data_type(DataType::Int64);
        assert_eq!(KalamDataType::from_arrow_field(&number).expect("known"), KalamDataType::BigInt);
    }

    #[test]
    fn what_clients_send_has_a_nearest_type() {
        let item = |t| Arc::new(Field::new("element", t, true));
        let cases = [
            (DataType::Utf8View, "TEXT"),
            (DataType::Int8, "SMALLINT"),
            (DataType::UInt16, "INT"),
            (DataType::UInt32, "BIGINT"),
            (DataType::UInt64, "DECIMAL(20, 0)"),
            (DataType::BinaryView, "BYTES"),
            (DataType::FixedSizeBinary(16), "UUID"),
            (DataType::FixedSizeBinary(4), "BYTES"),
            (DataType::Timestamp(TimeUnit::Nanosecond, None), "TIMESTAMP"),
            (DataType::Timestamp(TimeUnit::Second, Some("+02:00".into())), "DATETIME"),
            (DataType::Date64, "DATE"),
            (DataType::Time32(TimeUnit::Second), "TIME"),
            (DataType::FixedSizeList(item(DataType::Float64), 3), "EMBEDDING(3)"),
            (DataType::FixedSizeList(item(DataType::Int32), 3), "INT[]"),
            (DataType::LargeList(item(DataType::LargeUtf8)), "TEXT[]"),
            (DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8)), "TEXT"),
            (DataType::Decimal128(5, -2), "DECIMAL(7, 0)"),
            (DataType::Decimal32(2, 4), "DECIMAL(4, 4)"),
        ];
        for (arrow, kalam) in cases {
            let found = KalamDataType::from_arrow_type(&arrow).expect("has a nearest type");
            assert_eq!(found.to_string(), kalam, "{arrow}");
        }
    }

    #[test]
    fn types_that_nothing_holds_are_refused_by_name() {
        let item = Arc::new(Field::new("item", DataType::Int32, true));
        let nested = Arc::new(Field::new("item", DataType::List(item.clone()), true));
        for arrow in [
            DataType::Decimal256(40, 2),
            DataType::Struct(vec![item].into()),
            DataType::List(nested),
            DataType::Duration(TimeUnit::Second),
        ] {
            let field = Field::new("c", arrow, true);
            let error = KalamDataType::from_arrow_field(&field).expect_err("not held");
            assert_eq!(error.sqlstate(), SqlState::FEATURE_NOT_SUPPORTED);
            assert!(error.message().starts_with("column \"c\" has arrow type "), "{error}");
        }
    }

    proptest! {
        #[test]
        fn every_type_survives_arrow(data_type in any_type(), nullable: bool) {
            let field = data_type.arrow_field("a", nullable);
            prop_assert_eq!(KalamDataType::from_arrow_field(&field)?, data_type);
        }
    }
}
