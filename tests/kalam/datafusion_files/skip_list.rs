//! The list of what does not hold here, and why.

use std::collections::{BTreeMap, BTreeSet};

/// What the list says of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing: it holds.
    Holds,
    /// It does not hold.
    Fails,
    /// Its outcome differs from run to run, or it takes too long: it is not run.
    NotRun,
}

/// The list, read from its text.
///
/// A line `## reason` begins a group, and `## not run: reason` one whose records are
/// not run. A line below it is a file, which is left out whole, or a file with lines:
/// `cte.slt 12 40-80 init.slt.part:3`. A range holds every record that begins in it.
#[derive(Default)]
pub struct SkipList {
    /// Whole files, and folders, which end in `/`.
    files: BTreeSet<String>,
    records: BTreeMap<String, Vec<Entry>>,
}

#[derive(Clone)]
struct Entry {
    text: String,
    part: String,
    first: u32,
    last: u32,
    fate: Fate,
    is_used: bool,
}

/// The entries of one file.
pub struct Places(Vec<Entry>);

impl SkipList {
    /// Reads a list.
    pub fn read(text: &str) -> SkipList {
        let mut list = SkipList::default();
        let mut fate = None;
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(reason) = line.strip_prefix("## ") {
                let is_run = !reason.starts_with("not run: ");
                fate = Some(if is_run { Fate::Fails } else { Fate::NotRun });
            } else if !line.starts_with('#') {
                let fate = fate.expect("the first line of the list is a reason");
                let mut words = line.split_whitespace();
                let file = words.next().expect("an empty line was left out").to_owned();
                let entries: Vec<Entry> = words.map(|word| Entry::read(word, fate)).collect();
                if entries.is_empty() {
                    assert!(list.files.insert(file), "{line} stands in the list twice");
                } else {
                    list.records.entry(file).or_default().extend(entries);
                }
            }
        }
        list
    }

    /// Whether a file is left out whole.
    pub fn leaves_out(&self, file: &str) -> bool {
        self.files.contains(file) || self.folder_of(file).is_some()
    }

    /// The entry of the folder that leaves a file out.
    fn folder_of(&self, file: &str) -> Option<&String> {
        self.files.iter().find(|entry| entry.ends_with('/') && file.starts_with(entry.as_str()))
    }

    /// What the list says of the records of a file.
    pub fn of_file(&self, file: &str) -> Places {
        Places(self.records.get(file).cloned().unwrap_or_default())
    }

    /// Entries whose file is not among `files`.
    pub fn without_file(&self, files: &[String]) -> Vec<String> {
        let is_there = |entry: &&String| {
            files.contains(*entry)
                || entry.ends_with('/') && files.iter().any(|file| file.starts_with(entry.as_str()))
        };
        let entries = self.files.iter().chain(self.records.keys());
        entries.filter(|entry| !is_there(entry)).cloned().collect()
    }
}

impl Entry {
    fn read(text: &str, fate: Fate) -> Entry {
        let (part, lines) = text.rsplit_once(':').unwrap_or(("", text));
        let (first, last) = lines.split_once('-').unwrap_or((lines, lines));
        let number = |word: &str| word.parse().unwrap_or_else(|_| panic!("{text} is no place"));
        let (first, last) = (number(first), number(last));
        Entry { text: text.into(), part: part.into(), first, last, fate, is_used: false }
    }
}

impl Places {
    /// What the list says of the record at a place, which counts as said.
    pub fn take(&mut self, place: &str) -> Fate {
        let (part, line) = place.rsplit_once(':').unwrap_or(("", place));
        let line: u32 = line.parse().expect("a place ends in a line");
        let found = self.0.iter_mut().find(|e| e.part == part && e.first <= line && line <= e.last);
        found.map_or(Fate::Holds, |entry| {
            entry.is_used = true;
            entry.fate
        })
    }

    /// Entries that no record was at.
    pub fn left(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|entry| !entry.is_used).map(|entry| entry.text.as_str())
    }
}

#[test]
fn the_list_says_what_holds() {
    let list = SkipList::read(
        "# words\n## no such type\na.slt 3 7-9 b.slt.part:4\nc.slt\nd/\n## not run: slow\na.slt 20\n",
    );
    assert!(list.leaves_out("c.slt") && list.leaves_out("d/e.slt") && !list.leaves_out("a.slt"));
    let mut places = list.of_file("a.slt");
    for (place, fate) in [
        ("2", Fate::Holds),
        ("3", Fate::Fails),
        ("8", Fate::Fails),
        ("10", Fate::Holds),
        ("4", Fate::Holds),
        ("20", Fate::NotRun),
    ] {
        assert_eq!(places.take(place), fate, "{place}");
    }
    assert_eq!(places.left().collect::<Vec<_>>(), ["b.slt.part:4"]);
    let files = ["a.slt".to_owned(), "d/e.slt".to_owned()];
    assert_eq!(list.without_file(&files), ["c.slt"]);
}
