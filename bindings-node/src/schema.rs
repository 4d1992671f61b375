//! The columns of a result, for people and for programs.

use arrow::datatypes::Schema;
use kalam_core::model::KalamDataType;

/// The names of the columns, in order.
pub fn names(schema: &Schema) -> Vec<String> {
    schema.fields().iter().map(|field| field.name().clone()).collect()
}

/// The SQL types of the columns, in order.
pub fn types(schema: &Schema) -> Vec<String> {
    schema.fields().iter().map(|field| KalamDataType::name_of_arrow_field(field)).collect()
}
