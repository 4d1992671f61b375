//! Where the crate `datafusion-sqllogictest` is on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The crate and its version: that of the DataFusion which the engine is built with.
const CRATE: &str = "datafusion-sqllogictest";
const VERSION: &str = "55.2.0";

/// The folder with the files, which Cargo downloads once and keeps with the sources of
/// its other packages.
///
/// The crate is not a dependency: Cargo would compile it, with a second set of
/// features of DataFusion. `cargo info` downloads a published package, checks it
/// against the registry's checksum, and unpacks it beside the others.
pub fn test_files() -> PathBuf {
    if let Some(folder) = unpacked() {
        return folder;
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let package = format!("{CRATE}@{VERSION}");
    // Elsewhere than in the workspace, whose lock file is none of its business.
    let done = Command::new(cargo)
        .args(["info", "--quiet", "--registry", "crates-io", &package])
        .current_dir(std::env::temp_dir())
        .output()
        .expect("cargo runs");
    unpacked().unwrap_or_else(|| {
        panic!("cargo info {package}: {}", String::from_utf8_lossy(&done.stderr))
    })
}

fn unpacked() -> Option<PathBuf> {
    let registries = std::fs::read_dir(cargo_home().join("registry").join("src")).ok()?;
    registries
        .filter_map(Result::ok)
        .map(|registry| registry.path().join(format!("{CRATE}-{VERSION}")).join("test_files"))
        .find(|folder| folder.is_dir())
}

fn cargo_home() -> PathBuf {
    match std::env::var_os("CARGO_HOME") {
        Some(home) => home.into(),
        None => std::env::home_dir().unwrap_or_default().join(".cargo"),
    }
}

/// The files are of the DataFusion that the engine is built with.
#[test]
fn the_files_are_of_the_version_that_is_tested() {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join("Cargo.lock");
    let lock = std::fs::read_to_string(lock).expect("Cargo.lock is committed");
    let built = format!("name = \"datafusion\"\nversion = \"{VERSION}\"");
    assert!(lock.contains(&built), "Cargo.lock holds another DataFusion than {VERSION}");
}
