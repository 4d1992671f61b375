//! What small paths allocate, counted in a process of its own.

use std::process::Command;

use crate::figure::Figure;

/// Most bytes that a repeated point read allocates beyond its result.
const GOAL_BYTES: f64 = 100.0;

/// Runs the counting process and reads its lines: what, bytes, number.
pub fn figures() -> Vec<Figure> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kalam-test-cost"));
    let output = command.arg("heap").output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("it writes text");
    let figure = |line: &str| {
        let mut words = line.split('\t');
        let mut next = || words.next().expect("a line has three parts");
        let (what, bytes, blocks) = (next(), next(), next());
        let bytes: f64 = bytes.parse().expect("a number of bytes");
        let name = format!("Heap: {what}, in {blocks} blocks");
        if what.contains("point read") {
            Figure::at_most(name, bytes, GOAL_BYTES, "bytes")
        } else {
            Figure::plain(name, format!("{bytes} bytes"))
        }
    };
    text.lines().map(figure).collect()
}
