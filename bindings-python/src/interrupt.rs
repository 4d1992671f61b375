//! Ctrl-C while the engine works.

use std::cell::{Cell, RefCell};

use pyo3::prelude::*;

thread_local! {
    /// What a signal handler raised while this thread waited for the engine.
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
    /// Whether this thread called the engine and let go of the interpreter for it.
    static WAITS: Cell<bool> = const { Cell::new(false) };
}

/// Runs the handlers of signals that have come, as Python would between two
/// instructions, and tells the engine to stop if one raised.
///
/// IMPORTANT: only threads that wait in [`waiting`] take the interpreter for it. Others
/// read an exported stream for a library that may hold locks of its own.
pub fn raised() -> bool {
    if !WAITS.get() {
        return false;
    }
    let raised = Python::try_attach(|py| py.check_signals().err()).flatten();
    let stops = raised.is_some();
    if stops {
        RAISED.set(raised);
    }
    stops
}

/// Calls the engine, without the interpreter; what a signal handler raised meanwhile comes
/// beside the outcome.
pub fn waiting<T: Send>(py: Python<'_>, call: impl FnOnce() -> T + Send) -> (T, Option<PyErr>) {
    let outcome = py.detach(|| {
        WAITS.set(true);
        let outcome = call();
        WAITS.set(false);
        outcome
    });
    (outcome, RAISED.take())
}
