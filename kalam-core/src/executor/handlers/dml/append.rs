//! Arrow data into a table, without SQL.

use std::sync::Arc;

use arrow::array::RecordBatch;

use super::new_rows::InsertTarget;
use crate::Result;
use crate::activity::check_stop;
use crate::catalog::Table;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::resolve::write_scope;
use crate::executor::row_writer::Taken;
use crate::executor::work::Work;

/// Appends all batches, which have one schema, in one commit; columns match by name.
///
/// # Errors
/// `42703` for a column that the table does not have, `23505`, and what INSERT
/// raises.
pub(crate) fn run(
    engine: &Arc<Engine>,
    caller: &Caller,
    work: &mut Work,
    table: &Arc<Table>,
    batches: &[RecordBatch],
    taken: Taken,
) -> Result<u64> {
    let Some(schema) = batches.first().map(RecordBatch::schema) else { return Ok(0) };
    let names = schema.fields().iter().map(|f| f.name().as_str());
    let target = InsertTarget::new(engine, caller, table, names)?;
    let mut complete = Vec::with_capacity(batches.len());
    for batch in batches {
        check_stop()?;
        complete.push((target.complete(batch.columns(), batch.num_rows())?, batch.num_rows()));
    }
    let user = write_scope(engine, caller, table)?;
    work.write(engine, table, user, |_, writer| {
        for (columns, rows) in &complete {
            target.write(writer, columns, *rows, taken)?;
        }
        Ok(())
    })?;
    Ok(complete.iter().map(|(_, rows)| *rows as u64).sum())
}
