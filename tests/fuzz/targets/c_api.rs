//! Calls of the C API, with handles that are whole, freed, or none: `sequences.c` of the
//! tests of that API takes its choices from the bytes.

#![no_main]

// The program in C calls it.
use kalamdb as _;
use libfuzzer_sys::fuzz_target;

unsafe extern "C" {
    fn sequence_of(input: *const u8, length: usize);
}

fuzz_target!(|input: &[u8]| {
    // SAFETY: it reads no more than these bytes, and keeps nothing of them.
    unsafe { sequence_of(input.as_ptr(), input.len()) };
});
