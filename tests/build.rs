//! Compiles what a fuzz target has in C.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "libfuzzer")]
    {
        let program = "../kalam-ffi/tests/c/programs/sequences.c";
        println!("cargo::rerun-if-changed={program}");
        cc::Build::new()
            .file(program)
            .include("../include")
            .define("FUZZ", None)
            .compile("sequences");
    }
}
