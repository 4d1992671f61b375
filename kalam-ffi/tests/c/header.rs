//! The header against the functions that it is made of, without the tool that makes it.

use std::fmt::Write;
use std::path::Path;

use crate::install::workspace;

/// A function of the C API, as its Rust source has it.
pub struct Function {
    pub name: String,
    /// Names and Rust types.
    pub arguments: Vec<(String, String)>,
    pub returns: Option<String>,
    /// Lines of its text.
    pub text: Vec<String>,
}

/// Every function of the API.
pub fn functions() -> Vec<Function> {
    let mut found = Vec::new();
    for (_, text) in sources() {
        let lines: Vec<&str> = text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let head = line.strip_prefix("pub unsafe extern \"C\" fn ");
            if let Some(head) = head.or_else(|| line.strip_prefix("pub extern \"C\" fn ")) {
                let rest = format!("{head}\n{}", lines[index + 1..].join("\n"));
                found.push(function(&rest, &lines[..index]));
            }
        }
    }
    assert!(found.len() > 60, "the sources are read");
    found
}

fn sources() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found: Vec<(String, String)> = std::fs::read_dir(folder)
        .expect("the sources are there")
        .map(|entry| entry.expect("a folder can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("sources are text");
            (path.display().to_string(), text)
        })
        .collect();
    found.sort();
    found
}

fn function(rest: &str, before: &[&str]) -> Function {
    let (name, rest) = rest.split_once('(').expect("a function has arguments");
    let (arguments, rest) = rest.split_once(')').expect("they end");
    let (returns, _) = rest.split_once('{').expect("it has a body");
    let arguments = arguments
        .split(',')
        .filter_map(|argument| argument.trim().split_once(": "))
        .map(|(name, rust)| (name.to_owned(), rust.to_owned()))
        .collect();
    let returns = returns.trim().strip_prefix("-> ").map(str::to_owned);
    let mut text: Vec<String> = before
        .iter()
        .rev()
        .skip_while(|line| line.starts_with("#["))
        .take_while(|line| line.starts_with("///"))
        .map(|line| line.replacen("///", "//", 1))
        .collect();
    text.reverse();
    Function { name: name.to_owned(), arguments, returns, text }
}

/// The C type of a Rust type.
pub fn c_type(rust: &str) -> String {
    if let Some(to) = rust.strip_prefix("*mut ") {
        return format!("{} *", c_type(to));
    }
    if let Some(to) = rust.strip_prefix("*const ") {
        let inner = c_type(to);
        return if to.starts_with('*') {
            format!("{inner} const *")
        } else {
            format!("const {inner} *")
        };
    }
    match rust {
        "c_char" => "char",
        "u8" => "uint8_t",
        "i32" => "int32_t",
        "u32" => "uint32_t",
        "i64" => "int64_t",
        "u64" => "uint64_t",
        "usize" => "size_t",
        "f32" => "float",
        "f64" => "double",
        "FFI_ArrowArrayStream" => "struct ArrowArrayStream",
        "FFI_ArrowArray" => "struct ArrowArray",
        "FFI_ArrowSchema" => "struct ArrowSchema",
        other => other,
    }
    .to_owned()
}

fn without_spaces(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[test]
fn the_header_declares_each_function_as_it_is_with_its_text() {
    let path = workspace().join("include/kalamdb.h");
    let header = std::fs::read_to_string(path).expect("the header is there");
    let bare = without_spaces(&header);
    let mut wrong = String::new();
    for function in functions() {
        let arguments: Vec<String> = function
            .arguments
            .iter()
            .map(|(name, rust)| format!("{} {name}", c_type(rust)))
            .collect();
        let arguments = if arguments.is_empty() { "void".to_owned() } else { arguments.join(", ") };
        let returns = function.returns.as_deref().map_or("void".to_owned(), c_type);
        let declaration = format!("{returns} {}({arguments});", function.name);
        let text = function.text.join("\n");
        if !bare.contains(&without_spaces(&format!("{text}{declaration}"))) {
            let _ = writeln!(wrong, "{declaration}");
        }
    }
    assert!(wrong.is_empty(), "make header; the header has not, or not with this text:\n{wrong}");
    let starts = ["KalamStatus kalam_", "const char *kalam_", "uint32_t kalam_", "uint64_t kalam_"];
    let is_declaration = |line: &&str| starts.iter().any(|start| line.starts_with(start));
    let declared = header.lines().filter(is_declaration).count();
    assert_eq!(declared, functions().len(), "the header declares what is not there");
}

#[test]
fn the_header_has_each_constant_and_status() {
    let path = workspace().join("include/kalamdb.h");
    let header = std::fs::read_to_string(path).expect("the header is there");
    let mut constants = 0;
    for (path, text) in sources() {
        for line in text.lines().filter_map(|line| line.strip_prefix("pub const KALAM_")) {
            let (name, value) = line.split_once(" = ").expect("a constant has a value");
            let name = name.split(':').next().unwrap_or_default();
            if name != "NTS" {
                let define = format!("#define KALAM_{name} {}\n", value.trim_end_matches(';'));
                assert!(header.contains(&define), "make header: {define}");
                constants += 1;
            }
        }
        if path.ends_with("status.rs") {
            for line in text.lines().filter(|line| line.starts_with("    ") && line.ends_with(','))
            {
                let Some((name, value)) = line.trim().split_once(" = ") else { continue };
                let upper = name.chars().fold(String::new(), |mut upper, c| {
                    if c.is_uppercase() {
                        upper.push('_');
                    }
                    upper.extend(c.to_uppercase());
                    upper
                });
                assert!(header.contains(&format!("  KALAM_STATUS{upper} = {value}\n")), "{upper}");
                constants += 1;
            }
        }
    }
    assert!(constants > 30, "{constants}");
}
