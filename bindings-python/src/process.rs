//! Values that belong to the process that made them.

use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicU32, Ordering};

use kalam_core::{Error, Result, SqlState};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

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
        ProcessLocal { process: process(), value: ManuallyDrop::new(value) }
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
        self.process == process()
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

/// How many forks lie between this process and the first one that used the package: a number
/// that is at hand, where asking for the id of the process costs as much as a point read.
static FORKS: AtomicU32 = AtomicU32::new(0);

fn process() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

/// Makes children count, whoever forks them.
#[cfg(unix)]
fn count_forks() {
    use std::ffi::c_int;

    unsafe extern "C" {
        fn pthread_atfork(
            prepare: Option<extern "C" fn()>,
            parent: Option<extern "C" fn()>,
            child: Option<extern "C" fn()>,
        ) -> c_int;
    }

    extern "C" fn in_child() {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }

    // SAFETY: the handler is a function of this library, which is never unloaded, and may run
    // in a child at any time.
    unsafe { pthread_atfork(None, None, Some(in_child)) };
}

/// There is no fork().
#[cfg(not(unix))]
fn count_forks() {}

/// Makes the children of this process end cleanly, from the first call on.
///
/// RocksDB has a static object whose destructor joins the engine's threads when a
/// process exits. A forked child has the object and not the threads: it would
/// crash after its work is done. So a child leaves by `_exit`, with its status,
/// after what it wrote through stdio is flushed. Python's own exit handlers have
/// run by then.
pub fn survive_fork(py: Python<'_>) -> PyResult<()> {
    static REGISTERED: PyOnceLock<()> = PyOnceLock::new();
    REGISTERED
        .get_or_try_init(py, || {
            count_forks();
            let kwargs = PyDict::new(py);
            kwargs.set_item("after_in_child", wrap_pyfunction!(after_fork, py)?)?;
            py.import("os")?.call_method("register_at_fork", (), Some(&kwargs)).map(drop)
        })
        .copied()
}

#[pyfunction]
fn after_fork() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    exit::leave_before_destructors();
}

/// Exit handlers run last in, first out: one that is added in the child runs before
/// the destructors that were registered when the library was loaded.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod exit {
    use std::ffi::{c_int, c_void};
    use std::ptr;

    unsafe extern "C" {
        fn on_exit(handler: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
    }

    pub fn leave_before_destructors() {
        // SAFETY: the handler is a function of this library, which is never unloaded.
        unsafe { on_exit(leave, ptr::null_mut()) };
    }

    extern "C" fn leave(status: c_int, _: *mut c_void) {
        // SAFETY: both may be called at any time in an exit handler.
        unsafe {
            libc::fflush(ptr::null_mut());
            libc::_exit(status);
        }
    }
}

fn forked() -> Error {
    Error::new(SqlState::FORKED, "the database was opened before fork() and belongs to the parent")
        .with_hint(
            "start children by multiprocessing's \"spawn\", or fork before kalamdb.connect()",
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
