//! From a table's columns to those of a file that was written with an earlier version.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DataFusionError, Result as DataFusionResult, ScalarValue};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column, lit};
use datafusion::physical_expr_adapter::{PhysicalExprAdapter, PhysicalExprAdapterFactory};

use crate::catalog::{SEQ_COLUMN, Table, initial_value};
use crate::flush::{FileColumn, OpenSegment};
use crate::model::{KalamDataType, Seq, to_widened_text};
use crate::vector::unpack_vectors;
use crate::{Error, Result, SqlState};

/// Rewrites expressions over a table's columns for each file that a scan opens: a column
/// becomes the file's column with its id, whatever that is called there, brought to the
/// type that it has now; a column that the file lacks becomes the value that earlier rows
/// show.
///
/// Filters are rewritten before row groups, pages and bloom filters are looked at, so
/// that all of them prune by the names and types of the file.
pub(super) struct FileMapping(pub(super) Arc<Table>);

impl fmt::Debug for FileMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FileMapping").field(&self.0.definition.name).finish()
    }
}

impl PhysicalExprAdapterFactory for FileMapping {
    fn create(
        &self,
        _table_schema: SchemaRef,
        file_schema: SchemaRef,
    ) -> DataFusionResult<Arc<dyn PhysicalExprAdapter>> {
        let columns = FileColumn::all(&file_schema).map_err(external)?;
        Ok(Arc::new(OneFile { table: self.0.clone(), file_schema, columns }))
    }
}

/// The schema to read a file with, if it is not the file's own.
///
/// DataFusion reads a binary column of a file as text where the table has text under the
/// same name, before any expression is rewritten: that name may be another column's now,
/// and bytes need not be text. As a dictionary of bytes it is left alone.
///
/// Its metadata tells [`OneFile`] the `_seq` that all rows of the file have.
pub(super) fn read_schema(
    table: &Table,
    open: &OpenSegment,
    seq: Option<Seq>,
) -> Option<SchemaRef> {
    let file = open.footer.schema();
    let is_taken_for_text = |of_file: &FileColumn| {
        let name = file.field(of_file.root).name();
        of_file.data_type == KalamDataType::Bytes
            && table.schema.field_with_name(name).is_ok_and(|f| f.data_type() == &DataType::Utf8)
    };
    let taken: Vec<usize> =
        open.schema.columns.iter().filter(|c| is_taken_for_text(c)).map(|c| c.root).collect();
    if taken.is_empty() && seq.is_none() {
        return None;
    }
    let bytes = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Binary));
    let fields =
        file.fields().iter().enumerate().map(|(root, field)| match taken.contains(&root) {
            true => Arc::new(field.as_ref().clone().with_data_type(bytes.clone())),
            false => field.clone(),
        });
    let fields: Vec<FieldRef> = fields.collect();
    let mut metadata = file.metadata().clone();
    if let Some(seq) = seq {
        metadata.insert(SEQ_OF_ALL.to_owned(), seq.get().to_string());
    }
    Some(Arc::new(Schema::new_with_metadata(fields, metadata)))
}

/// Key of a schema's metadata entry with the `_seq` of all rows.
const SEQ_OF_ALL: &str = "kalam.seq";

struct OneFile {
    table: Arc<Table>,
    file_schema: SchemaRef,
    columns: Vec<FileColumn>,
}

impl fmt::Debug for OneFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneFile").field("table", &self.table.definition.name).finish()
    }
}

impl PhysicalExprAdapter for OneFile {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> DataFusionResult<Arc<dyn PhysicalExpr>> {
        // Upwards: what a column became is not looked at again.
        expr.transform_up(|expr| match expr.downcast_ref::<Column>() {
            Some(column) => Ok(Transformed::yes(self.column(column.name()).map_err(external)?)),
            None => Ok(Transformed::no(expr)),
        })
        .data()
    }
}

impl OneFile {
    fn column(&self, name: &str) -> Result<Arc<dyn PhysicalExpr>> {
        let Some(column) = self.table.definition.column(name) else {
            let seq = self.file_schema.metadata().get(SEQ_OF_ALL).filter(|_| name == SEQ_COLUMN);
            if let Some(seq) = seq.and_then(|seq| seq.parse::<i64>().ok()) {
                return Ok(lit(seq));
            }
            // Of the engine itself: their names never change.
            let index = self.file_schema.index_of(name).map_err(internal)?;
            return Ok(Arc::new(Column::new(name, index)));
        };
        let Some(of_file) = self.columns.iter().find(|of_file| of_file.id == column.id) else {
            let value = ScalarValue::try_from_array(&initial_value(column)?, 0);
            return value.map(lit).map_err(internal);
        };
        let field = self.file_schema.field(of_file.root);
        let stored: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), of_file.root));
        let cast = |expr, to: &KalamDataType| -> Arc<dyn PhysicalExpr> {
            // A cast that pruning and simplification see through.
            Arc::new(CastExpr::new(expr, to.arrow_type(), None))
        };
        let shown = of_file.data_type.arrow_type();
        let stored = match field.data_type() {
            written if *written == shown => stored,
            DataType::FixedSizeBinary(_) => {
                Arc::new(UnpackedVectors { stored, shown }) as Arc<dyn PhysicalExpr>
            }
            _ => cast(stored, &of_file.data_type),
        };
        Ok(match column.text_after(&of_file.data_type) {
            None if of_file.data_type == column.data_type => stored,
            None => cast(stored, &column.data_type),
            Some(before) if before == of_file.data_type => Arc::new(WidenedText(stored)),
            Some(before) => Arc::new(WidenedText(cast(stored, &before))),
        })
    }
}

/// The vectors of a column that is written as bytes.
#[derive(Debug, Eq)]
struct UnpackedVectors {
    stored: Arc<dyn PhysicalExpr>,
    shown: DataType,
}

// The derived one does not compile for a shared expression.
impl PartialEq for UnpackedVectors {
    fn eq(&self, other: &Self) -> bool {
        self.stored.eq(&other.stored) && self.shown == other.shown
    }
}

impl Hash for UnpackedVectors {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.stored.hash(state);
    }
}

impl fmt::Display for UnpackedVectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vectors({})", self.stored)
    }
}

impl PhysicalExpr for UnpackedVectors {
    fn data_type(&self, _file: &Schema) -> DataFusionResult<DataType> {
        Ok(self.shown.clone())
    }

    fn nullable(&self, file: &Schema) -> DataFusionResult<bool> {
        self.stored.nullable(file)
    }

    fn evaluate(&self, batch: &RecordBatch) -> DataFusionResult<ColumnarValue> {
        let stored = self.stored.evaluate(batch)?.into_array(batch.num_rows())?;
        Ok(ColumnarValue::Array(unpack_vectors(&stored, &self.shown)?))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.stored]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> DataFusionResult<Arc<dyn PhysicalExpr>> {
        match children.pop() {
            Some(stored) => Ok(Arc::new(UnpackedVectors { stored, shown: self.shown.clone() })),
            None => Ok(self),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stored.fmt_sql(f)
    }
}

/// The text of a column that was widened to TEXT.
#[derive(Debug, Eq)]
struct WidenedText(Arc<dyn PhysicalExpr>);

// The derived one does not compile for a shared expression.
impl PartialEq for WidenedText {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq(&other.0)
    }
}

impl Hash for WidenedText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Display for WidenedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "text({})", self.0)
    }
}

impl PhysicalExpr for WidenedText {
    fn data_type(&self, _file: &Schema) -> DataFusionResult<DataType> {
        Ok(DataType::Utf8)
    }

    fn nullable(&self, file: &Schema) -> DataFusionResult<bool> {
        self.0.nullable(file)
    }

    fn evaluate(&self, batch: &RecordBatch) -> DataFusionResult<ColumnarValue> {
        let stored = self.0.evaluate(batch)?.into_array(batch.num_rows())?;
        let text = to_widened_text(&stored).map_err(external)?;
        Ok(ColumnarValue::Array(Arc::new(text)))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.0]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> DataFusionResult<Arc<dyn PhysicalExpr>> {
        match children.pop() {
            Some(stored) => Ok(Arc::new(WidenedText(stored))),
            None => Ok(self),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CAST(")?;
        self.0.fmt_sql(f)?;
        write!(f, " AS TEXT)")
    }
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(SqlState::INTERNAL_ERROR, "a column of a segment cannot be read").with_source(error)
}

fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
