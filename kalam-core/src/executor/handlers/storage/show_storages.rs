//! `SHOW STORAGES`.

use crate::Result;
use crate::executor::QueryResult;
use crate::executor::engine::Engine;
use crate::executor::system_table::{Moment, system_table};
use crate::executor::work::Work;

/// The rows of `system.storages`.
///
/// # Errors
/// `XX001` if a definition does not decode.
pub(crate) fn run(engine: &Engine, work: &mut Work) -> Result<QueryResult> {
    let view = work.view(engine)?;
    system_table("storages", &Moment { engine, view: &view }).map(QueryResult::ready)
}
