//! Programs, made of the signatures, that call every function with every wrong handle, and
//! with every other argument wrong in every way that its type has.

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
        let (name, arguments) = (&function.name, arguments.join(", "));
        let silent = arguments.replace("&err", "NULL");
        let _ = writeln!(
            out,
            "    FAILS({name}({arguments}), KALAM_STATUS_INVALID_HANDLE, \"{argument}\");\n    \
             CHECK({name}({silent}) == KALAM_STATUS_INVALID_HANDLE);\n  }}"
        );
        count += 1;
    }
    count
}

/// Arguments that may be NULL, of which the text of the function says so.
const NULLABLE: [(&str, &str); 13] = [
    ("kalam_progress", "out_rows_done"),
    ("kalam_progress", "out_rows_total"),
    ("kalam_flush", "table"),
    ("kalam_flush", "out_rows"),
    ("kalam_connect", "user"),
    ("kalam_query", "out_stream"),
    ("kalam_query", "out_rows_affected"),
    ("kalam_stmt_execute", "out_stream"),
    ("kalam_stmt_execute", "out_rows_affected"),
    ("kalam_ingest", "out_rows"),
    ("kalam_appender_flush", "out_rows"),
    ("kalam_result_text", "out_len"),
    ("kalam_open", "options"),
];
/// Texts that are not names: they may be empty, and hold NUL bytes.
const FREE_TEXTS: [&str; 3] = ["sql", "password", "value"];

/// Calls with one argument that is not a handle wrong, each of which names it.
fn hostile_calls(function: &Function, out: &mut String) -> usize {
    let mut count = 0;
    let mut fails = |changed: &[(usize, &str)], status: &str, argument: &str| {
        let arguments: Vec<String> = function
            .arguments
            .iter()
            .enumerate()
            .map(|(index, (name, rust))| {
                let wrong = changed.iter().find(|(place, _)| *place == index);
                wrong.map_or_else(|| valid(name, rust), |(_, wrong)| (*wrong).to_owned())
            })
            .collect();
        let (name, arguments) = (&function.name, arguments.join(", "));
        let _ = match status {
            // Whatever it answers, it answers.
            "" => writeln!(out, "  (void){name}({arguments});\n  drop_stream();"),
            _ => writeln!(
                out,
                "  FAILS({name}({arguments}), KALAM_STATUS_{status}, \"{argument}\");"
            ),
        };
        count += 1;
    };
    for (place, (argument, rust)) in function.arguments.iter().enumerate() {
        let is_handle = HANDLES.iter().any(|(handle, free)| {
            rust == &format!("*mut {handle}")
                || rust == &format!("*const {handle}")
                || *free == function.name
        });
        if is_handle || !rust.starts_with('*') || rust == "*mut *mut KalamError" {
            continue;
        }
        let null = [(place, "NULL")];
        if NULLABLE.contains(&(function.name.as_str(), argument.as_str())) {
            fails(&null, "", argument);
        } else {
            fails(&null, "INVALID_ARGUMENT", argument);
        }
        let length = place + 1;
        if rust == "*const c_char" {
            fails(&[(place, "invalid"), (length, "4")], "INVALID_DATA", argument);
            fails(&[(place, "invalid"), (length, "KALAM_NTS")], "INVALID_DATA", argument);
            fails(&[(length, "HUGE_LENGTH")], "LIMIT_EXCEEDED", argument);
            fails(&[(length, "KALAM_NTS - 1")], "LIMIT_EXCEEDED", argument);
            let (empty, nul) = ([(length, "0")], [(place, "\"a\\0b\""), (length, "3")]);
            if FREE_TEXTS.contains(&argument.as_str()) {
                fails(&empty, "", argument);
                fails(&nul, "", argument);
            } else {
                fails(&empty, "INVALID_ARGUMENT", argument);
                fails(&nul, "INVALID_ARGUMENT", argument);
            }
        } else if rust == "*const u8" || rust == "*const f32" {
            let status = if rust == "*const u8" { "LIMIT_EXCEEDED" } else { "INVALID_ARGUMENT" };
            fails(&[(length, "HUGE_LENGTH")], status, argument);
            fails(&[(length, "SIZE_MAX")], status, argument);
            fails(&[(length, "0")], "", argument);
        } else if rust == "*mut FFI_ArrowArrayStream" && argument == "stream" {
            fails(&[(place, "(stream.release = NULL, &stream)")], "INVALID_ARGUMENT", argument);
        }
    }
    count
}

/// One call with a panic planted in it, which is an error and changes nothing.
fn panicking_call(function: &Function, out: &mut String) -> usize {
    let arguments: Vec<String> =
        function.arguments.iter().map(|(name, rust)| valid(name, rust)).collect();
    let (name, arguments) = (&function.name, arguments.join(", "));
    if function.arguments.is_empty() {
        return 0;
    }
    let _ = match function.returns.as_deref() {
        Some("KalamStatus") => writeln!(
            out,
            "  plant();\n  FAILS({name}({arguments}), KALAM_STATUS_INTERNAL, NULL);\n  \
             CHECK(strstr(kalam_error_message(err), \"planted\") != NULL);"
        ),
        _ => writeln!(out, "  plant();\n  (void){name}({arguments});"),
    };
    let _ = writeln!(out, "  still_works();");
    1
}

fn program(calls: fn(&Function, &mut String) -> usize, count_min: usize) -> String {
    let mut body = String::new();
    let mut count = 0;
    for function in functions() {
        if !function.name.starts_with("kalam_error_") {
            count += calls(&function, &mut body);
        }
    }
    assert!(count > count_min, "{count} calls");
    format!(
        "{}{body}{}",
        include_str!("programs/misuse_begin.c.in"),
        include_str!("programs/misuse_end.c.in")
    )
}

fn run_program(name: &str, program: &str) {
    let source = folder().join(name).with_extension("c");
    std::fs::write(&source, program).expect("there is room for a program");
    let sanitized = [
        "-fsanitize=address",
        "-Wno-pedantic",
        "-Wno-incompatible-pointer-types",
        "-Wno-unused-variable",
    ];
    run(&mut Command::new(compile(&source, name, &sanitized)));
}

#[test]
fn every_function_refuses_every_handle_that_is_not_its_own() {
    run_program("misuse", &program(calls, 50));
}

#[test]
fn every_argument_that_is_wrong_is_named() {
    run_program("hostile", &program(hostile_calls, 150));
}

#[test]
fn a_panic_in_every_function_is_an_error_and_the_handles_stay() {
    run_program("panicking", &program(panicking_call, 50));
}
