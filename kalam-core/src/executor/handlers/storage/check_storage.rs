//! `STORAGE CHECK`.

use std::sync::Arc;

use crate::activity::check_stop;
use crate::catalog::DEFAULT_STORAGE;
use crate::executor::QueryResult;
use crate::executor::engine::Engine;
use crate::executor::text_table::{TextColumn, TextTable};
use crate::model::Name;
use crate::{Result, SqlState};

/// Writes, reads, lists and deletes a small file; `extended` also reads every segment
/// that the storage holds and compares size and checksum with the manifest. Of the storage
/// `local` it reads the files of the hot tier too.
///
/// Returns a row for each step, and with `extended` one for all segments, one for each
/// damaged one, and one for the hot tier: `step` TEXT, `ok` BOOLEAN, `detail` TEXT or NULL. What does not work is a
/// row, not an error.
///
/// # Errors
/// `42704` if the storage is not there.
pub(crate) fn run(engine: &Engine, name: &str, extended: bool) -> Result<QueryResult> {
    let name = Name::new("storage", name)?;
    engine.registry.storage(&name)?;
    let mut steps: Vec<(&str, Result<Option<String>>)> = Vec::new();
    match engine.tier.place(&name) {
        Ok(place) => {
            let probe = format!("kalamdb-check-{:016x}/probe", engine.ids.snowflake());
            steps.extend(place.probe(&probe).into_iter().map(|(step, r)| (step, r.map(|()| None))));
        }
        Err(e) => steps.push(("open", Err(e))),
    }
    if extended {
        let view = engine.store.view();
        let segments = engine.tier.manifest.segments_of_storage(&name, &view.snapshot)?;
        let count = segments.len();
        let mut damaged = Vec::new();
        for meta in segments {
            check_stop()?;
            match engine.tier.verify(&Arc::new(meta)) {
                Ok(()) => {}
                Err(e) if e.sqlstate() == SqlState::QUERY_CANCELED => return Err(e),
                Err(e) => damaged.push(("segment", Err(e))),
            }
        }
        let whole = count - damaged.len();
        steps.push(("segments", Ok(Some(format!("{whole} of {count} as the manifest says")))));
        steps.extend(damaged);
        if name.as_str() == DEFAULT_STORAGE {
            let entries = engine.store.verify();
            if let Err(e) = &entries
                && e.sqlstate() == SqlState::QUERY_CANCELED
            {
                return Err(e.duplicate());
            }
            steps.push(("hot", entries.map(|count| Some(format!("{count} entries can be read")))));
        }
    }
    let flags = steps.iter().map(|(_, outcome)| outcome.is_ok()).collect();
    let details = steps.iter().map(|(_, outcome)| match outcome {
        Ok(detail) => detail.clone(),
        Err(e) => Some(match e.detail() {
            Some(detail) => format!("{}: {detail}", e.message()),
            None => e.message().to_owned(),
        }),
    });
    let details = details.collect();
    Ok(QueryResult::ready(
        TextTable::default()
            .texts("step", steps.iter().map(|(step, _)| step))
            .with("ok", TextColumn::Flag(flags))
            .with("detail", TextColumn::TextOrNull(details))
            .finish(),
    ))
}
