//! Which columns a scan shows beside the user's.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use parquet::arrow::RowNumber;

use crate::catalog::{DELETED_COLUMN, HIDDEN_KEY_COLUMN, SEQ_COLUMN, Table};
use crate::store::DecodeTarget;

/// Name of the column that tells an UPDATE or DELETE the segment of a row; 0: hot.
pub(crate) const SEGMENT_COLUMN: &str = "_segment";
/// Name of the column that tells an UPDATE or DELETE the place in the segment.
pub(crate) const ROW_COLUMN: &str = "_row";

/// Which columns a scan shows beside the user's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// None.
    User,
    /// `_seq` and `_deleted`.
    System,
    /// `_seq` and where the row is: what an UPDATE or DELETE needs.
    Target,
}

impl Shape {
    /// The columns of a scan.
    pub(crate) fn schema(self, table: &Table) -> SchemaRef {
        match self {
            Shape::User => table.schema.clone(),
            Shape::System => table.schema_with_system.clone(),
            Shape::Target => {
                let mut fields: Vec<FieldRef> = table.schema.fields().iter().cloned().collect();
                fields.push(Arc::new(crate::catalog::seq_field()));
                // Never true: a deleted row cannot be changed.
                fields.push(Arc::new(Field::new(DELETED_COLUMN, DataType::Boolean, true)));
                fields.push(segment_field());
                fields.push(Arc::new(Field::new(ROW_COLUMN, DataType::Int64, false)));
                if table.definition.has_hidden_key() {
                    let key = Field::new(HIDDEN_KEY_COLUMN, DataType::Int64, false);
                    fields.push(Arc::new(key));
                }
                Arc::new(Schema::new(fields))
            }
        }
    }
}

/// The order of rows in the hot tier and in each segment: by the key, as far as its
/// columns are in `schema`. Byte order of keys is SQL order, and key columns are never NULL.
pub(super) fn key_ordering(table: &Table, schema: &Schema) -> Option<LexOrdering> {
    let columns = table.key_names().into_iter().map_while(|name| {
        let index = schema.index_of(name).ok()?;
        Some(PhysicalSortExpr::new_default(Arc::new(Column::new(name, index))))
    });
    LexOrdering::new(columns)
}

/// Constant for each segment.
pub(super) fn segment_field() -> FieldRef {
    Arc::new(Field::new(SEGMENT_COLUMN, DataType::Int64, false))
}

/// Counted by the Parquet reader.
pub(super) fn row_field() -> FieldRef {
    Arc::new(Field::new(ROW_COLUMN, DataType::Int64, false).with_extension_type(RowNumber))
}

/// What the hot decoder makes of a column of a scan.
pub(super) fn hot_target(table: &Table, name: &str) -> DecodeTarget {
    match name {
        SEQ_COLUMN => DecodeTarget::Seq,
        DELETED_COLUMN => DecodeTarget::Deleted,
        HIDDEN_KEY_COLUMN => DecodeTarget::HiddenKey,
        SEGMENT_COLUMN | ROW_COLUMN => DecodeTarget::Constant(ScalarValue::Int64(Some(0))),
        _ => {
            let column = table.definition.column(name).expect("scans show columns of the table");
            DecodeTarget::column(column)
        }
    }
}
