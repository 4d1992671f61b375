//! Where a statement reads and writes.

use std::sync::Arc;

use super::engine::Engine;
use super::row_writer::{RowWriter, retrying};
use crate::Result;
use crate::catalog::Table;
use crate::model::UserKey;
use crate::store::View;

/// Where a statement reads and writes. A handler asks it for a view and says what it
/// does with a view and a writer; when and how that commits is not the handler's.
#[derive(Default)]
pub(crate) enum Work {
    /// Each statement is a commit of its own.
    #[default]
    Autocommit,
}

impl Work {
    /// What a statement that writes nothing reads.
    pub(crate) fn view(&mut self, engine: &Engine) -> Result<Arc<View>> {
        match self {
            Work::Autocommit => Ok(engine.store.view()),
        }
    }

    /// Runs a statement that writes rows of one scope. `statement` reads the view and
    /// leaves its writes in the writer; it may run several times, each time on a newer
    /// view, so it keeps nothing of an earlier run.
    ///
    /// # Errors
    /// What `statement` raises; `23505` naming the key, `40001` after many tries,
    /// `58030`, `53100`.
    pub(crate) fn write<T>(
        &mut self,
        engine: &Engine,
        table: &Arc<Table>,
        user: UserKey,
        mut statement: impl FnMut(&Arc<View>, &mut RowWriter<'_>) -> Result<T>,
    ) -> Result<T> {
        match self {
            Work::Autocommit => retrying(|| {
                let view = engine.store.view();
                let mut writer = RowWriter::new(engine, table, user, view.clone())?;
                let outcome = statement(&view, &mut writer)?;
                writer.commit()?;
                Ok(outcome)
            }),
        }
    }
}
