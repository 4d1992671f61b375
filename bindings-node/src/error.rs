//! Errors of the engine as errors of JavaScript.

use kalam_core::{Error as EngineError, Position};
use napi::{Error, Result, check_status, sys};

use crate::js::{Js, Raw};

/// The error that the JavaScript half makes a `KalamError` of: its fields are those of the
/// engine's error.
pub fn exception(js: Js, error: &EngineError) -> Error {
    match build(js, error) {
        Ok(value) => Error::from(js.unknown(value)),
        Err(failure) => failure,
    }
}

/// The outcome of a call that the engine made on this thread.
pub fn outcome<T>(js: Js, outcome: kalam_core::Result<T>) -> Result<T> {
    outcome.map_err(|error| exception(js, &error))
}

fn build(js: Js, error: &EngineError) -> Result<Raw> {
    let code = js.text(&format!("{:?}", error.kind()))?;
    let message = js.text(error.message())?;
    let mut value = std::ptr::null_mut();
    // SAFETY: the values are of this environment.
    check_status!(unsafe { sys::napi_create_error(js.raw(), code, message, &raw mut value) })?;
    js.set(value, c"sqlstate", js.text(error.sqlstate().as_str())?)?;
    if let Some(hint) = error.hint() {
        js.set(value, c"hint", js.text(hint)?)?;
    }
    if let Some(detail) = error.detail() {
        js.set(value, c"detail", js.text(detail)?)?;
    }
    if let Some(Position { line, column }) = error.position() {
        let position = js.object()?;
        #[expect(clippy::cast_precision_loss, reason = "a text has less than 2^53 characters")]
        let place = |value: u64| js.number(value as f64);
        js.set(position, c"line", place(line)?)?;
        js.set(position, c"column", place(column)?)?;
        js.set(value, c"position", position)?;
    }
    Ok(value)
}
