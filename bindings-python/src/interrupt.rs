//! Ctrl-C while the engine works.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kalam_core::{Error, SqlState};
use pyo3::prelude::*;

use crate::error::exception;

thread_local! {
    /// What a signal handler raised while this thread waited for the engine.
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
    /// Whether this thread called the engine and let go of the interpreter for it.
    static WAITS: Cell<bool> = const { Cell::new(false) };
    /// What another thread stops the calls of this one with.
    static STOP: RefCell<Option<Arc<AtomicBool>>> = const { RefCell::new(None) };
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
    if STOP.with_borrow(|stop| stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed))) {
        return true;
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

/// Stops what one call waits for, and nothing else of its connection: what an awaitable
/// that is cancelled does to the thread that works for it.
#[pyclass(frozen, name = "_CallStop", module = "kalamdb._kalamdb")]
pub struct CallStop(Arc<AtomicBool>);

#[pymethods]
impl CallStop {
    #[new]
    fn new() -> Self {
        CallStop(Arc::default())
    }

    /// Calls `function` in this thread and returns what it returns; not after stop().
    fn run<'py>(&self, function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        if self.0.load(Ordering::Relaxed) {
            let error = Error::new(SqlState::QUERY_CANCELED, "the call was cancelled");
            return Err(exception(function.py(), &error));
        }
        let before = STOP.replace(Some(self.0.clone()));
        let outcome = function.call0();
        STOP.set(before);
        outcome
    }

    /// Makes the statement that run() waits for, and those it would run after it, raise
    /// CancelledError, within 100 ms.
    fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
