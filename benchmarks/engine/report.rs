//! The report: a table of figures, and the machine that they are of.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

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
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn date() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let days = seconds as i64 / 86_400 + 719_468;
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year + days.div_euclid(146_097) * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
