//! Arrow data into a table, without SQL.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchReader};

use super::new_rows::InsertTarget;
use crate::activity::check_stop;
use crate::catalog::Table;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::resolve::write_scope;
use crate::executor::row_writer::Taken;
use crate::executor::work::Work;
use crate::model::TableKind;
use crate::{Error, Result, SqlState};

/// Rows from outside: those that are in memory, and the reader of the others.
pub(crate) struct AppendedRows {
    /// At least one batch, which may be empty.
    held: Vec<RecordBatch>,
    /// Can be read once.
    rest: Option<Box<dyn RecordBatchReader + Send>>,
    reads_rest: bool,
}

impl AppendedRows {
    /// Reads the first `rows_max` rows or more.
    ///
    /// # Errors
    /// `22023` if the data cannot be read.
    pub(crate) fn new(
        mut data: Box<dyn RecordBatchReader + Send>,
        rows_max: usize,
    ) -> Result<AppendedRows> {
        let schema = data.schema();
        let mut held = Vec::new();
        let mut rows = 0;
        while rows < rows_max {
            let Some(batch) = read(&mut *data)? else {
                if held.is_empty() {
                    // Its columns are checked all the same.
                    held.push(RecordBatch::new_empty(schema));
                }
                return Ok(AppendedRows { held, rest: None, reads_rest: false });
            };
            rows += batch.num_rows();
            held.push(batch);
        }
        Ok(AppendedRows { held, rest: Some(data), reads_rest: true })
    }

    /// Reads all other rows.
    ///
    /// # Errors
    /// `22023` if the data cannot be read.
    fn hold_all(&mut self) -> Result<()> {
        if let Some(mut rest) = self.rest.take() {
            while let Some(batch) = read(&mut *rest)? {
                self.held.push(batch);
            }
        }
        self.reads_rest = false;
        Ok(())
    }
}

fn read(data: &mut (dyn RecordBatchReader + Send)) -> Result<Option<RecordBatch>> {
    check_stop()?;
    data.next().transpose().map_err(|e| {
        Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("the data cannot be read: {e}"))
            .with_source(e)
    })
}

/// Appends all rows in one commit; columns match by name.
///
/// # Errors
/// `42703` for a column that the table does not have, `23505`, and what INSERT
/// raises.
pub(crate) fn run(
    engine: &Arc<Engine>,
    caller: &Caller,
    work: &mut Work,
    table: &Arc<Table>,
    data: &mut AppendedRows,
    taken: Taken,
) -> Result<u64> {
    let schema = data.held[0].schema();
    let names = schema.fields().iter().map(|f| f.name().as_str());
    let target = InsertTarget::new(engine, caller, table, names)?;
    let user = write_scope(engine, caller, table)?;
    let goes_past_hot = matches!(work, Work::Autocommit)
        && taken == Taken::Refuse
        && table.definition.kind != TableKind::Stream;
    if data.reads_rest && goes_past_hot {
        return work.write(engine, table, user, |view, writer| {
            let mut rest = data.rest.take().ok_or_else(|| read_once(table))?;
            let mut held = std::mem::take(&mut data.held).into_iter();
            // The names of the columns are looked at once more if the statement runs again.
            data.held.push(RecordBatch::new_empty(schema.clone()));
            let mut next = || match held.next() {
                Some(batch) => Ok(Some(batch)),
                None => read(&mut *rest),
            };
            target.insert_all(view, writer, &mut next)
        });
    }
    data.hold_all()?;
    let mut complete = Vec::with_capacity(data.held.len());
    for batch in &data.held {
        check_stop()?;
        complete.push((target.complete(batch.columns(), batch.num_rows())?, batch.num_rows()));
    }
    work.write(engine, table, user, |_, writer| {
        for (columns, rows) in &complete {
            target.write(writer, columns, *rows, taken)?;
        }
        Ok(())
    })?;
    Ok(complete.iter().map(|(_, rows)| *rows as u64).sum())
}

/// The error for rows that came past while the table changed.
fn read_once(table: &Table) -> Error {
    Error::new(
        SqlState::SERIALIZATION_FAILURE,
        format!("table \"{}\" changed while its new rows were read", table.definition.name),
    )
    .with_hint("append the data again")
}
