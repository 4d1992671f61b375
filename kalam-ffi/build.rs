//! How the shared library is linked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let os = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    match os.as_str() {
        "macos" => {
            println!("cargo::rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libkalamdb.1.dylib");
        }
        "linux" => {
            // The number is KALAM_ABI_VERSION. Threads of the engine and fork handlers
            // run code of the library, so that it must stay loaded.
            println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libkalamdb.so.1");
            println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
        }
        _ => {}
    }
}
