//! The columns that an appender fills.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, FixedSizeListBuilder, Float32Builder, Float64Builder,
    Int64Builder, NullArray, RecordBatch, RecordBatchOptions, StringBuilder,
};
use arrow::datatypes::{Field, Schema};
use kalam_core::{Error, SqlState};

use crate::failure::{Failure, Result};
use crate::status::KalamStatus;
use crate::vector::item;

/// A value for a column.
#[derive(Clone, Copy)]
pub enum Appended<'a> {
    Null,
    Bool(bool),
    Int64(i64),
    Double(f64),
    Text(&'a str),
    Blob(&'a [u8]),
    Vector(&'a [f32]),
}

impl Appended<'_> {
    fn kind(self) -> &'static str {
        match self {
            Appended::Null => "NULL",
            Appended::Bool(_) => "boolean",
            Appended::Int64(_) => "integer",
            Appended::Double(_) => "double",
            Appended::Text(_) => "text",
            Appended::Blob(_) => "blob",
            Appended::Vector(_) => "vector",
        }
    }
}

/// What a column holds, which its first value decides.
enum Builder {
    /// So many NULLs.
    Nulls(usize),
    Bool(BooleanBuilder),
    Int64(Int64Builder),
    Double(Float64Builder),
    Text(StringBuilder),
    Blob(BinaryBuilder),
    Vector(Box<FixedSizeListBuilder<Float32Builder>>),
}

impl Builder {
    fn kind(&self) -> &'static str {
        match self {
            Builder::Nulls(_) => "NULL",
            Builder::Bool(_) => "boolean",
            Builder::Int64(_) => "integer",
            Builder::Double(_) => "double",
            Builder::Text(_) => "text",
            Builder::Blob(_) => "blob",
            Builder::Vector(_) => "vector",
        }
    }

    /// For values of this kind, after so many NULLs.
    fn of(value: Appended<'_>, nulls: usize) -> Builder {
        let mut builder = match value {
            Appended::Null => return Builder::Nulls(nulls),
            Appended::Bool(_) => Builder::Bool(BooleanBuilder::new()),
            Appended::Int64(_) => Builder::Int64(Int64Builder::new()),
            Appended::Double(_) => Builder::Double(Float64Builder::new()),
            Appended::Text(_) => Builder::Text(StringBuilder::new()),
            Appended::Blob(_) => Builder::Blob(BinaryBuilder::new()),
            Appended::Vector(items) => {
                let list = FixedSizeListBuilder::new(Float32Builder::new(), items.len() as i32);
                Builder::Vector(Box::new(list.with_field(item())))
            }
        };
        for _ in 0..nulls {
            builder.append_null();
        }
        builder
    }

    fn append_null(&mut self) {
        match self {
            Builder::Nulls(count) => *count += 1,
            Builder::Bool(builder) => builder.append_null(),
            Builder::Int64(builder) => builder.append_null(),
            Builder::Double(builder) => builder.append_null(),
            Builder::Text(builder) => builder.append_null(),
            Builder::Blob(builder) => builder.append_null(),
            Builder::Vector(builder) => {
                let length = builder.value_length() as usize;
                builder.values().append_slice(&[0.0; crate::vector::ITEMS_MAX][..length]);
                builder.append(false);
            }
        }
    }

    /// Whether the value is of the column's kind, and was appended.
    fn append(&mut self, value: Appended<'_>) -> bool {
        match (&mut *self, value) {
            (Builder::Nulls(count), value) if !matches!(value, Appended::Null) => {
                *self = Builder::of(value, *count);
                return self.append(value);
            }
            (_, Appended::Null) => self.append_null(),
            (Builder::Bool(builder), Appended::Bool(value)) => builder.append_value(value),
            (Builder::Int64(builder), Appended::Int64(value)) => builder.append_value(value),
            (Builder::Double(builder), Appended::Double(value)) => builder.append_value(value),
            (Builder::Text(builder), Appended::Text(value)) => builder.append_value(value),
            (Builder::Blob(builder), Appended::Blob(value)) => builder.append_value(value),
            (Builder::Vector(builder), Appended::Vector(items))
                if builder.value_length() as usize == items.len() =>
            {
                builder.values().append_slice(items);
                builder.append(true);
            }
            _ => return false,
        }
        true
    }

    /// Bytes of texts and blobs so far, which have offsets of 32 bits.
    fn data_bytes(&self) -> usize {
        match self {
            Builder::Text(builder) => builder.values_slice().len(),
            Builder::Blob(builder) => builder.values_slice().len(),
            _ => 0,
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Builder::Nulls(count) => Arc::new(NullArray::new(count)),
            Builder::Bool(mut builder) => Arc::new(builder.finish()),
            Builder::Int64(mut builder) => Arc::new(builder.finish()),
            Builder::Double(mut builder) => Arc::new(builder.finish()),
            Builder::Text(mut builder) => Arc::new(builder.finish()),
            Builder::Blob(mut builder) => Arc::new(builder.finish()),
            Builder::Vector(mut builder) => Arc::new(builder.finish()),
        }
    }
}

/// The rows that were appended, by column.
pub struct Columns {
    names: Vec<String>,
    builders: Vec<Builder>,
    /// Values of the row that has begun.
    next: usize,
    rows: usize,
}

impl Columns {
    /// No rows of these columns.
    pub fn new(names: Vec<String>) -> Columns {
        let builders = names.iter().map(|_| Builder::Nulls(0)).collect();
        Columns { names, builders, next: 0, rows: 0 }
    }

    /// Puts a value into the next column of the row.
    pub fn append(&mut self, value: Appended<'_>) -> Result<()> {
        let Some(builder) = self.builders.get_mut(self.next) else {
            return Err(state(format!("the row has its {} values", self.names.len()))
                .with_hint("end it by kalam_appender_end_row()"));
        };
        let name = &self.names[self.next];
        let more = match value {
            Appended::Text(text) => text.len(),
            Appended::Blob(bytes) => bytes.len(),
            _ => 0,
        };
        if builder.data_bytes().saturating_add(more) > i32::MAX as usize {
            let what = format!("column \"{name}\" has 2 GiB of values");
            return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, what)
                .with_hint("flush the appender before")
                .into());
        }
        let kind = builder.kind();
        if !builder.append(value) {
            let what = match value {
                Appended::Vector(items) if kind == "vector" => {
                    format!(
                        "column \"{name}\" holds vectors of another length than {}",
                        items.len()
                    )
                }
                _ => format!("column \"{name}\" holds {kind} values, got {}", value.kind()),
            };
            return Err(Error::new(SqlState::DATATYPE_MISMATCH, what)
                .with_hint("the values of a column are of one kind between two flushes")
                .into());
        }
        self.next += 1;
        Ok(())
    }

    /// Ends the row.
    pub fn end_row(&mut self) -> Result<()> {
        if self.next < self.names.len() {
            let (given, count) = (self.next, self.names.len());
            return Err(state(format!("the row has {given} of its {count} values")));
        }
        self.next = 0;
        self.rows += 1;
        Ok(())
    }

    /// All rows, which are gone from here.
    pub fn finish(&mut self) -> Result<RecordBatch> {
        if self.next > 0 {
            return Err(
                state("a row has begun".to_owned()).with_hint("end it by kalam_appender_end_row()")
            );
        }
        let rows = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let builders = std::mem::replace(self, Columns::new(self.names.clone())).builders;
        let arrays: Vec<ArrayRef> = builders.into_iter().map(Builder::finish).collect();
        let fields: Vec<Field> = self
            .names
            .iter()
            .zip(&arrays)
            .map(|(name, array)| Field::new(name, array.data_type().clone(), true))
            .collect();
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &rows)
            .map_err(|e| Error::new(SqlState::INTERNAL_ERROR, e.to_string()).into())
    }
}

/// Something that does not go in the state of a row.
fn state(what: String) -> Failure {
    let error = Error::new(SqlState::INVALID_PARAMETER_VALUE, what);
    Failure { status: KalamStatus::InvalidState, ..Failure::from(error).about("appender") }
}
