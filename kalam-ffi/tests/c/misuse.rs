//! A program, made of the signatures, that calls every function with every wrong handle.

use std::fmt::Write;
use std::process::Command;

use crate::header::{Function, c_type, functions};
use crate::install::{compile, folder, run};

/// Types of handles, how one is made that is freed at once, and what frees it.
const HANDLES: [(&str, &str); 6] = [
    ("KalamOptions", "kalam_options_free"),
    ("KalamDatabase", "kalam_close"),
    ("KalamConnection", "kalam_disconnect"),
    ("KalamStatement", "kalam_stmt_free"),
    ("KalamResult", "kalam_result_free"),
    ("KalamAppender", "kalam_appender_free"),
];

/// What stands for an argument that is not the wrong one.
fn valid(name: &str, rust: &str) -> String {
    let handle = HANDLES
        .iter()
        .find(|(handle, _)| rust == format!("*mut {handle}") || rust == format!("*const {handle}"));
    match rust {
        _ if handle.is_some() => {
            format!("live_{}", handle.map_or("", |(handle, _)| handle))
        }
        "*mut *mut KalamError" => "&err".to_owned(),
        "*const c_char" if name == "sql" => "\"SELECT 1\"".to_owned(),
        "*const c_char" => "\"x\"".to_owned(),
        "*const *const c_char" => "names".to_owned(),
        "usize" if name.ends_with("_len") && name != "value_len" => "KALAM_NTS".to_owned(),
        "usize" | "u32" | "i32" | "i64" | "f64" | "bool" => "1".to_owned(),
        "*mut FFI_ArrowArrayStream" if name == "stream" => {
            "(stream = empty_stream(), &stream)".to_owned()
        }
        "*mut FFI_ArrowArrayStream" => "&out_stream".to_owned(),
        "*mut FFI_ArrowSchema" if name == "schema" => {
            "(schema = empty_schema(), &schema)".to_owned()
        }
        "*mut FFI_ArrowSchema" => "&out_schema".to_owned(),
        "*mut FFI_ArrowArray" => "(array = empty_array(), &array)".to_owned(),
        _ => format!("({})room", c_type(rust)),
    }
}

fn calls(function: &Function, out: &mut String) -> usize {
    let mut count = 0;
    for (place, (argument, rust)) in function.arguments.iter().enumerate() {
        let by_value =
            |handle: &str| rust == &format!("*mut {handle}") || rust == &format!("*const {handle}");
        let Some((handle, _)) = HANDLES.iter().find(|(handle, _)| by_value(handle)) else {
            let in_variable = |handle: &str| rust == &format!("*mut *mut {handle}");
            let freed =
                HANDLES.iter().any(|(handle, free)| in_variable(handle) && *free == function.name);
            if freed {
                let _ = writeln!(out, "  for (size_t i = 0; i < WRONG; i++) {{");
                let _ = writeln!(
                    out,
                    "    void *variable = wrong(i, \"{}\");",
                    &rust["*mut *mut ".len()..]
                );
                let _ = writeln!(
                    out,
                    "    FAILS({}((void *)&variable, &err), KALAM_STATUS_INVALID_HANDLE, \"{argument}\");",
                    function.name
                );
                let _ = writeln!(out, "    CHECK(variable == NULL);\n  }}");
                count += 1;
            }
            continue;
        };
        let arguments: Vec<String> = function
            .arguments
            .iter()
            .enumerate()
            .map(|(index, (name, rust))| {
                if index == place {
                    format!("wrong_or_null(i, \"{handle}\")")
                } else {
                    valid(name, rust)
                }
            })
            .collect();
        // kalam_open() takes options that are NULL.
        let from = usize::from(function.name == "kalam_open");
        let _ = writeln!(out, "  for (size_t i = {from}; i <= WRONG; i++) {{");
        let _ = writeln!(
            out,
            "    FAILS({}({}), KALAM_STATUS_INVALID_HANDLE, \"{argument}\");\n  }}",
            function.name,
            arguments.join(", ")
        );
        count += 1;
    }
    count
}

fn program() -> String {
    let mut body = String::new();
    let mut count = 0;
    for function in functions() {
        if !function.name.starts_with("kalam_error_") {
            count += calls(&function, &mut body);
        }
    }
    assert!(count > 50, "{count} functions take handles");
    format!(
        "{}{body}{}",
        include_str!("programs/misuse_begin.c.in"),
        include_str!("programs/misuse_end.c.in")
    )
}

#[test]
fn every_function_refuses_every_handle_that_is_not_its_own() {
    let source = folder().join("misuse.c");
    std::fs::write(&source, program()).expect("there is room for a program");
    let sanitized = ["-fsanitize=address", "-Wno-pedantic", "-Wno-incompatible-pointer-types"];
    run(&mut Command::new(compile(&source, "misuse", &sanitized)));
}
