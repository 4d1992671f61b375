//! A panic that tests plant at the boundary to another language.

/// Panics once for each new value of the environment variable `KALAM_PANIC`, in debug
/// builds: what stands at every boundary to another language calls it.
#[cfg(debug_assertions)]
pub fn planted_panic() {
    use std::ffi::OsString;
    use std::sync::Mutex;

    static DONE: Mutex<Option<OsString>> = Mutex::new(None);

    let Some(asked) = std::env::var_os("KALAM_PANIC") else { return };
    let mut done = DONE.lock().expect("nothing panics while it is held");
    if done.as_ref() != Some(&asked) {
        *done = Some(asked);
        drop(done);
        panic!("planted by a test");
    }
}

/// Optimized builds have no such panics.
#[cfg(not(debug_assertions))]
pub fn planted_panic() {}
