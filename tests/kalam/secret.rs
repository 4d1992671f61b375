//! What must not be said: passwords and credentials anywhere, values of rows in logs.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// Every file below a folder, as text.
fn files(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder can be listed") {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() {
            files(&path, found);
        } else {
            let bytes = std::fs::read(&path).expect("a file can be read");
            let text = String::from_utf8_lossy(&bytes).into_owned();
            found.push((path.display().to_string(), text));
        }
    }
}

#[test]
fn logs_and_files_tell_no_secrets_and_our_logs_no_rows() {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let child = Command::new(env!("CARGO_BIN_EXE_kalam-test-logs")).arg(folder.path()).output();
    let child = child.expect("it starts");
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    let logged = String::from_utf8(child.stdout).expect("logs are text");
    assert!(logged.ends_with("end\n"));
    let events = logged.lines().filter(|line| !line.starts_with("error ")).count();
    println!("{events} lines logged");
    assert!(events > 100, "logs are on: {events} lines");
    let told = "removing a segment that no commit lists";
    assert!(logged.lines().any(|line| line.contains(told)), "our logs are on");
    for line in logged.lines() {
        assert!(!line.contains("zqxsecret"), "{line}");
        // The SQL parser logs literals, and the Parquet reader statistics, for whoever
        // debugs these libraries. An error tells its statement's session of its own rows.
        let of_a_library = ["DEBUG ", "TRACE ", "error "].iter().any(|kind| line.starts_with(kind));
        let tells = line.contains("zqxcanary") || line.contains("770077007");
        assert!(of_a_library || !tells, "{line}");
    }
    let mut found = Vec::new();
    files(folder.path(), &mut found);
    assert!(found.iter().any(|(_, text)| text.contains("ann")), "{} files", found.len());
    for (path, text) in &found {
        assert!(!text.contains("zqxsecret"), "{path}");
    }
    // Rows are in the files of their tables, and in no name of a file.
    for (path, _) in &found {
        assert!(!path.contains("zqxcanary") && !path.contains("770077007"), "{path}");
    }
}
