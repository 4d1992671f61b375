//! What a statement returns.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::Result;

/// What a statement returns: a stream of Arrow batches, a number of affected rows,
/// or both. It owns what it needs and outlives session and database handle.
/// Dropping it stops the query.
pub struct QueryResult {
    schema: SchemaRef,
    rows_affected: Option<u64>,
}

impl QueryResult {
    /// The columns; empty for statements that return no rows.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Rows that an INSERT, UPDATE or DELETE changed; `None` for everything else.
    #[must_use]
    pub fn rows_affected(&self) -> Option<u64> {
        self.rows_affected
    }

    /// The next batch, or `None` at the end. Blocks until it is there.
    ///
    /// # Errors
    /// What the query raises while it runs.
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        todo!()
    }

    /// Every remaining batch.
    ///
    /// # Errors
    /// What the query raises while it runs.
    pub fn collect(mut self) -> Result<Vec<RecordBatch>> {
        let mut batches = Vec::new();
        while let Some(batch) = self.next_batch()? {
            batches.push(batch);
        }
        Ok(batches)
    }
}
