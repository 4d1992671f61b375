//! A panic as an error: none may cross into another language.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::env::planted_panic;
use crate::{Error, SqlState};

/// Turns a panic of `call` into an error, `XX000`.
///
/// # Errors
/// What `call` raises.
pub fn guarded<T, E: From<Error>>(call: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    // What a panic may have left half-changed is behind a mutex, which it poisons.
    let call = || {
        planted_panic();
        call()
    };
    catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|panic| Err(panicked(panic.as_ref()).into()))
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Error::new(SqlState::INTERNAL_ERROR, format!("the engine panicked: {message}"))
        .with_hint("this is a bug; report it with the statement that led to it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        let outcome: crate::Result<()> = guarded(|| panic!("planted"));
        let error = outcome.expect_err("it panicked");
        assert_eq!(error.to_string(), "the engine panicked: planted");
        assert_eq!(error.sqlstate(), SqlState::INTERNAL_ERROR);
    }
}
