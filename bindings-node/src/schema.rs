//! The columns of a result, for people and for programs.

use arrow::datatypes::{Field, Schema};
use kalam_core::model::KalamDataType;

/// The names of the columns, in order.
pub fn names(schema: &Schema) -> Vec<String> {
    schema.fields().iter().map(|field| field.name().clone()).collect()
}

/// The SQL type of a column, or its Arrow type where SQL has none.
pub fn type_name(field: &Field) -> String {
    KalamDataType::from_arrow_field(field)
        .map_or_else(|_| field.data_type().to_string(), |data_type| data_type.to_string())
}
