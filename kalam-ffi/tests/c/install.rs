//! The library, installed below a prefix of the tests, and programs that use it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

/// Where the tests' files go.
pub fn folder() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// The repository.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate has a parent").to_path_buf()
}

/// The library that Cargo built beside this test.
pub fn library() -> PathBuf {
    let name = if cfg!(target_os = "macos") { "libkalamdb.dylib" } else { "libkalamdb.so" };
    std::env::current_exe().expect("a test is a file").with_file_name(name)
}

/// Where the library is installed, once for all tests.
pub static PREFIX: LazyLock<PathBuf> = LazyLock::new(|| {
    let prefix = folder().join("prefix");
    let _ = std::fs::remove_dir_all(&prefix);
    let script = workspace().join("packaging/install.sh");
    run(Command::new(script).arg(library()).arg(&prefix));
    prefix
});

/// Runs a command that must succeed, and returns what it printed.
pub fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|e| panic!("{command:?}: {e}; make setup installs it"));
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}: {status}\n{stdout}\n{stderr}");
    stdout.into_owned()
}

/// Compiles a program strictly and returns where it is. `flags` come first.
pub fn compile(source: &Path, name: &str, flags: &[&str]) -> PathBuf {
    let is_cpp = source.extension().is_some_and(|extension| extension == "cpp");
    let (compiler, standard) = if is_cpp { ("c++", "-std=c++17") } else { ("cc", "-std=gnu11") };
    let program = folder().join(name);
    let lib = PREFIX.join("lib");
    run(Command::new(compiler)
        .args([standard, "-Wall", "-Wextra", "-Werror", "-Wpedantic", "-g", "-pthread"])
        .args(flags)
        .arg("-I")
        .arg(PREFIX.join("include"))
        .arg("-I")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/programs"))
        .arg(source)
        .arg("-L")
        .arg(&lib)
        .arg(format!("-Wl,-rpath,{}", lib.display()))
        .args(["-lkalamdb", "-o"])
        .arg(&program));
    program
}

/// A source of these tests.
pub fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/programs").join(name)
}
