//! Values that belong to the process that made them.

use std::mem::ManuallyDrop;
use std::process;

use kalam_core::{Error, Result, SqlState};
use pyo3::prelude::*;

/// A value of the engine that only the process that made it may use or drop.
///
/// After fork() the child has a copy of the memory but none of the engine's
/// threads, and shares the parent's open files: a call would hang or write into
/// the parent's database. So a child gets `KD001`, and leaks the value instead
/// of closing what is the parent's.
pub struct ProcessLocal<T> {
    process: u32,
    value: ManuallyDrop<T>,
}

impl<T> ProcessLocal<T> {
    /// Ties `value` to this process.
    pub fn new(value: T) -> Self {
        ProcessLocal { process: process::id(), value: ManuallyDrop::new(value) }
    }

    /// The value.
    ///
    /// # Errors
    /// `KD001` in another process.
    pub fn get(&self) -> Result<&T> {
        if self.is_here() { Ok(&self.value) } else { Err(forked()) }
    }

    /// The value, to change it.
    ///
    /// # Errors
    /// `KD001` in another process.
    pub fn get_mut(&mut self) -> Result<&mut T> {
        if self.is_here() { Ok(&mut self.value) } else { Err(forked()) }
    }

    fn is_here(&self) -> bool {
        self.process == process::id()
    }
}

impl<T> Drop for ProcessLocal<T> {
    fn drop(&mut self) {
        if self.is_here() {
            // SAFETY: this is the only place that takes the value, and a value is
            // dropped once.
            unsafe { ManuallyDrop::drop(&mut self.value) }
        }
    }
}

fn forked() -> Error {
    Error::new(SqlState::FORKED, "the database was opened before fork() and belongs to the parent")
        .with_hint(
            "call kalamdb.connect() in the child, on another directory or after the parent closed",
        )
}

/// Drops a value of the engine without the interpreter lock: the last handle of
/// a database waits for its background work.
pub fn drop_detached<T: Send>(value: T) {
    let mut value = Some(value);
    // Without an interpreter (it is shutting down) there is no lock to release.
    Python::try_attach(|py| {
        let value = value.take();
        py.detach(move || drop(value));
    });
}
