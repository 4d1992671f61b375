//! Statements that are run again because another commit got in their way.

use super::engine::Engine;
use crate::activity::check_stop;
use crate::{Result, SqlState};

/// Repeats a statement until no other commit gets in its way.
///
/// # Errors
/// What the statement raises; `40001` after many tries.
pub(crate) fn retrying<T>(statement: impl FnMut() -> Result<T>) -> Result<T> {
    retrying_while(|| true, statement)
}

/// Repeats a statement until no other commit gets in its way, as long as another try
/// can help.
///
/// # Errors
/// What the statement raises; `40001` after many tries.
pub(crate) fn retrying_while<T>(
    can_help: impl Fn() -> bool,
    mut statement: impl FnMut() -> Result<T>,
) -> Result<T> {
    const TRIES_MAX: u32 = 1000;
    let mut tries = 0;
    loop {
        match statement() {
            Err(e)
                if e.sqlstate() == SqlState::SERIALIZATION_FAILURE
                    && tries < TRIES_MAX
                    && can_help() =>
            {
                check_stop()?;
                tries += 1;
                if tries > 4 {
                    let wait = std::time::Duration::from_micros(50 << (tries.min(10) / 2));
                    std::thread::sleep(wait);
                }
            }
            done => return done,
        }
    }
}

/// Runs a statement again, from the lookup of its names on, if DDL came between that and
/// its view or its commit.
///
/// # Errors
/// What the statement raises; `40001` after many tries.
pub(crate) fn following_catalog<T>(
    engine: &Engine,
    mut statement: impl FnMut() -> Result<T>,
) -> Result<T> {
    const TRIES_MAX: u32 = 1000;
    let mut tries = 0;
    loop {
        // A user whose rows were taken away gets another surrogate.
        let state = || (engine.registry.version(), engine.users.purges());
        let before = state();
        match statement() {
            Err(e)
                if e.sqlstate() == SqlState::SERIALIZATION_FAILURE
                    && tries < TRIES_MAX
                    && state() != before =>
            {
                tries += 1;
            }
            done => return done,
        }
    }
}
