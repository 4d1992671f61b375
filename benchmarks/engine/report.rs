//! The report: a table of figures, and the machine that they are of.

use std::path::{Path, PathBuf};

use crate::figure::Figure;

const HEADING: &str = "# What the engine's small paths cost

`make bench` repeats this. Times are medians, and move with the machine.

| What | Found | Must be |  |
| --- | ---: | ---: | ---: |
";

fn file() -> PathBuf {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benchmarks/results");
    let folder = if cfg!(debug_assertions) { results.join("raw") } else { results };
    folder.join("engine.md")
}

/// Writes the report.
pub fn write(figures: &[Figure]) {
    let path = file();
    let rows: Vec<String> = figures.iter().map(Figure::row).collect();
    let text = format!(
        "{HEADING}{}\n\n## Machine\n\n| What | Value |\n| --- | ---: |\n{}\n",
        rows.join("\n"),
        machine().join("\n")
    );
    std::fs::create_dir_all(path.parent().expect("the file is in a folder"))
        .and_then(|()| std::fs::write(&path, text))
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    println!("written to {}", path.display());
}

fn machine() -> Vec<String> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or("unknown", |(_, value)| value.trim()).to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    [
        ("date", date()),
        ("processor", field(&read("/proc/cpuinfo"), "model name")),
        ("cores", cores.to_string()),
        ("memory", field(&read("/proc/meminfo"), "MemTotal")),
        (
            "system",
            format!("{} {}", std::env::consts::OS, read("/proc/sys/kernel/osrelease").trim()),
        ),
        ("load", read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned()),
        (
            "build",
            if cfg!(debug_assertions) { "without optimization" } else { "optimized" }.to_owned(),
        ),
    ]
    .map(|(name, value)| format!("| {name} | {value} |"))
    .into()
}

/// The day, UTC.
#[allow(clippy::disallowed_methods, reason = "a report tells when it was made")]
fn date() -> String {
    chrono::Utc::now().format("%Y-%m-%d").to_string()
}
