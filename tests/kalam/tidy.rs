//! The house rules that a machine can hold. Each message quotes its rule.

use std::path::{Path, PathBuf};

/// Modules of kalam-core in the order data flows: a module uses what stands above it.
const ORDER: [&str; 16] = [
    "error", "model", "env", "activity", "vector", "store", "catalog", "security", "flush",
    "backup", "jobs", "scan", "executor", "session", "database", "identity",
];
/// What every module may use.
const FOR_ALL: [&str; 3] = ["error", "guard", "options"];
/// Where the names that `lib.rs` re-exports live.
const RE_EXPORTS: [(&str, &str); 13] = [
    ("Error", "error"),
    ("ErrorKind", "error"),
    ("Position", "error"),
    ("Result", "error"),
    ("SqlState", "error"),
    ("Options", "options"),
    ("Durability", "options"),
    ("ScalarValue", "error"),
    ("Params", "executor"),
    ("QueryResult", "executor"),
    ("Session", "session"),
    ("AppendMode", "session"),
    ("Database", "database"),
];
const BANNED_NAMES: [&str; 12] = [
    "utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "service", "models",
    "unified", "stuff",
];
const FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 100;
/// Crates of which the graph holds one version.
const SINGLE: [&str; 6] =
    ["arrow", "arrow-schema", "parquet", "datafusion", "object_store", "sqlparser"];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_path_buf()
}

/// Text files of the project below a folder, with their text.
fn files(folder: &Path, extensions: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the project can be read") {
        let path = entry.expect("folder entries can be read").path();
        let name = path.file_name().expect("entries have names").to_string_lossy().into_owned();
        if path.is_dir() {
            let outside = ["target", "node_modules", "dist", "build", "venv", "__pycache__"];
            if !name.starts_with('.') && !outside.contains(&name.as_str()) {
                found.extend(files(&path, extensions));
            }
        } else if extensions.iter().any(|extension| name.ends_with(extension))
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            found.push((path, text));
        }
    }
    found.sort();
    found
}

fn rust_files() -> Vec<(PathBuf, String)> {
    files(&workspace(), &[".rs"])
}

fn shown(path: &Path) -> String {
    path.strip_prefix(workspace()).unwrap_or(path).display().to_string()
}

fn report(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}\n  {}", broken.join("\n  "));
}

/// The lines before the unit tests, numbered from 1, without line comments.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .take_while(|line| line.trim() != "#[cfg(test)]")
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// First names after `crate::` in a line sequence, groups in braces included.
fn crate_uses(text: &str) -> Vec<(usize, String)> {
    let code: Vec<(usize, &str)> = code_lines(text).collect();
    let mut uses = Vec::new();
    for (index, (number, line)) in code.iter().enumerate() {
        for (place, _) in line.match_indices("crate::") {
            let before = line[..place].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
                continue;
            }
            let mut rest = line[place + "crate::".len()..].to_owned();
            for (_, more) in code.iter().skip(index + 1).take(40) {
                rest.push(' ');
                rest.push_str(more);
            }
            uses.extend(first_names(&rest).into_iter().map(|name| (*number, name)));
        }
    }
    uses
}

fn first_names(rest: &str) -> Vec<String> {
    let ident = |text: &str| -> String {
        text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let Some(group) = rest.strip_prefix('{') else { return vec![ident(rest)] };
    let mut names = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (place, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(ident(&group[start..place]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(ident(&group[start..place]));
                start = place + 1;
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn rank(module: &str) -> Option<usize> {
    ORDER.iter().position(|name| *name == module)
}

#[test]
fn dependencies_point_one_way() {
    let source = workspace().join("kalam-core").join("src");
    let mut broken = Vec::new();
    for (path, text) in files(&source, &[".rs"]) {
        let inside = path.strip_prefix(&source).expect("it is below the folder");
        let first = inside.components().next().expect("a path has parts");
        let module = first.as_os_str().to_string_lossy().replace(".rs", "");
        let Some(own) = rank(&module) else { continue };
        for (line, name) in crate_uses(&text) {
            let used = RE_EXPORTS.iter().find(|(n, _)| *n == name).map_or(&*name, |(_, m)| m);
            if FOR_ALL.contains(&used) || rank(used).is_none_or(|other| other <= own) {
                continue;
            }
            broken.push(format!("{}:{line}: {module} uses {used}", shown(&path)));
        }
    }
    report(
        "\"Dependencies point one way\": a module uses only what stands above it in the order \
         error, model, env, activity, vector, store, catalog, security, flush, backup, scan, executor, \
         session, database",
        &broken,
    );
}

#[test]
fn every_file_says_what_it_is() {
    let broken: Vec<String> = rust_files()
        .into_iter()
        .filter(|(_, text)| !text.trim_start_matches('\u{feff}').starts_with("//!"))
        .map(|(path, _)| shown(&path))
        .collect();
    report("\"Order in a file: docs, imports, ..\": a file starts with //!", &broken);
}

#[test]
fn names_say_something() {
    let mut broken = Vec::new();
    for (path, _) in files(&workspace(), &[".rs", ".py", ".slt"]) {
        let inside = path.strip_prefix(workspace()).expect("it is below the folder");
        for part in inside.components() {
            let part = part.as_os_str().to_string_lossy();
            let stem = part.split('.').next().unwrap_or("");
            if BANNED_NAMES.contains(&stem) {
                broken.push(shown(&path));
            }
        }
    }
    let rule = format!("\"One noun per file\": banned names are {}", BANNED_NAMES.join(", "));
    report(&rule, &broken);
}

#[test]
fn files_are_short_enough_to_read() {
    let architecture =
        std::fs::read_to_string(workspace().join("ARCHITECTURE.md")).unwrap_or_default();
    let broken: Vec<String> = rust_files()
        .into_iter()
        .filter(|(_, text)| text.lines().count() > FILE_LINES_MAX)
        .filter(|(path, _)| {
            let name = path.file_name().expect("files have names").to_string_lossy().into_owned();
            !architecture.contains(&name)
        })
        .map(|(path, text)| format!("{}: {} lines", shown(&path), text.lines().count()))
        .collect();
    report(
        "\"file 300 lines aim, 500 look hard, 800 needs a sentence in ARCHITECTURE.md\"",
        &broken,
    );
}

/// A line with its texts, characters and comment taken out, so that braces can be
/// counted. `raw` is the end of a text that goes on from an earlier line.
fn bare(line: &str, open_text: &mut Option<String>) -> String {
    let mut out = String::new();
    let mut rest = line;
    while !rest.is_empty() {
        if let Some(end) = open_text.clone() {
            match text_end(rest, &end) {
                Some(after) => {
                    rest = after;
                    *open_text = None;
                }
                None => return out,
            }
            continue;
        }
        if rest.starts_with("//") {
            return out;
        }
        if let Some(after) = rest.strip_prefix("r#\"") {
            *open_text = Some("\"#".into());
            rest = after;
        } else if let Some(after) = rest.strip_prefix('"') {
            *open_text = Some("\"".into());
            rest = after;
        } else if let Some(after) = character(rest) {
            rest = after;
        } else {
            let c = rest.chars().next().expect("the rest is not empty");
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

/// What follows the end of a text, or `None` if it goes on in the next line.
fn text_end<'a>(rest: &'a str, end: &str) -> Option<&'a str> {
    let mut place = 0;
    while place < rest.len() {
        if rest[place..].starts_with(end) {
            return Some(&rest[place + end.len()..]);
        }
        let c = rest[place..].chars().next().expect("place is inside");
        place += c.len_utf8();
        if c == '\\' && end == "\"" {
            place += rest[place..].chars().next().map_or(0, char::len_utf8);
        }
    }
    None
}

/// What follows a character literal; lifetimes are none.
fn character(rest: &str) -> Option<&str> {
    let inside = rest.strip_prefix('\'')?;
    if let Some(escaped) = inside.strip_prefix('\\') {
        let end = escaped.get(1..)?.find('\'')? + 1;
        return Some(&escaped[end + 1..]);
    }
    let c = inside.chars().next()?;
    inside[c.len_utf8()..].strip_prefix('\'')
}

/// Functions with their first line, number of lines, and whether they are one match.
fn functions(text: &str) -> Vec<(usize, usize, String, bool)> {
    let mut open_text = None;
    let lines: Vec<String> = text.lines().map(|line| bare(line, &mut open_text)).collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let words: Vec<&str> = line.split([' ', '(', '<']).filter(|w| !w.is_empty()).collect();
        let Some(place) = words.iter().position(|word| *word == "fn") else { continue };
        let Some(name) = words.get(place + 1).filter(|_| is_prefix(&words[..place])) else {
            continue;
        };
        let mut depth = 0i32;
        let mut body = None;
        for (offset, line) in lines[index..].iter().enumerate() {
            if body.is_none() && line.contains('{') {
                body = Some(index + offset + 1);
            }
            if body.is_none() && line.trim_end().ends_with(';') {
                break;
            }
            depth += line.matches('{').count() as i32 - line.matches('}').count() as i32;
            if body.is_some() && depth <= 0 {
                let first = body.and_then(|b| lines.get(b)).map_or("", |l| l.trim());
                let flat = first.starts_with("match ");
                found.push((index + 1, offset + 1, (*name).to_owned(), flat));
                break;
            }
        }
    }
    found
}

fn is_prefix(words: &[&str]) -> bool {
    let known = ["pub", "const", "async", "unsafe", "extern", "crate)", "super)", "pub(crate)"];
    words.iter().all(|word| known.contains(word))
}

#[test]
fn functions_are_short_enough_to_read() {
    let mut broken = Vec::new();
    for (path, text) in rust_files() {
        for (line, length, name, flat) in functions(&text) {
            if length > FUNCTION_LINES_MAX && !flat {
                broken.push(format!("{}:{line}: {name} has {length} lines", shown(&path)));
            }
        }
    }
    report("\"function 30 / 70 / never past 100 except one flat `match`\"", &broken);
}

#[test]
fn banned_words_are_absent() {
    let words = [
        (concat!("TO", "DO"), "what is missing is not written down in the code"),
        (concat!("FIX", "ME"), "what is wrong is repaired"),
        (concat!("todo", "!("), "no stubs"),
        (concat!("unimplemented", "!("), "no stubs"),
        (concat!(".unw", "rap()"), "`unwrap` is banned; `expect(\"why it cannot fail\")` is fine"),
        (concat!("dbg", "!("), "a library prints nothing"),
        (concat!("#[ig", "nore"), "no ignored test"),
    ];
    let mut broken = Vec::new();
    for (path, text) in rust_files() {
        let stem = path.file_stem().expect("files have names").to_string_lossy();
        let tests_begin = if stem == "tests" || stem.ends_with("_tests") {
            0
        } else {
            text.lines().take_while(|l| l.trim() != "#[cfg(test)]").count()
        };
        for (index, line) in text.lines().enumerate() {
            for (word, rule) in words {
                let in_unit_test = index >= tests_begin && word.starts_with(".unw");
                if line.contains(word) && !in_unit_test {
                    broken.push(format!("{}:{}: {word}: {rule}", shown(&path), index + 1));
                }
            }
        }
    }
    report("\"no phase or ticket number, no history\"; \"`unwrap` is banned\"", &broken);
}

#[test]
fn the_graph_holds_one_arrow_and_one_datafusion() {
    let lock =
        std::fs::read_to_string(workspace().join("Cargo.lock")).expect("Cargo.lock is committed");
    let mut broken = Vec::new();
    for name in SINGLE {
        let line = format!("name = \"{name}\"");
        let versions = lock.lines().filter(|l| *l == line).count();
        if versions != 1 {
            broken.push(format!("{versions} versions of {name}"));
        }
    }
    for line in lock.lines().filter(|line| line.starts_with("source = ")) {
        if !line.contains("github.com/rust-lang/crates.io-index") {
            broken.push(line.to_owned());
        }
    }
    report(
        "\"One DataFusion, one arrow, one object_store in the graph\", from one source",
        &broken,
    );
}

#[test]
fn no_file_knows_a_machine() {
    let roots = [
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/wo", "rk/"),
        concat!("/Us", "ers/"),
    ];
    let extensions =
        [".rs", ".toml", ".py", ".pyi", ".md", ".slt", ".sh", ".yml", ".lock", "Makefile", ".json"];
    let mut broken = Vec::new();
    for (path, text) in files(&workspace(), &extensions) {
        for (index, line) in text.lines().enumerate() {
            if let Some(root) = roots.iter().find(|root| line.contains(**root)) {
                broken.push(format!("{}:{}: {root}", shown(&path), index + 1));
            }
        }
    }
    report("no machine paths: the project runs on any machine", &broken);
}

#[test]
fn the_checker_sees_what_it_should() {
    assert_eq!(
        crate_uses(
            "use crate::{Error, model::{A, B}};\nlet x = crate::store::open();\n// crate::no"
        ),
        [(1, "Error".into()), (1, "model".into()), (2, "store".into())]
    );
    let text = "pub(crate) fn long(\n    a: u8,\n) -> u8 {\n    let c = '{';\n    \"}}\".len();\n    a\n}\n";
    assert_eq!(functions(text), [(1, 7, "long".into(), false)]);
    let flat = "fn flat(a: u8) -> u8 {\n    match a {\n        _ => 1,\n    }\n}\n";
    assert_eq!(functions(flat), [(1, 5, "flat".into(), true)]);
}
