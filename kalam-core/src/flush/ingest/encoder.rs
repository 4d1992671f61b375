//! Threads that encode row groups.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use arrow::array::{Array, ArrayRef, Int64Array};
use arrow::datatypes::SchemaRef;
use parking_lot::Mutex;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, compute_leaves};

use super::pending::gathered_column;
use crate::catalog::Table;
use crate::flush::segment_writer::{ColumnBounds, file_schema, write_error};
use crate::vector::pack_vectors;
use crate::{Error, Result, SqlState};

/// Rows of one row group, in key order.
pub(super) struct Group {
    pub(super) rows: usize,
    /// Columns of batches: all of their rows, or what `picks` takes from them. The hidden
    /// key is the last column where it is the key.
    pub(super) pieces: Vec<Vec<ArrayRef>>,
    /// Batch and row of each row; empty: all rows as they are.
    pub(super) picks: Vec<(usize, usize)>,
    /// The first key of each block, in hexadecimal.
    pub(super) block_keys: Vec<String>,
}

/// A group on its way to its encoder.
pub(super) struct Task {
    pub(super) group: Group,
    pub(super) writers: Vec<ArrowColumnWriter>,
    pub(super) path: String,
    pub(super) done: Sender<Result<EncodedGroup>>,
}

/// A row group as bytes.
pub(super) struct EncodedGroup {
    pub(super) chunks: Vec<ArrowColumnChunk>,
    /// Of the table's columns.
    pub(super) bounds: Vec<Option<(Vec<u8>, Vec<u8>)>>,
    pub(super) nulls: Vec<u64>,
}

/// Threads that encode the groups of one ingest. They end when it is dropped.
pub(super) struct Encoders {
    tasks: Sender<Task>,
    /// Groups that may be in work.
    pub(super) groups_max: usize,
}

impl Encoders {
    /// # Errors
    /// `58030` if the system gives no thread.
    pub(super) fn start(table: &Arc<Table>, threads: usize) -> Result<Encoders> {
        let (tasks, waiting) = channel::<Task>();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..threads {
            let (waiting, table) = (waiting.clone(), table.clone());
            let schema = file_schema(&table);
            thread::Builder::new()
                .name("kalamdb-ingest".into())
                .spawn(move || work(&waiting, &table, &schema))
                .map_err(|e| {
                    Error::new(SqlState::IO_ERROR, format!("cannot start threads: {e}"))
                        .with_source(e)
                })?;
        }
        Ok(Encoders { tasks, groups_max: threads + 1 })
    }

    /// Hands a group to the next thread that is free.
    ///
    /// # Errors
    /// `XX000` if all of them are gone.
    pub(super) fn submit(&self, task: Task) -> Result<()> {
        self.tasks.send(task).map_err(|_| lost())
    }
}

/// The error for a thread that is gone, which it is only after a panic.
pub(super) fn lost() -> Error {
    Error::new(SqlState::INTERNAL_ERROR, "the encoding of new rows panicked")
}

fn work(waiting: &Mutex<Receiver<Task>>, table: &Table, schema: &SchemaRef) {
    loop {
        let task = waiting.lock().recv();
        let Ok(Task { group, writers, path, done }) = task else { return };
        // Nobody waits for it if the ingest failed meanwhile.
        let _ = done.send(encode(table, schema, &group, writers, &path));
    }
}

fn encode(
    table: &Table,
    schema: &SchemaRef,
    group: &Group,
    writers: Vec<ArrowColumnWriter>,
    path: &str,
) -> Result<EncodedGroup> {
    let columns = &table.definition.columns;
    let mut encoded = EncodedGroup { chunks: Vec::new(), bounds: Vec::new(), nulls: Vec::new() };
    // A column of any type of ours is one leaf.
    for (position, (field, mut writer)) in schema.fields().iter().zip(writers).enumerate() {
        let arrays: Vec<ArrayRef> = if position == columns.len() {
            // The file is written before its commit has a number.
            vec![Arc::new(Int64Array::from(vec![0; group.rows]))]
        } else {
            let source = if position < columns.len() { position } else { position - 1 };
            if group.picks.is_empty() {
                group.pieces.iter().map(|piece| piece[source].clone()).collect()
            } else {
                vec![gathered_column(&group.pieces, source, &group.picks)?]
            }
        };
        if let Some(column) = columns.get(position) {
            let mut bounds = ColumnBounds::new(column);
            for array in &arrays {
                bounds.as_mut().map_or(Ok(()), |bounds| bounds.update(array))?;
            }
            encoded.bounds.push(bounds.and_then(|bounds| bounds.range));
            encoded.nulls.push(arrays.iter().map(|array| array.null_count() as u64).sum());
        }
        let mut write = || -> parquet::errors::Result<()> {
            for array in &arrays {
                for leaf in compute_leaves(field, &pack_vectors(array)?)? {
                    writer.write(&leaf)?;
                }
            }
            Ok(())
        };
        write().map_err(|e| write_error(path, e))?;
        encoded.chunks.push(writer.close().map_err(|e| write_error(path, e))?);
    }
    Ok(encoded)
}
