//! `KILL JOB`.

use datafusion::common::ScalarValue;

use crate::Result;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::given::Given;

/// Asks a job to stop, and does not wait until it has. The statement that runs it fails
/// with `57014`; what it has committed stays.
///
/// # Errors
/// `42704` if there is no such job, `22023` if it is over or the text is no id.
pub(crate) fn run(
    engine: &Engine,
    caller: &Caller,
    id: &Given<String>,
    params: &[ScalarValue],
) -> Result<QueryResult> {
    let id = id.job(params)?;
    engine.jobs.kill(id)?;
    engine.audit.write(caller.did("KILL JOB", Some(id.to_string())))?;
    Ok(QueryResult::empty())
}
