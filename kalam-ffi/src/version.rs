//! Which library this is.

use std::ffi::{CStr, c_char};

/// The version of the functions in this header. It grows when one of them changes or goes,
/// and the name of the shared library with it; functions that are new leave it as it is.
pub const KALAM_ABI_VERSION: u32 = 1;

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => panic!("a version has no NUL byte"),
    };

/// KALAM_ABI_VERSION of the library that was loaded. A program that loads it by name
/// compares it with the header's.
#[unsafe(no_mangle)]
pub extern "C" fn kalam_abi_version() -> u32 {
    KALAM_ABI_VERSION
}

/// The version of the library, such as "0.1.0". Lives as long as the process.
#[unsafe(no_mangle)]
pub extern "C" fn kalam_library_version() -> *const c_char {
    VERSION.as_ptr()
}
