//! Arrow out: what is left of a result, as batches and as a C stream.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::compute::{CastOptions, can_cast_types, cast_with_options};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::ffi_stream::FFI_ArrowArrayStream;
use kalam_core::{Error, QueryResult, Result, SqlState};
use kalamdb::stream::Source;

/// The batches of a result that nobody has fetched: those taken from the query
/// and put back, then the query itself.
pub struct Batches {
    ahead: VecDeque<RecordBatch>,
    query: Option<QueryResult>,
}

impl Batches {
    /// All batches of a query.
    pub fn new(query: QueryResult) -> Self {
        Batches { ahead: VecDeque::new(), query: Some(query) }
    }

    /// Whether what is left is there already: nothing waits for the engine.
    pub fn is_ready(&self) -> bool {
        self.query.as_ref().is_none_or(QueryResult::is_ready)
    }

    /// The next batch of at least one row, and `None` at the end.
    pub fn next(&mut self) -> Result<Option<RecordBatch>> {
        if let Some(batch) = self.ahead.pop_front() {
            return Ok(Some(batch));
        }
        let Some(query) = &mut self.query else { return Ok(None) };
        loop {
            match query.next_batch()? {
                Some(batch) if batch.num_rows() == 0 => {}
                Some(batch) => return Ok(Some(batch)),
                None => {
                    // The end frees the snapshot and the database handle at once.
                    self.query = None;
                    return Ok(None);
                }
            }
        }
    }

    /// As [`next`](Self::next), but at most `rows` rows; the rest stays.
    pub fn next_up_to(&mut self, rows: usize) -> Result<Option<RecordBatch>> {
        let Some(batch) = self.next()? else { return Ok(None) };
        if batch.num_rows() <= rows {
            return Ok(Some(batch));
        }
        self.ahead.push_front(batch.slice(rows, batch.num_rows() - rows));
        Ok(Some(batch.slice(0, rows)))
    }

    /// Puts batches that were taken in this order back in front.
    pub fn put_back(&mut self, batches: Vec<RecordBatch>) {
        for batch in batches.into_iter().rev() {
            self.ahead.push_front(batch);
        }
    }
}

/// The schema that the consumer asked for, if it has our columns and each can be
/// cast; a producer may answer with its own schema otherwise.
///
/// Source: Arrow PyCapsule Interface, "Schema Requests".
pub fn negotiate(own: &SchemaRef, requested: &Schema) -> SchemaRef {
    let fits = own.fields().len() == requested.fields().len()
        && own.fields().iter().zip(requested.fields()).all(|(ours, theirs)| {
            ours.name() == theirs.name() && can_cast_types(ours.data_type(), theirs.data_type())
        });
    if !fits {
        return own.clone();
    }
    let fields = own.fields().iter().zip(requested.fields()).map(|(ours, theirs)| {
        if ours.data_type() == theirs.data_type() {
            return ours.clone();
        }
        let field = Field::new(ours.name(), theirs.data_type().clone(), ours.is_nullable());
        Arc::new(field.with_metadata(theirs.metadata().clone()))
    });
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), own.metadata().clone()))
}

/// Hands the batches out as a C stream with the columns of `schema`. It needs no
/// interpreter lock: a consumer may hold locks of its own while it reads and releases it.
pub fn export(batches: Batches, schema: SchemaRef) -> FFI_ArrowArrayStream {
    // The module is an ADBC driver too: it exports what kalam-ffi does.
    kalamdb::stream::export(Conforming { batches, schema: schema.clone() }, schema)
}

/// The batches with the columns that a consumer asked for.
struct Conforming {
    batches: Batches,
    schema: SchemaRef,
}

impl Source for Conforming {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        self.batches.next()?.map(|batch| conform(batch, &self.schema)).transpose()
    }
}

/// The batch with the columns of `schema`, cast where the consumer asked for it.
fn conform(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    if batch.schema_ref() == schema {
        return Ok(batch);
    }
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| {
        if column.data_type() == field.data_type() {
            return Ok(column.clone());
        }
        cast_with_options(column, field.data_type(), &strict)
    });
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    columns
        .collect::<std::result::Result<Vec<_>, _>>()
        .and_then(|columns| RecordBatch::try_new_with_options(schema.clone(), columns, &rows))
        .map_err(|error| {
            Error::new(SqlState::INVALID_PARAMETER_VALUE, error.to_string())
                .with_hint("the consumer asked for another schema; ask for the result's own")
        })
}
