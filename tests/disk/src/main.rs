//! A disk in memory that forgets what was not synced when its power is cut.
//!
//! `kalam-test-disk FOLDER` mounts it over the folder, says `mounted`, and obeys its input,
//! one command a line: `cut 0` forgets everything that was not synced, `cut N` keeps a
//! random part of it, made from the seed N. The end of the input unmounts it.

mod file_system;
mod tree;

use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use file_system::VolatileDisk;
use fuser::{Config, MountOption};
use tree::Tree;

fn main() -> ExitCode {
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!("usage: kalam-test-disk FOLDER");
        return ExitCode::from(2);
    };
    let tree = Arc::new(Mutex::new(Tree::new()));
    let mut config = Config::default();
    config.mount_options = vec![MountOption::FSName("kalam-test-disk".into()), MountOption::RW];
    let mounted = match fuser::spawn_mount(VolatileDisk(tree.clone()), &folder, &config) {
        Ok(mounted) => mounted,
        Err(error) => {
            say(&format!("error {error}"));
            return ExitCode::FAILURE;
        }
    };
    say("mounted");
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        match line.strip_prefix("cut ").map(str::parse) {
            Some(Ok(seed)) => {
                let lost = tree.lock().expect("no request panics").cut(seed);
                say(&format!("cut {lost}"));
            }
            _ => say(&format!("error {line:?} is no command")),
        }
    }
    match mounted.umount_and_join() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error {error}"));
            ExitCode::FAILURE
        }
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // A parent that is gone hears nothing.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
