//! Programs in C and C++: the examples, and what they may get wrong.

use std::process::Command;

use crate::install::{compile, folder, run, source, workspace};

const SANITIZED: [&str; 1] = ["-fsanitize=address"];

#[test]
fn the_example_in_c_does_the_main_job() {
    let example = workspace().join("examples/c/chat.c");
    let directory = folder().join("chat_c.kalam");
    let _ = std::fs::remove_dir_all(&directory);
    let printed = run(Command::new(compile(&example, "chat_c", &[])).arg(&directory));
    for expected in [
        "appended 1000 rows\n1001 rows by Arrow\n1000 user: still hot\n999 assistant: message 999\n",
        "1: message 1\n10: message 10\n100: message 100\n1000: still hot\narchived 501 rows\n",
        "bob sees: 0 rows by Arrow",
    ] {
        assert!(printed.contains(expected), "{printed}");
    }
    run(&mut Command::new(compile(&example, "chat_c_sanitized", &SANITIZED)));
}

#[test]
fn the_example_in_cpp_does_the_main_job() {
    let example = workspace().join("examples/cpp/chat.cpp");
    let expected = "appended 1000 rows\ninserted 1 row\n1000: NULL\n\
                    999: message 999, 2 dimensions to 999\narchived 1001 rows\n42703 in line 1, column 8\n";
    assert_eq!(run(&mut Command::new(compile(&example, "chat_cpp", &[]))), expected);
    let sanitized = compile(&example, "chat_cpp_sanitized", &SANITIZED);
    assert_eq!(run(&mut Command::new(sanitized)), expected);
}

#[test]
fn arguments_that_are_wrong_are_named() {
    let file = folder().join("a_file");
    std::fs::write(&file, "no directory").expect("there is room for a file");
    let program = compile(&source("bad_input.c"), "bad_input", &SANITIZED);
    run(Command::new(program).arg(file));
}

#[test]
fn rows_are_flushed_and_plans_explained() {
    run(&mut Command::new(compile(&source("flush.c"), "flush", &SANITIZED)));
}

#[test]
fn progress_is_told_while_a_result_is_read() {
    run(&mut Command::new(compile(&source("progress.c"), "progress", &SANITIZED)));
}

#[test]
fn any_order_of_freeing_is_fine() {
    run(&mut Command::new(compile(&source("orders.c"), "orders", &SANITIZED)));
}

#[test]
fn threads_and_forks_get_errors() {
    run(&mut Command::new(compile(&source("threads.c"), "threads", &[])));
}

/// `KALAM_SEQUENCES=2000` tries as many, from `KALAM_SEQUENCES_SEED` on.
#[test]
fn calls_in_any_order_with_any_handle_are_fine() {
    let number = |name: &str, default: &str| std::env::var(name).unwrap_or(default.to_owned());
    let program = compile(&source("sequences.c"), "sequences", &SANITIZED);
    let printed = run(Command::new(&program)
        .arg(number("KALAM_SEQUENCES", "20"))
        .arg(number("KALAM_SEQUENCES_SEED", "1")));
    println!("{printed}");
    // What the fuzz target starts from, and what it found.
    let kept = std::fs::read_dir(workspace().join("tests/fuzz/c_api")).expect("it is a folder");
    let kept = kept.map(|entry| entry.expect("a folder can be read").path());
    println!("{}", run(Command::new(&program).args(kept)));
}

#[test]
fn eight_threads_share_a_connection() {
    run(&mut Command::new(compile(&source("eight_threads.c"), "eight_threads", &SANITIZED)));
}

#[test]
fn results_outlive_everything_and_valgrind_finds_nothing() {
    let program = compile(&source("lifetimes.c"), "lifetimes", &[]);
    #[cfg(target_os = "linux")]
    run(Command::new("valgrind")
        .args([
            "--quiet",
            "--error-exitcode=9",
            "--leak-check=full",
            "--errors-for-leak-kinds=definite",
        ])
        .arg(&program));
    run(&mut Command::new(program));
    run(&mut Command::new(compile(&source("lifetimes.c"), "lifetimes_sanitized", &SANITIZED)));
}

/// `KALAM_CYCLES=10000` runs as many as are promised.
#[test]
#[cfg(target_os = "linux")]
fn opening_and_closing_leaves_no_memory_behind() {
    let cycles = std::env::var("KALAM_CYCLES").unwrap_or_else(|_| "40".to_owned());
    let program = compile(&source("cycles.c"), "cycles", &[]);
    println!("{}", run(Command::new(program).arg(cycles)));
}
