//! Every function that C calls turns a panic into an error.
//!
//! A panic that leaves an `extern "C"` function ends the process. So such a function does
//! nothing before it calls a guard, and everything it does is within the call.

use std::path::{Path, PathBuf};

/// What catches panics.
const GUARDS: [&str; 3] = ["call", "guarded", "guarded_entry"];
/// Functions whose whole body is a guard, in the files that call them.
const GUARDED: [&str; 5] = ["read", "read_slice", "bind", "append", "set"];
/// What cannot panic, or has nobody to tell.
const WITHOUT: [(&str, &str); 5] = [
    ("kalam_abi_version", "a constant"),
    ("kalam_library_version", "a constant"),
    ("get_last_error", "reads a pointer"),
    ("in_child", "a panic in a handler of fork() can only end the process"),
    ("leave", "the process ends in it"),
];
/// Callbacks of streams, which look at their arguments before.
const CALLBACKS: [(&str, &str); 3] =
    [("get_schema", "guarded("), ("get_next", "guarded("), ("release", "state.end()")];

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("a folder can be read").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else {
            let text = std::fs::read_to_string(&path).expect("sources are text");
            found.push((path, text));
        }
    }
    found
}

/// The name of the function that begins here, and its body without comments and spaces.
fn function(text: &str) -> Option<(&str, String)> {
    let name = text.split(['(', '<']).next().filter(|name| !name.is_empty())?;
    let body = &text[text.find('{')?..];
    let end = body.find("\n}").unwrap_or(body.len());
    let code = body[..end].lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = code.flat_map(str::chars).filter(|c| !c.is_whitespace()).collect();
    Some((name, code))
}

/// Whether a body begins with a call of one of these, and what comes before is no call.
fn begins_with(body: &str, guards: &[&str]) -> bool {
    let body = body.trim_start_matches('{').trim_start_matches("unsafe{");
    let Some((before, _)) = body.split_once('(') else { return false };
    let (before, guard) = match before.rsplit_once('=') {
        Some((pattern, guard)) if pattern.starts_with("let") => (pattern, guard),
        _ => ("", before.strip_prefix("match").unwrap_or(before)),
    };
    guards.contains(&guard) && !before.contains('(') || body.starts_with("let_:Result<()>=guarded(")
}

#[test]
fn every_function_that_c_calls_catches_panics() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut count = 0;
    for (path, text) in sources(&folder) {
        for (at, found) in text.match_indices("extern \"C\" fn ") {
            let Some((name, body)) = function(&text[at + found.len()..]) else { continue };
            count += 1;
            let file = path.display();
            if WITHOUT.iter().any(|(known, _)| *known == name) {
                continue;
            }
            let callback = CALLBACKS
                .iter()
                .find(|(known, _)| *known == name && path.ends_with("src/stream.rs"));
            match callback {
                Some((_, guard)) => assert!(body.contains(guard), "{file}: {name}: {body}"),
                None => {
                    let guards = [GUARDS.as_slice(), GUARDED.as_slice()].concat();
                    assert!(begins_with(&body, &guards), "{file}: {name}: {body}");
                }
            }
        }
        for guarded in GUARDED {
            let heads = [format!("fn {guarded}("), format!("fn {guarded}<")];
            let is_entry = text.contains("extern \"C\" fn ");
            for head in heads.iter().filter(|_| is_entry) {
                for (at, _) in text.match_indices(head.as_str()) {
                    // A method is no function of the file.
                    if !text[..at].ends_with("    ") && !text[..at].ends_with("    pub ") {
                        let (name, body) = function(&text[at + 3..]).expect("it has a body");
                        assert!(begins_with(&body, &GUARDS), "{}: {name}", path.display());
                    }
                }
            }
        }
    }
    assert!(count > 110, "{count} functions");
}

#[test]
fn the_check_sees_what_it_should() {
    let check = |text: &str| {
        let (name, body) = function(text).expect("it is a function");
        assert_eq!(name, "f");
        begins_with(&body, &GUARDS)
    };
    assert!(check("f(x: u8) -> u8 {\n    // call\n    call(err, || Ok(()))\n}"));
    assert!(check("f<S>(x: S) {\n    unsafe {\n        guarded_entry(e, || Ok(()))\n    }\n}"));
    assert!(check("f(x: u8) {\n    let a: Result<usize> = guarded(|| Ok(1));\n}"));
    assert!(check("f(x: u8) {\n    match guarded(|| Ok(())) {\n    }\n}"));
    assert!(!check("f(x: u8) {\n    let x = list[7];\n    call(err, || Ok(()))\n}"));
    assert!(!check("f(x: u8) {\n    let x = first(call(err));\n}"));
    assert!(!check("f(x: u8) {\n    first(x);\n    call(err, || Ok(()))\n}"));
}
