//! The way into every function: an earlier error is freed, a panic becomes an error.

use std::ptr;

use kalam_core::guarded;

use crate::error::KalamError;
use crate::failure::{Failure, Result};
use crate::handle;
use crate::status::KalamStatus;

/// Runs what a C function does and says in `err`, if that is not NULL, what went wrong.
pub fn call(err: *mut *mut KalamError, body: impl FnOnce() -> Result<()>) -> KalamStatus {
    // SAFETY: the caller passes NULL, or a place that holds NULL or an earlier error.
    let err = unsafe { err.as_mut() };
    match guarded(body) {
        Ok(()) => {
            put(err, None);
            KalamStatus::Ok
        }
        Err(failure) => {
            let status = failure.status;
            put(err, Some(failure));
            status
        }
    }
}

fn put(err: Option<&mut *mut KalamError>, failure: Option<Failure>) {
    let Some(err) = err else { return };
    let earlier = std::mem::replace(err, ptr::null_mut());
    let made: Result<_> = guarded(|| {
        if !earlier.is_null() {
            // Whatever it was, it is gone; what is no error was not ours to free.
            let _ = handle::end(earlier, "err");
        }
        failure.map_or(Ok(ptr::null_mut()), |failure| handle::give(KalamError::new(&failure)))
    });
    *err = made.unwrap_or(ptr::null_mut());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        let mut err = ptr::null_mut();
        assert_eq!(call(&raw mut err, || panic!("planted")), KalamStatus::Internal);
        let error = handle::get(err, "err").unwrap_or_else(|_| panic!("it is a handle"));
        assert_eq!(error.message.to_str(), Ok("the engine panicked: planted"));
        assert_eq!(call(ptr::null_mut(), || panic!("planted")), KalamStatus::Internal);
    }

    #[test]
    fn an_earlier_error_is_freed_by_the_next_call() {
        let mut err = ptr::null_mut();
        call(&raw mut err, || Err(Failure::argument("x", "is wrong")));
        let first = err;
        call(&raw mut err, || Err(Failure::argument("x", "is wrong")));
        assert!(handle::get(first, "err").is_err());
        assert_eq!(call(&raw mut err, || Ok(())), KalamStatus::Ok);
        assert!(err.is_null());
    }
}
