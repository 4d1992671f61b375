//! Small tables of texts and numbers: what SHOW, DESCRIBE and the system tables return.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema};

use crate::model::KalamDataType;

/// One column of a [`TextTable`].
pub(crate) enum TextColumn {
    /// TEXT not null.
    Text(Vec<String>),
    /// TEXT.
    TextOrNull(Vec<Option<String>>),
    /// BIGINT not null.
    Number(Vec<i64>),
    /// BIGINT.
    NumberOrNull(Vec<Option<i64>>),
    /// BOOLEAN not null.
    Flag(Vec<bool>),
    /// DATETIME not null, from milliseconds since 1970 UTC.
    Moment(Vec<i64>),
    /// DATETIME, from milliseconds since 1970 UTC.
    MomentOrNull(Vec<Option<i64>>),
}

impl TextColumn {
    fn into_array(self) -> ArrayRef {
        match self {
            TextColumn::Text(values) => Arc::new(StringArray::from(values)),
            TextColumn::TextOrNull(values) => Arc::new(StringArray::from(values)),
            TextColumn::Number(values) => Arc::new(Int64Array::from(values)),
            TextColumn::NumberOrNull(values) => Arc::new(Int64Array::from(values)),
            TextColumn::Flag(values) => Arc::new(BooleanArray::from(values)),
            TextColumn::Moment(values) => moments(values.into_iter().map(Some)),
            TextColumn::MomentOrNull(values) => moments(values),
        }
    }

    fn field(&self, name: &str) -> Field {
        let (data_type, nullable) = match self {
            TextColumn::Text(_) => (DataType::Utf8, false),
            TextColumn::TextOrNull(_) => (DataType::Utf8, true),
            TextColumn::Number(_) => (DataType::Int64, false),
            TextColumn::NumberOrNull(_) => (DataType::Int64, true),
            TextColumn::Flag(_) => (DataType::Boolean, false),
            TextColumn::Moment(_) => (KalamDataType::DateTime.arrow_type(), false),
            TextColumn::MomentOrNull(_) => (KalamDataType::DateTime.arrow_type(), true),
        };
        Field::new(name, data_type, nullable)
    }
}

fn moments(milliseconds: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    let microseconds = milliseconds.into_iter().map(|ms| ms.map(|ms| ms.saturating_mul(1000)));
    let array = microseconds.collect::<TimestampMicrosecondArray>();
    Arc::new(array.with_data_type(KalamDataType::DateTime.arrow_type()))
}

/// Builds a batch column by column.
#[derive(Default)]
pub(crate) struct TextTable {
    fields: Vec<Field>,
    arrays: Vec<ArrayRef>,
}

impl TextTable {
    /// Adds a column.
    pub(crate) fn with(mut self, name: &str, column: TextColumn) -> Self {
        self.fields.push(column.field(name));
        self.arrays.push(column.into_array());
        self
    }

    /// Adds a column of TEXT not null.
    pub(crate) fn texts<T: ToString>(
        self,
        name: &str,
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        let values = values.into_iter().map(|value| value.to_string()).collect();
        self.with(name, TextColumn::Text(values))
    }

    /// Adds a column of BIGINT not null; what does not fit into it is its largest value.
    pub(crate) fn numbers<N: TryInto<i64>>(
        self,
        name: &str,
        values: impl IntoIterator<Item = N>,
    ) -> Self {
        let values = values.into_iter().map(|n| n.try_into().unwrap_or(i64::MAX)).collect();
        self.with(name, TextColumn::Number(values))
    }

    /// Adds a column of DATETIME not null, from milliseconds since 1970 UTC.
    pub(crate) fn moments(self, name: &str, values: impl IntoIterator<Item = i64>) -> Self {
        self.with(name, TextColumn::Moment(values.into_iter().collect()))
    }

    /// The batch, whose schema is that of the columns.
    ///
    /// # Panics
    /// If the columns differ in length.
    pub(crate) fn finish(self) -> RecordBatch {
        RecordBatch::try_new(Arc::new(Schema::new(self.fields)), self.arrays)
            .expect("every column has one value for each object")
    }
}
