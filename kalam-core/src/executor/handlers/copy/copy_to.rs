//! `COPY TO`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::common::ScalarValue;

use crate::activity::{Activity, check_stop};
use crate::backup::outside_of;
use crate::error::io_error;
use crate::executor::QueryResult;
use crate::executor::batch_stream::BatchStream;
use crate::executor::caller::Caller;
use crate::executor::copy_statement::CopyTo;
use crate::executor::engine::Engine;
use crate::executor::file_format::{Existing, FileLayout, NewFile};
use crate::executor::handlers::query::select::prepare;
use crate::executor::work::Work;
use crate::{Error, Result, SqlState};

/// Writes the rows of a query to a new file, which is there when it is whole and on the
/// device. Returns how many rows it has.
///
/// # Errors
/// What the query gets wrong, `22023` if something has the file's name or it would lie in
/// the database, `53100`, `58030`.
pub(crate) fn run(
    engine: &Arc<Engine>,
    caller: &Caller,
    work: &mut Work,
    statement: &CopyTo,
    params: &[ScalarValue],
) -> Result<QueryResult> {
    let view = work.view(engine)?;
    let mut query = statement.query.clone();
    let planner = prepare(engine, caller, &mut query, view)?;
    let plan = planner.logical(*query, params)?;
    let mut rows = BatchStream::new(planner.stream(&plan)?);
    let path = target(engine, Path::new(statement.path.path(params)?))?;
    let layout = FileLayout::new(&statement.options, &path)?;
    let existing = if statement.options.overwrite { Existing::Replace } else { Existing::Refuse };
    let file = NewFile::create(&path, existing)?;
    let object = statement.table.as_ref().map(|table| {
        let namespace = table.namespace.as_deref().unwrap_or(&caller.namespace);
        format!("{namespace}.{}", table.table)
    });
    let record = caller.did("COPY TO", object);
    engine.audit.write(record.with_detail(format!("to {}", path.display())))?;
    let activity = Activity::current().unwrap_or_default();
    let mut writer = layout.writer(file, &rows.schema().clone())?;
    let mut count = 0;
    while let Some(batch) = rows.next(engine.runtime(), &activity)? {
        check_stop()?;
        writer.write(&batch)?;
        count += batch.num_rows() as u64;
    }
    writer.finish()?.publish()?;
    Ok(QueryResult::affected(count))
}

/// The canonical path of a file that need not be there; its folder has to be.
fn target(engine: &Engine, path: &Path) -> Result<PathBuf> {
    let absolute = std::path::absolute(path).map_err(|e| io_error("resolve", path, e))?;
    let (Some(folder), Some(name)) = (absolute.parent(), absolute.file_name()) else {
        return Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("\"{}\" is no name of a file", path.display()),
        ));
    };
    Ok(outside_of(folder, &engine.tier.folders())?.join(name))
}
