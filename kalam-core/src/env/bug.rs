//! Bugs that tests plant, to see that the proofs find them.
//!
//! They are names in the sources and not features of the crate: with another feature the
//! workspace would compile twice.

/// Whether a process was started with `KALAM_BUG` set to this name. Optimized builds have
/// no bugs.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub(crate) const fn has_bug(_name: &'static str) -> bool {
    false
}

/// Whether the process was started with `KALAM_BUG` set to this name.
#[cfg(debug_assertions)]
pub(crate) fn has_bug(name: &'static str) -> bool {
    use std::sync::LazyLock;

    static PLANTED: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("KALAM_BUG").ok());
    PLANTED.as_deref() == Some(name)
}
