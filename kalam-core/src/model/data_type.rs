//! The one table of types.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Result, SqlState};

/// The exact type of a column. The wire tag of each is in `FORMAT.md`.
///
/// [`Display`](fmt::Display) writes the canonical SQL spelling, [`FromStr`] reads it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum KalamDataType {
    /// true or false.
    Boolean,
    /// 16-bit signed integer.
    SmallInt,
    /// 32-bit signed integer.
    Int,
    /// 64-bit signed integer.
    BigInt,
    /// 32-bit float.
    Float,
    /// 64-bit float.
    Double,
    /// Fixed-point number: 1 <= precision <= 38, 0 <= scale <= precision.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// UTF-8 text.
    Text,
    /// JSON text, checked when it is written.
    Json,
    /// Reference to a stored object, as JSON text: path, size, mime, sha256.
    File,
    /// Bytes.
    Bytes,
    /// 16 bytes, written as a UUID.
    Uuid,
    /// Days since 1970-01-01.
    Date,
    /// Microseconds since midnight.
    Time,
    /// Microseconds since 1970-01-01 without a time zone.
    Timestamp,
    /// Microseconds since 1970-01-01 UTC.
    DateTime,
    /// Vector of 32-bit floats, 1 to 8192 of them.
    Embedding(u16),
    /// List of a scalar type.
    List(Box<KalamDataType>),
}

/// The types without parameters: wire tag, canonical spelling.
const PLAIN_TYPES: [(u8, &str, KalamDataType); 15] = [
    (0x01, "BOOLEAN", KalamDataType::Boolean),
    (0x02, "INT", KalamDataType::Int),
    (0x03, "BIGINT", KalamDataType::BigInt),
    (0x04, "DOUBLE", KalamDataType::Double),
    (0x05, "FLOAT", KalamDataType::Float),
    (0x06, "TEXT", KalamDataType::Text),
    (0x07, "TIMESTAMP", KalamDataType::Timestamp),
    (0x08, "DATE", KalamDataType::Date),
    (0x09, "DATETIME", KalamDataType::DateTime),
    (0x0A, "TIME", KalamDataType::Time),
    (0x0B, "JSON", KalamDataType::Json),
    (0x0C, "BYTES", KalamDataType::Bytes),
    (0x0E, "UUID", KalamDataType::Uuid),
    (0x10, "SMALLINT", KalamDataType::SmallInt),
    (0x11, "FILE", KalamDataType::File),
];
const TAG_EMBEDDING: u8 = 0x0D;
const TAG_DECIMAL: u8 = 0x0F;
const TAG_LIST: u8 = 0x12;

impl KalamDataType {
    /// Largest number of digits of a DECIMAL.
    pub const DECIMAL_PRECISION_MAX: u8 = 38;
    /// Largest number of dimensions of an EMBEDDING.
    pub const EMBEDDING_DIMENSIONS_MAX: u16 = 8192;

    /// DECIMAL with `precision` digits in all, `scale` of them after the point.
    ///
    /// # Errors
    /// `22023` unless 1 <= precision <= 38 and scale <= precision.
    pub fn decimal(precision: u8, scale: u8) -> Result<Self> {
        if !(1..=Self::DECIMAL_PRECISION_MAX).contains(&precision) {
            return Err(invalid(format!("precision {precision} of DECIMAL is not allowed"))
                .with_hint("the precision of DECIMAL is 1 to 38"));
        }
        if scale > precision {
            return Err(invalid(format!(
                "scale {scale} of DECIMAL is larger than its precision {precision}"
            ))
            .with_hint("the scale of DECIMAL is 0 to its precision"));
        }
        Ok(KalamDataType::Decimal { precision, scale })
    }

    /// EMBEDDING with this many dimensions.
    ///
    /// # Errors
    /// `22023` unless 1 <= dimensions <= 8192.
    pub fn embedding(dimensions: u64) -> Result<Self> {
        u16::try_from(dimensions)
            .ok()
            .filter(|n| (1..=Self::EMBEDDING_DIMENSIONS_MAX).contains(n))
            .map(KalamDataType::Embedding)
            .ok_or_else(|| {
                invalid(format!("EMBEDDING({dimensions}) is not allowed"))
                    .with_hint("EMBEDDING takes 1 to 8192 dimensions")
            })
    }

    /// List of `element`, which is a scalar type.
    ///
    /// # Errors
    /// `22023` if the element is a list or an EMBEDDING.
    pub fn list(element: KalamDataType) -> Result<Self> {
        if element.is_scalar() {
            Ok(KalamDataType::List(Box::new(element)))
        } else {
            Err(invalid(format!("a list of {element} is not allowed"))
                .with_hint("list elements are scalar types, not lists or embeddings"))
        }
    }

    /// Whether a value is one thing: everything but EMBEDDING and lists.
    #[must_use]
    pub fn is_scalar(&self) -> bool {
        !matches!(self, KalamDataType::Embedding(_) | KalamDataType::List(_))
    }

    /// Bytes of a value in a row record, or `None` where values differ in length.
    /// EMBEDDING counts as variable: it would bloat the fixed-width area of rows
    /// in which it is NULL.
    #[must_use]
    pub fn is_fixed_width(&self) -> Option<usize> {
        match self {
            KalamDataType::Boolean => Some(1),
            KalamDataType::SmallInt => Some(2),
            KalamDataType::Int | KalamDataType::Float | KalamDataType::Date => Some(4),
            KalamDataType::BigInt
            | KalamDataType::Double
            | KalamDataType::Time
            | KalamDataType::Timestamp
            | KalamDataType::DateTime => Some(8),
            KalamDataType::Decimal { .. } | KalamDataType::Uuid => Some(16),
            KalamDataType::Text
            | KalamDataType::Json
            | KalamDataType::File
            | KalamDataType::Bytes
            | KalamDataType::Embedding(_)
            | KalamDataType::List(_) => None,
        }
    }

    /// Whether every value of this type is a value of `to`, so that changing a
    /// column from this type to `to` is a change of the catalog alone.
    #[must_use]
    pub fn widens_to(&self, to: &KalamDataType) -> bool {
        use KalamDataType::{BigInt, Decimal, Double, Float, Int, SmallInt, Text};
        match (self, to) {
            (from, to) if from == to => true,
            (_, Text) => true,
            (SmallInt, Int | BigInt) | (Int, BigInt) | (Float, Double) => true,
            (
                Decimal { precision: from_precision, scale: from_scale },
                Decimal { precision, scale },
            ) => from_scale <= scale && from_precision - from_scale <= precision - scale,
            _ => false,
        }
    }

    /// Appends the wire form: the tag, then the parameters.
    pub fn encode_wire(&self, out: &mut Vec<u8>) {
        match self {
            KalamDataType::Embedding(dimensions) => {
                out.push(TAG_EMBEDDING);
                out.extend_from_slice(&u32::from(*dimensions).to_le_bytes());
            }
            KalamDataType::Decimal { precision, scale } => {
                out.extend_from_slice(&[TAG_DECIMAL, *precision, *scale]);
            }
            KalamDataType::List(element) => {
                out.push(TAG_LIST);
                element.encode_wire(out);
            }
            plain => out.push(plain.plain_entry().0),
        }
    }

    /// Reads the wire form from the start of `bytes`; also says how many bytes it
    /// took.
    ///
    /// # Errors
    /// `XX001` if the bytes are no type.
    pub fn decode_wire(bytes: &[u8]) -> Result<(Self, usize)> {
        let damaged = || Error::new(SqlState::DATA_CORRUPTED, "stored data type is damaged");
        let refused = |e: Error| damaged().with_source(e);
        let (&tag, rest) = bytes.split_first().ok_or_else(damaged)?;
        match tag {
            TAG_EMBEDDING => {
                let dimensions = rest.first_chunk::<4>().ok_or_else(damaged)?;
                let dimensions = u64::from(u32::from_le_bytes(*dimensions));
                Ok((Self::embedding(dimensions).map_err(refused)?, 5))
            }
            TAG_DECIMAL => {
                let [precision, scale] = *rest.first_chunk::<2>().ok_or_else(damaged)?;
                Ok((Self::decimal(precision, scale).map_err(refused)?, 3))
            }
            // Checked before the recursion, which is therefore one level deep.
            TAG_LIST if rest.first() == Some(&TAG_LIST) => Err(damaged()),
            TAG_LIST => {
                let (element, used) = Self::decode_wire(rest)?;
                Ok((Self::list(element).map_err(refused)?, used + 1))
            }
            _ => PLAIN_TYPES
                .iter()
                .find(|(plain_tag, ..)| *plain_tag == tag)
                .map(|(.., data_type)| (data_type.clone(), 1))
                .ok_or_else(damaged),
        }
    }

    fn plain_entry(&self) -> &'static (u8, &'static str, KalamDataType) {
        PLAIN_TYPES
            .iter()
            .find(|(.., data_type)| data_type == self)
            .expect("every type without parameters is in the table")
    }
}

fn invalid(message: String) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

impl fmt::Display for KalamDataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KalamDataType::Decimal { precision, scale } => {
                write!(f, "DECIMAL({precision}, {scale})")
            }
            KalamDataType::Embedding(dimensions) => write!(f, "EMBEDDING({dimensions})"),
            KalamDataType::List(element) => write!(f, "{element}[]"),
            plain => f.write_str(plain.plain_entry().1),
        }
    }
}

impl FromStr for KalamDataType {
    type Err = Error;

    /// Reads the canonical spelling; letter case and spaces do not matter.
    fn from_str(text: &str) -> Result<Self> {
        let unknown =
            || Error::new(SqlState::UNDEFINED_OBJECT, format!("type \"{text}\" does not exist"));
        let spelling = text.trim();
        if let Some(element) = spelling.strip_suffix("[]") {
            if element.ends_with(']') {
                return Err(invalid(format!("a list of {element} is not allowed"))
                    .with_hint("list elements are scalar types, not lists or embeddings"));
            }
            return Self::list(element.parse()?);
        }
        let Some((word, arguments)) = spelling.split_once('(') else {
            return PLAIN_TYPES
                .iter()
                .find(|(_, name, _)| name.eq_ignore_ascii_case(spelling))
                .map(|(.., data_type)| data_type.clone())
                .ok_or_else(unknown);
        };
        let arguments = arguments.strip_suffix(')').ok_or_else(unknown)?;
        let number = |argument: &str| argument.trim().parse::<u64>().map_err(|_| unknown());
        if word.trim().eq_ignore_ascii_case("EMBEDDING") {
            return Self::embedding(number(arguments)?);
        }
        if word.trim().eq_ignore_ascii_case("DECIMAL") {
            let (precision, scale) = arguments.split_once(',').ok_or_else(unknown)?;
            // A number past u8 is out of range whatever it is.
            let byte = |n: u64| u8::try_from(n).unwrap_or(u8::MAX);
            return Self::decimal(byte(number(precision)?), byte(number(scale)?));
        }
        Err(unknown())
    }
}

impl TryFrom<String> for KalamDataType {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<KalamDataType> for String {
    fn from(data_type: KalamDataType) -> String {
        data_type.to_string()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Any scalar type.
    pub(crate) fn any_scalar_type() -> impl Strategy<Value = KalamDataType> {
        prop_oneof![
            8 => proptest::sample::select(
                PLAIN_TYPES.iter().map(|(.., t)| t.clone()).collect::<Vec<_>>()
            ),
            2 => (1u8..=38).prop_flat_map(|precision| {
                (0..=precision)
                    .prop_map(move |scale| KalamDataType::Decimal { precision, scale })
            }),
        ]
    }

    /// Any type; embeddings have few dimensions.
    pub(crate) fn any_type() -> impl Strategy<Value = KalamDataType> {
        prop_oneof![
            6 => any_scalar_type(),
            1 => (1u16..10).prop_map(KalamDataType::Embedding),
            2 => any_scalar_type().prop_map(|t| KalamDataType::List(Box::new(t))),
        ]
    }

    #[test]
    fn wire_tags_never_change() {
        let wire = |data_type: KalamDataType| {
            let mut out = Vec::new();
            data_type.encode_wire(&mut out);
            out
        };
        let expected = [
            (KalamDataType::Boolean, 0x01),
            (KalamDataType::Int, 0x02),
            (KalamDataType::BigInt, 0x03),
            (KalamDataType::Double, 0x04),
            (KalamDataType::Float, 0x05),
            (KalamDataType::Text, 0x06),
            (KalamDataType::Timestamp, 0x07),
            (KalamDataType::Date, 0x08),
            (KalamDataType::DateTime, 0x09),
            (KalamDataType::Time, 0x0A),
            (KalamDataType::Json, 0x0B),
            (KalamDataType::Bytes, 0x0C),
            (KalamDataType::Uuid, 0x0E),
            (KalamDataType::SmallInt, 0x10),
            (KalamDataType::File, 0x11),
        ];
        for (data_type, tag) in expected {
            assert_eq!(wire(data_type), [tag]);
        }
        assert_eq!(wire(KalamDataType::Embedding(384)), [0x0D, 0x80, 0x01, 0, 0]);
        let decimal = KalamDataType::Decimal { precision: 38, scale: 10 };
        assert_eq!(wire(decimal.clone()), [0x0F, 38, 10]);
        assert_eq!(wire(KalamDataType::List(Box::new(decimal))), [0x12, 0x0F, 38, 10]);
    }

    #[test]
    fn parameters_out_of_range_are_refused_with_what_is_allowed() {
        let state = |result: Result<KalamDataType>| {
            result.map_err(|e| e.sqlstate()).expect_err("the type is not allowed")
        };
        let refused = SqlState::INVALID_PARAMETER_VALUE;
        assert_eq!(state(KalamDataType::decimal(0, 0)), refused);
        assert_eq!(state(KalamDataType::decimal(39, 0)), refused);
        assert_eq!(state(KalamDataType::decimal(5, 6)), refused);
        assert_eq!(state(KalamDataType::embedding(0)), refused);
        assert_eq!(state(KalamDataType::embedding(8193)), refused);
        assert_eq!(state(KalamDataType::embedding(1 << 40)), refused);
        assert_eq!(state("DECIMAL(999, 0)".parse()), refused);
        assert_eq!(state("EMBEDDING(3)[]".parse()), refused);
        assert_eq!(state("INT[][]".parse()), refused);
        assert_eq!(state("MONEY".parse()), SqlState::UNDEFINED_OBJECT);
        assert!(KalamDataType::embedding(8192).is_ok());
        assert!(KalamDataType::decimal(38, 38).is_ok());
    }

    #[test]
    fn widening_keeps_every_value() {
        let decimal = |precision, scale| KalamDataType::Decimal { precision, scale };
        assert!(KalamDataType::SmallInt.widens_to(&KalamDataType::BigInt));
        assert!(!KalamDataType::BigInt.widens_to(&KalamDataType::Int));
        assert!(decimal(10, 2).widens_to(&decimal(12, 4)));
        assert!(!decimal(10, 2).widens_to(&decimal(10, 4)));
        assert!(KalamDataType::Embedding(3).widens_to(&KalamDataType::Text));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn spelling_and_wire_form_round_trip(data_type in any_type()) {
            prop_assert_eq!(&data_type.to_string().parse::<KalamDataType>()?, &data_type);
            let mut wire = Vec::new();
            data_type.encode_wire(&mut wire);
            let length = wire.len();
            wire.extend_from_slice(b"more");
            prop_assert_eq!(KalamDataType::decode_wire(&wire)?, (data_type, length));
        }

        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
            let _ = KalamDataType::decode_wire(&bytes);
        }
    }
}
