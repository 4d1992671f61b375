//! GetInfo and GetTableTypes.

use std::sync::Arc;

use adbc_core::constants as c;
use adbc_core::schemas::{GET_INFO_SCHEMA, GET_TABLE_TYPES_SCHEMA};
use arrow::array::{
    ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, UInt32Array, UnionArray,
    new_empty_array,
};
use arrow::datatypes::DataType;
use kalam_core::{Error, Result, SqlState};

use super::rows::Rows;

/// Kinds of tables, as information_schema names them.
const TABLE_TYPES: [&str; 2] = ["BASE TABLE", "VIEW"];

enum Value {
    Text(&'static str),
    Flag(bool),
    Number(i64),
}

const INFO: [(u32, Value); 9] = [
    (c::ADBC_INFO_VENDOR_NAME, Value::Text("KalamDB")),
    (c::ADBC_INFO_VENDOR_VERSION, Value::Text(env!("CARGO_PKG_VERSION"))),
    (c::ADBC_INFO_VENDOR_ARROW_VERSION, Value::Text(arrow::ARROW_VERSION)),
    (c::ADBC_INFO_VENDOR_SQL, Value::Flag(true)),
    (c::ADBC_INFO_VENDOR_SUBSTRAIT, Value::Flag(false)),
    (c::ADBC_INFO_DRIVER_NAME, Value::Text("KalamDB ADBC driver")),
    (c::ADBC_INFO_DRIVER_VERSION, Value::Text(env!("CARGO_PKG_VERSION"))),
    (c::ADBC_INFO_DRIVER_ARROW_VERSION, Value::Text(arrow::ARROW_VERSION)),
    (c::ADBC_INFO_DRIVER_ADBC_VERSION, Value::Number(c::ADBC_VERSION_1_1_0 as i64)),
];

/// A row for each code that is asked for and known; without codes, for all.
///
/// # Errors
/// Never but for a bug.
pub(super) fn info(codes: Option<&[u32]>) -> Result<Rows> {
    let asked = |code: u32| codes.is_none_or(|codes| codes.contains(&code));
    let (mut names, mut types, mut offsets) = (Vec::new(), Vec::new(), Vec::new());
    let (mut texts, mut flags, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
    for (code, value) in INFO.iter().filter(|(code, _)| asked(*code)) {
        let (member, offset) = match value {
            Value::Text(text) => (0, push(&mut texts, *text)),
            Value::Flag(flag) => (1, push(&mut flags, *flag)),
            Value::Number(number) => (2, push(&mut numbers, *number)),
        };
        names.push(*code);
        types.push(member);
        offsets.push(offset);
    }
    let DataType::Union(fields, _) = GET_INFO_SCHEMA.field(1).data_type() else {
        return Err(Error::new(SqlState::INTERNAL_ERROR, "the info schema has no union"));
    };
    let mut members: Vec<ArrayRef> =
        fields.iter().map(|(_, field)| new_empty_array(field.data_type())).collect();
    members[0] = Arc::new(StringArray::from(texts));
    members[1] = Arc::new(BooleanArray::from(flags));
    members[2] = Arc::new(Int64Array::from(numbers));
    let values = UnionArray::try_new(fields.clone(), types.into(), Some(offsets.into()), members)
        .map_err(internal)?;
    batch(GET_INFO_SCHEMA.clone(), vec![Arc::new(UInt32Array::from(names)), Arc::new(values)])
}

/// The kinds of tables.
///
/// # Errors
/// Never but for a bug.
pub(super) fn table_types() -> Result<Rows> {
    let names: ArrayRef = Arc::new(StringArray::from(TABLE_TYPES.to_vec()));
    batch(GET_TABLE_TYPES_SCHEMA.clone(), vec![names])
}

/// Adds a value, and returns its place.
pub(super) fn push<T>(values: &mut Vec<T>, value: T) -> i32 {
    values.push(value);
    i32::try_from(values.len() - 1).unwrap_or(i32::MAX)
}

/// Rows of a schema that the interface fixes.
pub(super) fn batch(schema: arrow::datatypes::SchemaRef, columns: Vec<ArrayRef>) -> Result<Rows> {
    RecordBatch::try_new(schema, columns).map(Rows::batch).map_err(internal)
}

/// The error of a structure that does not fit its schema.
pub(super) fn internal(error: arrow::error::ArrowError) -> Error {
    Error::new(SqlState::INTERNAL_ERROR, format!("the metadata cannot be built: {error}"))
        .with_source(error)
}
