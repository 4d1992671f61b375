//! What reads bytes of the store, for fuzz targets: optimized builds have none of it.
//!
//! Each function takes bytes that nobody wrote. They decode to an error, or to what can be
//! written again and then decodes to the same; it panics where they do not.

use std::sync::{Arc, LazyLock};

use arrow::array::ArrayRef;

use crate::Result;
use crate::flush;
use crate::model::{ColumnDefinition, ColumnId, KalamDataType, Name, SchemaVersion};
use crate::store::{DecodeTarget, KeyCodec, Layouts, RowDecoder, RowEncoder, RowLayout};

type Columns = Vec<(ColumnId, KalamDataType)>;

/// The version of new records, and the one before it, whose numbers were narrower and which
/// lacked columns.
const CURRENT: SchemaVersion = SchemaVersion(2);
const EARLIER: SchemaVersion = SchemaVersion(1);

/// A column of every type.
static COLUMNS: LazyLock<Columns> = LazyLock::new(|| {
    use KalamDataType as T;
    let types = [
        T::BigInt,
        T::Double,
        T::Text,
        T::Boolean,
        T::SmallInt,
        T::Int,
        T::Float,
        T::Decimal { precision: 38, scale: 10 },
        T::Bytes,
        T::Uuid,
        T::Date,
        T::Time,
        T::Timestamp,
        T::DateTime,
        T::Json,
        T::File,
        T::Embedding(3),
        T::List(Box::new(T::Text)),
        T::List(Box::new(T::Int)),
    ];
    (1..).map(ColumnId).zip(types).collect()
});

static LAYOUTS: LazyLock<Arc<Layouts>> = LazyLock::new(|| {
    let earlier = [KalamDataType::SmallInt, KalamDataType::Float, KalamDataType::Text];
    let earlier: Columns = (1..).map(ColumnId).zip(earlier).collect();
    let at = move |version| (version == EARLIER).then(|| earlier.clone());
    Arc::new(Layouts::new(RowLayout::new(CURRENT, &COLUMNS), at))
});

/// The types of keys, each alone and all in one.
static KEYS: LazyLock<Vec<KeyCodec>> = LazyLock::new(|| {
    let types: Vec<KalamDataType> =
        COLUMNS.iter().map(|(_, data_type)| data_type.clone()).collect();
    let mut codecs: Vec<KeyCodec> =
        types.iter().filter_map(|data_type| KeyCodec::new(vec![data_type.clone()]).ok()).collect();
    let of_keys = types.into_iter().filter(|t| KeyCodec::new(vec![t.clone()]).is_ok()).collect();
    codecs.push(KeyCodec::new(of_keys).expect("each is the type of a key"));
    codecs
});

fn decode_row(record: &[u8]) -> Result<Vec<ArrayRef>> {
    let targets = COLUMNS.iter().map(|(id, data_type)| {
        let name = Name::new("column", "c").expect("it is a name");
        DecodeTarget::column(&ColumnDefinition::new(*id, name, data_type.clone()))
    });
    let targets = targets.chain([DecodeTarget::Seq, DecodeTarget::Deleted]).collect();
    let mut decoder = RowDecoder::new(targets, LAYOUTS.clone(), 1)?;
    decoder.push(&[], record)?;
    decoder.finish_last()
}

/// Decodes a hot row of a table with a column of every type.
///
/// # Errors
/// `XX001` if the bytes are no such row.
pub fn row(record: &[u8]) -> Result<()> {
    let arrays = decode_row(record)?;
    let columns = &arrays[..COLUMNS.len()];
    let encoder = RowEncoder::new(LAYOUTS.current(), columns).expect("arrays are of the types");
    let mut again = Vec::new();
    encoder.encode(0, &mut again);
    let decoded = decode_row(&again).expect("what was written can be read");
    assert_eq!(&decoded[..COLUMNS.len()], columns);
    Ok(())
}

/// Decodes a primary key. The first byte says of which types.
///
/// # Errors
/// `XX001` if the bytes are no such key.
pub fn key(input: &[u8]) -> Result<()> {
    let Some((&number, bytes)) = input.split_first() else { return Ok(()) };
    let codec = &KEYS[usize::from(number) % KEYS.len()];
    let encode = |bytes: &[u8]| -> Result<Vec<u8>> {
        let mut key = Vec::new();
        codec.encode_scalars(&codec.decode(bytes)?, &mut key)?;
        Ok(key)
    };
    // Of numbers that are equal, such as 0.0 and -0.0, one is written.
    let written = encode(bytes)?;
    assert_eq!(encode(&written).expect("what was written can be read"), written);
    Ok(())
}

/// Decodes an entry of the manifest. The first byte says of which kind, the second how long
/// the key is; the value is the rest.
///
/// # Errors
/// `XX001` if the bytes are no such entry.
pub fn manifest(input: &[u8]) -> Result<()> {
    let [kind, key_bytes, rest @ ..] = input else { return Ok(()) };
    let (key, value) = rest.split_at(usize::from(*key_bytes).min(rest.len()));
    flush::decode_again(*kind, key, value)
}
