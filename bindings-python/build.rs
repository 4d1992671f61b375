//! What the module exports: its own init function and that of the ADBC driver.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Declares every function of the C API, which is linked in and not offered: a module has the
/// interpreter's symbols undefined, so no C program could link it.
const HEADER: &str = "../include/kalamdb.h";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={HEADER}");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return Ok(());
    }
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR").unwrap_or_default());
    let header = fs::read_to_string(manifest.join(HEADER))?;
    let map = Path::new(&env::var("OUT_DIR").unwrap_or_default()).join("hidden.map");
    // rustc makes them global by a list of names. Only a name hides a name: a pattern is weaker.
    let hidden: String = functions(&header).iter().map(|name| format!("    {name};\n")).collect();
    fs::write(&map, format!("{{\n  local:\n{hidden}}};\n"))?;
    println!("cargo::rustc-cdylib-link-arg=-Wl,--version-script={}", map.display());
    Ok(())
}

/// The names `kalam_..` that are followed by a parenthesis.
fn functions(header: &str) -> Vec<&str> {
    let mut names: Vec<&str> = header
        .match_indices("kalam_")
        .map(|(start, _)| {
            let rest = &header[start..];
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            (rest, end.unwrap_or(rest.len()))
        })
        .filter(|(rest, end)| rest[*end..].starts_with('('))
        .map(|(rest, end)| &rest[..end])
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}
