//! The C API from outside: the header, the symbols, programs in C and C++ that are compiled
//! against an installed library, as it is, under AddressSanitizer and under valgrind.

mod consumers;
mod exports;
mod header;
mod install;
mod misuse;
mod panics;
mod programs;
