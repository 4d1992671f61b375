//! Each public method of the engine has a counterpart in Python, Node and C, or is declined
//! there by name: `tests/parity.txt`.

use std::collections::BTreeSet;
use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// The faces of the engine, and where they are.
const FACES: [(&str, &str); 8] = [
    ("Database", "database.rs"),
    ("Identity", "identity.rs"),
    ("Session", "session.rs"),
    ("StatementProgress", "session.rs"),
    ("PreparedStatement", "executor/prepared_statement.rs"),
    ("QueryResult", "executor/query_result.rs"),
    ("CancelHandle", "executor/query_result.rs"),
    ("NamedData", "executor/named_data.rs"),
];

const LANGUAGES: [&str; 3] = ["Python", "Node", "C"];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_path_buf()
}

fn text(path: &str) -> String {
    read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names after `start` at the beginning of lines of a block: from the line that begins
/// with `open` to the one that is `close`.
fn members(text: &str, open: &str, close: &str, starts: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut is_inside = false;
    for line in text.lines() {
        let follows = line.strip_prefix(open).and_then(|rest| rest.chars().next());
        if follows.is_some_and(|next| !next.is_alphanumeric() && next != '_') {
            is_inside = true;
        } else if is_inside
            && (line == close || (close.is_empty() && line.starts_with(char::is_alphabetic)))
        {
            is_inside = false;
        } else if is_inside && let Some(rest) = starts.iter().find_map(|s| line.strip_prefix(s)) {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            found.insert(rest[..end].to_owned());
        }
    }
    found.remove("");
    found
}

/// The public methods of a face.
fn methods(face: &str, file: &str) -> BTreeSet<String> {
    let text = text(&format!("kalam-core/src/{file}"));
    let opening = if face == "Identity" { "impl<'a> Identity" } else { "impl " };
    let open = if face == "Identity" { opening.to_owned() } else { format!("{opening}{face}") };
    members(&text, &open, "}", &["    pub fn "])
}

/// A line of the list: a method, and its counterparts.
struct Line {
    method: String,
    counterparts: [String; 3],
}

fn list() -> Vec<Line> {
    let line = |line: &str| {
        let parts: Vec<&str> = line.split('|').map(str::trim).collect();
        let [method, python, node, c] = parts[..] else { panic!("four columns: {line}") };
        Line { method: method.to_owned(), counterparts: [python, node, c].map(str::to_owned) }
    };
    let text = text("tests/parity.txt");
    text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).map(line).collect()
}

#[test]
fn every_method_of_the_engine_is_in_the_list_and_nothing_else() {
    let mut there = BTreeSet::new();
    for (face, file) in FACES {
        let methods = methods(face, file);
        assert!(!methods.is_empty(), "{face} has no methods in {file}");
        there.extend(methods.into_iter().map(|method| format!("{face}::{method}")));
    }
    let listed: Vec<String> = list().into_iter().map(|line| line.method).collect();
    let once: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(once.len(), listed.len(), "a method is in tests/parity.txt twice");
    let missing: Vec<_> = there.difference(&once).collect();
    assert!(
        missing.is_empty(),
        "say in tests/parity.txt what these are called in {LANGUAGES:?}, or why not: {missing:?}"
    );
    let gone: Vec<_> = once.difference(&there).collect();
    assert!(gone.is_empty(), "in tests/parity.txt and not in the engine: {gone:?}");
}

#[test]
fn every_counterpart_is_there_or_declined_with_a_reason() {
    let python = text("bindings-python/python/kalamdb/_kalamdb.pyi");
    let node = text("bindings-node/index.d.cts");
    let header = text("include/kalamdb.h");
    let has = |language: usize, name: &str| match (language, name.split_once('.')) {
        (0, None) => python.contains(&format!("\ndef {name}(")),
        (0, Some((class, member))) => {
            members(&python, &format!("class {class}"), "", &["    def "]).contains(member)
        }
        (1, None) => node.contains(&format!("export function {name}(")),
        (1, Some((class, member))) => ["class", "interface"].iter().any(|kind| {
            let open = format!("export {kind} {class}");
            members(&node, &open, "}", &["  readonly ", "  "]).contains(member)
        }),
        _ => header.contains(&format!(" {name}(")) || header.contains(&format!("*{name}(")),
    };
    for line in list() {
        for (language, counterpart) in line.counterparts.iter().enumerate() {
            let known = match counterpart.strip_prefix('-') {
                Some(reason) => reason.trim().contains(' '),
                None => has(language, counterpart),
            };
            let (method, language) = (&line.method, LANGUAGES[language]);
            assert!(known, "{method} in {language}: \"{counterpart}\" is not there");
        }
    }
}

#[test]
fn the_list_would_notice_what_is_missing() {
    let text = "impl Face {\n    pub fn one(&self) {\n    }\n    fn hidden() {}\n}\nimpl Other {\n    pub fn two() {}\n}\n";
    let found = members(text, "impl Face", "}", &["    pub fn "]);
    assert_eq!(found, BTreeSet::from(["one".to_owned()]));
    assert!(members(text, "impl Fac", "}", &["    pub fn "]).is_empty());
}
