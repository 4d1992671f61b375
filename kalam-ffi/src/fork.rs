//! What a child process is after fork().
//!
//! It has a copy of the memory but none of the engine's threads, and shares the parent's
//! open files: a call would hang, or write into the parent's database. So every handle and
//! stream of the parent is refused in the child (`KD001`), and what they hold is not dropped.
//! The engine opens no database for it either.

use std::mem::ManuallyDrop;
use std::sync::Once;

use kalam_core::{Error, Result, SqlState};

use crate::handle;

/// A value of the engine that only the process that made it may use or drop.
pub struct ProcessLocal<T> {
    process: u32,
    value: ManuallyDrop<T>,
}

impl<T> ProcessLocal<T> {
    /// Ties `value` to this process.
    pub fn new(value: T) -> Self {
        survive_fork();
        ProcessLocal { process: handle::process(), value: ManuallyDrop::new(value) }
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
        self.process == handle::process()
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

/// What the child can do.
pub(crate) const WAY_OUT: &str =
    "fork before the database is opened, or use it in a child only after exec()";

fn forked() -> Error {
    Error::new(SqlState::FORKED, "the database was opened before fork() and belongs to the parent")
        .with_hint(WAY_OUT)
}

/// Makes the children of this process safe, from the first opening on.
pub fn survive_fork() {
    static REGISTERED: Once = Once::new();
    #[cfg(unix)]
    REGISTERED.call_once(unix::register);
}

#[cfg(unix)]
mod unix {
    use std::ffi::c_int;

    unsafe extern "C" {
        fn pthread_atfork(
            prepare: Option<extern "C" fn()>,
            parent: Option<extern "C" fn()>,
            child: Option<extern "C" fn()>,
        ) -> c_int;
    }

    pub fn register() {
        // SAFETY: the handler is a function of this library, which is never unloaded
        // (the linker marks it so).
        unsafe { pthread_atfork(None, None, Some(in_child)) };
    }

    extern "C" fn in_child() {
        crate::handle::after_fork();
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        exit::leave_before_destructors();
    }

    /// RocksDB has a static object whose destructor joins the engine's threads when a
    /// process exits. A forked child has the object and not the threads: it would hang or
    /// crash after its work is done. So it leaves by `_exit`, with its status, after what
    /// it wrote through stdio is flushed. Exit handlers run last in, first out: one that is
    /// added in the child runs before the destructors that were registered at loading.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    mod exit {
        use std::ffi::{c_int, c_void};
        use std::ptr;

        unsafe extern "C" {
            fn on_exit(handler: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
            fn fflush(stream: *mut c_void) -> c_int;
            fn _exit(status: c_int) -> !;
        }

        pub fn leave_before_destructors() {
            // SAFETY: the handler is a function of this library, which is never unloaded.
            unsafe { on_exit(leave, ptr::null_mut()) };
        }

        extern "C" fn leave(status: c_int, _: *mut c_void) {
            // SAFETY: both may be called at any time in an exit handler.
            unsafe {
                fflush(ptr::null_mut());
                _exit(status);
            }
        }
    }
}
