//! Entries of the manifest.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    // An error is an answer too.
    let _ = kalam_core::decoding::manifest(input);
});
