//! What a repeated point read allocates, counted by another process.

use std::process::Command;

#[test]
fn a_repeated_point_read_allocates_little_beyond_its_result() {
    let output = Command::new(env!("CARGO_BIN_EXE_kalam-test-heap")).output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    println!("{}", String::from_utf8_lossy(&output.stdout));
}
