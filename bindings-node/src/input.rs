//! Data in: what `append` and many sets of parameters are given.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchIterator, RecordBatchReader};
use arrow::datatypes::{Field, Schema};
use kalam_core::model::ValuePlace;
use kalam_core::{ParamColumns, Params};
use napi::Result;

use crate::array::{typed_array, unite};
use crate::error::exception;
use crate::ipc;
use crate::js::{Js, Raw};
use crate::parameter::{invalid, params, scalar, text, thrown};

/// What is appended.
pub enum Data {
    /// Columns.
    Batch(RecordBatch),
    /// Bytes of Arrow IPC, which are read as they are needed.
    Ipc(Vec<u8>),
}

impl Data {
    /// Its batches.
    ///
    /// # Errors
    /// `22P04` for bytes that are no IPC.
    pub fn reader(self) -> kalam_core::Result<Box<dyn RecordBatchReader + Send>> {
        match self {
            Data::Batch(batch) => {
                let schema = batch.schema();
                Ok(Box::new(RecordBatchIterator::new([Ok(batch)], schema)))
            }
            Data::Ipc(bytes) => ipc::read(bytes),
        }
    }
}

/// Many sets of parameters.
pub enum Sets {
    /// As columns.
    Columns(ParamColumns),
    /// One by one.
    Each(Vec<Params>),
}

/// What the JavaScript half makes of data: bytes of IPC, or names and columns in turn.
pub fn data(js: Js, data: Raw) -> Result<Data> {
    if js.is_typed_array(data)? {
        return Ok(Data::Ipc(js.typed_bytes(&data)?.1.to_vec()));
    }
    columns(js, data).map(Data::Batch)
}

/// What the JavaScript half makes of sets: an array of them, or an object whose `columns` are
/// names and columns in turn.
pub fn sets(js: Js, sets: Raw) -> Result<Sets> {
    if !js.is_array(sets)? {
        let pairs = js.property(sets, js.text("columns")?)?;
        return Ok(Sets::Columns(ParamColumns::Named(vec![columns(js, pairs)?])));
    }
    let set = |index| js.scoped(|| params(js, js.item(sets, index)?));
    (0..js.length(sets)?).map(set).collect::<Result<_>>().map(Sets::Each)
}

/// Names and columns in turn.
fn columns(js: Js, pairs: Raw) -> Result<RecordBatch> {
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for place in (0..js.length(pairs)?).step_by(2) {
        let name = text(js, js.item(pairs, place)?, ValuePlace::Position(place / 2 + 1))?;
        let array = column(js, js.item(pairs, place + 1)?, &name)?;
        fields.push(Field::new(name, array.data_type().clone(), true));
        arrays.push(array);
    }
    if let Some((first, other)) = first_of_other_length(&arrays) {
        let error = invalid(format!(
            "column \"{}\" has {} values and column \"{}\" has {}",
            fields[other].name(),
            arrays[other].len(),
            fields[first].name(),
            arrays[first].len()
        ))
        .with_hint("every column needs a value for every row; use null where there is none");
        return Err(exception(js, &error));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .map_err(|error| exception(js, &invalid(error.to_string())))
}

fn first_of_other_length(arrays: &[ArrayRef]) -> Option<(usize, usize)> {
    let length = arrays.first()?.len();
    arrays.iter().position(|array| array.len() != length).map(|other| (0, other))
}

fn column(js: Js, values: Raw, name: &str) -> Result<ArrayRef> {
    if js.is_typed_array(values)? {
        let (kind, bytes) = js.typed_bytes(&values)?;
        return Ok(typed_array(kind, bytes));
    }
    if !js.is_array(values)? {
        let error = invalid(format!("column \"{name}\" is neither an array nor a typed array"));
        return Err(exception(js, &error));
    }
    let length = js.length(values)?;
    let mut read = Vec::with_capacity(length);
    for index in 0..length {
        let value = js.scoped(|| scalar(js, js.item(values, index)?, ValuePlace::Column(name)))?;
        read.push(value);
    }
    unite(&read, ValuePlace::Column(name)).map_err(thrown(js))
}

/// Rows that were changed.
#[expect(clippy::cast_precision_loss, reason = "nobody changes 2^53 rows")]
pub fn count(js: Js, rows: u64) -> Result<Raw> {
    js.number(rows as f64)
}
