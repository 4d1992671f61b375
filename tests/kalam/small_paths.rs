//! No small path costs more than a tenth more than `tests/small_paths.tsv` says:
//! allocations and instructions are counted, so the machine's speed does not matter.
//!
//! `KALAM_ACCEPT=1` writes the file anew, for a cost that was chosen, a new path, or
//! another compiler.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a count may be, in percent of what it was.
const PERCENT_MAX: u64 = 110;
/// The function below which callgrind counts. It takes a pattern for one of its options
/// only, so this is the whole name.
const COUNTED: &str = "kalam_test_cost::counted_by_callgrind";
const COLUMNS: [&str; 3] = ["bytes", "allocations", "instructions"];

/// One call of each path: bytes allocated beyond the result, in how many blocks, and
/// instructions. None: callgrind counts those on Linux for x86-64 only.
type Counts = BTreeMap<String, [Option<u64>; 3]>;

#[test]
fn small_paths_cost_what_they_did() {
    let mut counts = allocations();
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        for (path, counted) in instructions() {
            counts.get_mut(&path).expect("both modes have the same paths")[2] = Some(counted);
        }
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("small_paths.tsv");
    let found = written(&counts);
    println!("{found}");
    if std::env::var_os("KALAM_ACCEPT").is_some() {
        std::fs::write(file, found).expect("the file can be written");
        return;
    }
    let before = read(&std::fs::read_to_string(file).expect("the file is there"));
    let grown = grown(&before, &counts);
    assert!(
        grown.is_empty(),
        "small paths cost more than they did; find out why, or accept it with \
         KALAM_ACCEPT=1 make bench-smoke:\n  {}",
        grown.join("\n  ")
    );
}

#[test]
fn a_count_that_grows_by_more_than_a_tenth_is_told() {
    let counts =
        |instructions| Counts::from([("read".to_owned(), [Some(10), Some(1), instructions])]);
    let before = counts(Some(1_000));
    assert!(grown(&before, &counts(Some(1_100))).is_empty());
    assert!(grown(&before, &counts(None)).is_empty());
    assert_eq!(grown(&before, &counts(Some(1_101))), ["read: 1101 instructions, was 1000"]);
    let other = Counts::from([("write".to_owned(), [Some(1); 3])]);
    assert_eq!(grown(&before, &other), ["read: not counted any more", "write: not in the file"]);
}

fn grown(before: &Counts, now: &Counts) -> Vec<String> {
    let mut grown = Vec::new();
    for (path, was) in before {
        let Some(is) = now.get(path) else {
            grown.push(format!("{path}: not counted any more"));
            continue;
        };
        for ((what, was), is) in COLUMNS.iter().zip(was).zip(is) {
            let (Some(was), Some(is)) = (*was, *is) else { continue };
            if is * 100 > was * PERCENT_MAX {
                grown.push(format!("{path}: {is} {what}, was {was}"));
            }
        }
    }
    let new = now.keys().filter(|path| !before.contains_key(*path));
    grown.extend(new.map(|path| format!("{path}: not in the file")));
    grown
}

fn allocations() -> Counts {
    let mut counts = Counts::new();
    for line in lines(Command::new(env!("CARGO_BIN_EXE_kalam-test-cost")).arg("heap")) {
        let [path, bytes, blocks] = words(&line);
        counts.insert(path.to_owned(), [number(bytes), number(blocks), None]);
    }
    counts
}

/// Instructions of one call of each path, on the thread of the caller.
fn instructions() -> Vec<(String, u64)> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--quiet", "--read-inline-info=no", "--collect-atstart=no"])
        .args([format!("--toggle-collect={COUNTED}"), format!("--dump-after={COUNTED}")])
        .arg(format!("--callgrind-out-file={}", folder.path().join("profile").display()))
        .args([env!("CARGO_BIN_EXE_kalam-test-cost"), "instructions"]);
    let lines = lines(&mut command);
    let counted = |(index, line): (usize, &String)| {
        let [path, calls] = words(line);
        let all = summary(&folder.path().join(format!("profile.{}", index + 1)));
        (path.to_owned(), all / number(calls).expect("a number of calls"))
    };
    lines.iter().enumerate().map(counted).collect()
}

/// All instructions of a profile.
fn summary(profile: &PathBuf) -> u64 {
    let text = std::fs::read_to_string(profile).expect("callgrind wrote a profile");
    let line = text.lines().find_map(|line| line.strip_prefix("summary: "));
    number(line.expect("a profile has a summary")).expect("it is a number")
}

fn lines(command: &mut Command) -> Vec<String> {
    let output = command.output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {text}", output.status);
    String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
}

fn words<const N: usize>(line: &str) -> [&str; N] {
    let words: Vec<&str> = line.split('\t').collect();
    words.try_into().expect("a line has its number of parts")
}

/// A count, or None for what is not a number.
fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

fn written(counts: &Counts) -> String {
    let mut text = format!("path\t{}\n", COLUMNS.join("\t"));
    for (path, counted) in counts {
        text.push_str(path);
        for count in counted {
            let shown = count.map_or("-".to_owned(), |count| count.to_string());
            write!(text, "\t{shown}").expect("a String takes everything");
        }
        text.push('\n');
    }
    text
}

fn read(text: &str) -> Counts {
    let counts = |line: &str| {
        let [path, counts @ ..] = words::<4>(line);
        (path.to_owned(), counts.map(number))
    };
    text.lines().skip(1).map(counts).collect()
}
