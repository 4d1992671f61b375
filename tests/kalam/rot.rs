//! Files that rot: the right answer or XX001, whatever is damaged and how.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kalam_core::{Database, Durability, Error, Options};
use tempfile::TempDir;

use crate::fixture::{self, Rows, Seeded, number_from};

/// Flips for each kind of file; more with `KALAM_FLIPS`.
const FLIPS: u64 = 6;

const QUESTIONS: [&str; 5] = [
    "SELECT k, v, n FROM t ORDER BY k",
    "SELECT COUNT(*), SUM(k), MIN(v), MAX(v) FROM t",
    "SELECT k, v FROM t WHERE k IN (3, 150, 333) ORDER BY k",
    "SELECT _user, k, v FROM all_users('u') ORDER BY _user, k",
    "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 't'",
];

/// A closed database and a backup of it, with every kind of file.
struct Original {
    home: TempDir,
    answers: Vec<Rows>,
    /// Paths below `home` by kind.
    kinds: BTreeMap<String, Vec<PathBuf>>,
}

impl Original {
    fn new() -> Original {
        let home = TempDir::new().expect("a temporary folder can be made");
        let dir = home.path().join("database");
        // Only in `full` every acknowledged commit has to be there again.
        let options =
            || Options { durability: Options::default().durability, ..fixture::options() };
        let open = || Database::open(&dir, options()).expect("it opens");
        let database = open();
        let root = fixture::root(&database);
        for sql in [
            "CREATE SHARED TABLE t (k INT PRIMARY KEY, v TEXT, n BIGINT)",
            "CREATE USER TABLE u (k INT PRIMARY KEY, v TEXT UNIQUE)",
            "INSERT INTO t SELECT value, 'value ' || value, value * 7 FROM generate_series(1, 300)",
            "EXECUTE AS USER 'ann' (INSERT INTO u SELECT value, 'a' || value FROM \
             generate_series(1, 60))",
            "STORAGE FLUSH ALL",
            "DELETE FROM t WHERE k BETWEEN 20 AND 40",
            "UPDATE t SET v = 'changed' WHERE k BETWEEN 100 AND 110",
            "INSERT INTO t SELECT value, 'hot ' || value, NULL FROM generate_series(301, 340)",
        ] {
            fixture::run(&root, sql);
        }
        drop(root);
        database.close().expect("the database closes");
        drop(database);
        // The log of the first time is in files of RocksDB now.
        let database = open();
        let root = fixture::root(&database);
        for k in 341..=360 {
            fixture::run(&root, &format!("INSERT INTO t VALUES ({k}, 'logged {k}', {k})"));
        }
        fixture::run(
            &root,
            "EXECUTE AS USER 'bob' (INSERT INTO u SELECT value, 'b' || value FROM \
             generate_series(1, 20))",
        );
        let backup = home.path().join("backup");
        fixture::run(&root, &format!("BACKUP DATABASE TO '{}'", backup.display()));
        for k in 361..=380 {
            fixture::run(&root, &format!("DELETE FROM t WHERE k = {}", k - 300));
        }
        // And back: the backup has the same rows.
        for k in 61..=80 {
            let sql = format!("INSERT INTO t VALUES ({k}, 'value {k}', {})", k * 7);
            fixture::run(&root, &sql);
        }
        let answers = QUESTIONS.map(|sql| fixture::rows(&root, sql)).to_vec();
        drop(root);
        database.close().expect("the database closes");
        drop(database);
        let mut kinds: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for file in files(home.path()) {
            let file = file.strip_prefix(home.path()).expect("it is below").to_path_buf();
            kinds.entry(kind(&file)).or_default().push(file);
        }
        Original { home, answers, kinds }
    }

    /// The kinds that `KALAM_KIND` picks, with their files.
    fn picked(&self) -> impl Iterator<Item = (&String, &Vec<PathBuf>)> {
        let wanted = std::env::var("KALAM_KIND").unwrap_or_default();
        self.kinds.iter().filter(move |(kind, _)| kind.contains(&wanted))
    }

    /// Damages one file of a copy and asks everything.
    fn check(&self, kind: &str, file: &Path, how: &str, damage: &dyn Fn(&mut Option<Vec<u8>>)) {
        let copy = TempDir::new().expect("a temporary folder can be made");
        copy_folder(self.home.path(), copy.path());
        let target = copy.path().join(file);
        let mut bytes = Some(fs::read(&target).expect("the file can be read"));
        damage(&mut bytes);
        // A link would damage the original.
        fs::remove_file(&target).expect("the file can be removed");
        if let Some(bytes) = bytes {
            fs::write(&target, bytes).expect("the file can be written");
        }
        let what = format!("{kind}: {}, {how}", file.display());
        let found = if kind.starts_with("backup") {
            let restored = copy.path().join("restored");
            Database::restore(copy.path().join("backup"), &restored)
                .and_then(|()| self.ask(&restored, &what))
        } else {
            self.ask(&copy.path().join("database"), &what)
        };
        if let Err(error) = found {
            let state = error.sqlstate();
            let is_named = is_clear(kind, state.as_str(), how);
            assert!(is_named, "wrong error: {what}: {error:?}");
        }
    }

    /// Opens a database and asks: every answer is right or XX001, and where one is not,
    /// STORAGE CHECK tells.
    fn ask(&self, dir: &Path, what: &str) -> Result<(), Error> {
        let database = Database::open(dir, fixture::options())?;
        let root = fixture::root(&database);
        let mut damaged = false;
        for (sql, expected) in QUESTIONS.iter().zip(&self.answers) {
            match fixture::try_rows(&root, sql) {
                Ok(rows) => assert!(rows == *expected, "wrong answer: {what}: {sql}: {rows:?}"),
                Err(error) => {
                    assert_eq!(error.sqlstate().as_str(), "XX001", "{what}: {sql}: {error:?}");
                    damaged = true;
                }
            }
        }
        let report = fixture::rows(&root, "STORAGE CHECK local EXTENDED");
        let is_told = report.iter().any(|row| row[1] == "false");
        assert!(is_told || !damaged, "not told by STORAGE CHECK: {what}: {report:?}");
        let has_segment = what.starts_with("segment");
        assert!(is_told || !has_segment, "not told by STORAGE CHECK: {what}: {report:?}");
        database.close()
    }
}

/// The kind of a file, by its path below the home of a database and its backup.
fn kind(file: &Path) -> String {
    let name = file.file_name().expect("files have names").to_string_lossy().into_owned();
    let (stem, extension) = name.split_once('.').unwrap_or((&name, ""));
    let stem = stem.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('-');
    let kind = match extension {
        "parquet" => "segment".to_owned(),
        "log" => "log".to_owned(),
        "sst" => "sst".to_owned(),
        "" => stem.to_owned(),
        _ if stem == "LOG" => stem.to_owned(),
        _ => name.clone(),
    };
    if file.starts_with("backup") { format!("backup {kind}") } else { kind }
}

/// Whether this is the error for damage of a file of the kind.
fn is_clear(kind: &str, state: &str, how: &str) -> bool {
    match state {
        "XX001" => true,
        // A digit that became a larger one.
        "0A000" => kind == "KALAM" || kind == "backup BACKUP",
        // A folder without the file that makes it a backup is none.
        "22023" => kind == "backup BACKUP" && how == "missing",
        _ => false,
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("folder entries can be read").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Files that are never written again are links.
fn copy_folder(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("the folder can be read") {
        let path = entry.expect("folder entries can be read").path();
        let target = to.join(path.file_name().expect("entries have names"));
        if path.is_dir() {
            fs::create_dir(&target).expect("a folder can be made");
            copy_folder(&path, &target);
        } else if path.extension().is_some_and(|e| e == "sst" || e == "parquet") {
            fs::hard_link(&path, &target).expect("a file can be linked");
        } else {
            fs::copy(&path, &target).expect("a file can be copied");
        }
    }
}

#[test]
fn every_flipped_bit_is_found_or_changes_no_answer() {
    let original = Original::new();
    let flips = number_from("KALAM_FLIPS", FLIPS);
    let mut random = Seeded(number_from("KALAM_SEED", 3));
    for (kind, files) in original.picked() {
        for _ in 0..flips {
            let file = &files[random.below(files.len() as u64) as usize];
            let size = fs::metadata(original.home.path().join(file)).expect("it is there").len();
            if size == 0 {
                continue;
            }
            let (place, bit) = (random.below(size) as usize, random.below(8));
            original.check(kind, file, &format!("bit {bit} of byte {place} of {size}"), &|bytes| {
                if let Some(bytes) = bytes {
                    bytes[place] ^= 1 << bit;
                }
            });
        }
        println!("{kind}: {flips} flips, 0 silent");
    }
}

/// A length that ends behind the file looks like a record that a crash tore.
#[test]
fn no_length_in_the_list_of_files_hides_what_follows_it() {
    let original = Original::new();
    let (kind, files) = original.kinds.get_key_value("MANIFEST").expect("there is one");
    let list = fs::read(original.home.path().join(&files[0])).expect("it can be read");
    let mut at = 0;
    let mut records = 0;
    while at < list.len() {
        for bit in 3..8 {
            let how = format!("bit {bit} of the length at {at} of {}", list.len());
            original.check(kind, &files[0], &how, &|bytes| {
                if let Some(bytes) = bytes {
                    bytes[at + 5] ^= 1 << bit;
                }
            });
        }
        at += 7 + usize::from(u16::from_le_bytes([list[at + 4], list[at + 5]]));
        records += 1;
    }
    assert!(records > 5, "{records} records");
}

#[test]
fn a_database_that_lost_its_list_of_files_is_damaged_and_never_a_new_one() {
    for durability in [Durability::Full, Durability::Normal, Durability::Off] {
        for lost in [&["hot/CURRENT"][..], &["hot/CURRENT", "hot.synced"], &["hot", "hot.synced"]] {
            let home = TempDir::new().expect("a temporary folder can be made");
            let (dir, aside) = (home.path().join("database"), home.path().join("aside"));
            let open = || Database::open(&dir, Options { durability, ..fixture::options() });
            let database = open().expect("it opens");
            let root = fixture::root(&database);
            fixture::run(&root, "CREATE SHARED TABLE t (k INT PRIMARY KEY)");
            fixture::run(&root, "INSERT INTO t VALUES (1), (2)");
            drop(root);
            database.close().expect("the database closes");
            drop(database);
            let what = format!("{durability:?} without {lost:?}");
            // Without a log there is no mark of what was synced.
            let lost: Vec<_> = lost.iter().filter(|name| dir.join(name).exists()).collect();
            fs::create_dir(&aside).expect("a folder can be made");
            copy_folder(&dir, &aside);
            for name in &lost {
                remove(&dir.join(name));
            }
            for _ in 0..2 {
                let error = open().err().unwrap_or_else(|| panic!("{what} opens"));
                assert_eq!(error.sqlstate().as_str(), "XX001", "{what}: {error:?}");
            }
            // Nothing was written over what is left.
            for name in &lost {
                remove(&dir.join(name));
                fs::rename(aside.join(name), dir.join(name)).expect("it can be put back");
            }
            let database = open().unwrap_or_else(|e| panic!("{what}: {e:?}"));
            assert_eq!(fixture::rows(&fixture::root(&database), "SELECT COUNT(*) FROM t"), [["2"]]);
            database.close().expect("the database closes");
        }
    }
}

fn remove(path: &Path) {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    let is_gone = removed.is_ok() || !path.exists();
    assert!(is_gone, "{} stays", path.display());
}

/// What becomes of a file, by its name.
type Shape = (&'static str, fn(&mut Option<Vec<u8>>));

const SHAPES: [Shape; 8] = [
    ("missing", |bytes| *bytes = None),
    ("empty", |bytes| *bytes = Some(Vec::new())),
    ("one byte short", |bytes| {
        if let Some(bytes) = bytes {
            bytes.pop();
        }
    }),
    ("cut in half", |bytes| {
        if let Some(bytes) = bytes {
            bytes.truncate(bytes.len() / 2);
        }
    }),
    ("its first 100 bytes", |bytes| {
        if let Some(bytes) = bytes {
            bytes.truncate(100);
        }
    }),
    ("zeros in the place of its second half", |bytes| {
        if let Some(bytes) = bytes {
            let half = bytes.len() / 2;
            bytes[half..].fill(0);
        }
    }),
    ("64 zeros longer", |bytes| {
        if let Some(bytes) = bytes {
            bytes.extend([0; 64]);
        }
    }),
    ("twice", |bytes| {
        if let Some(bytes) = bytes {
            bytes.extend_from_within(..);
        }
    }),
];

#[test]
fn every_shape_of_truncation_is_found_or_changes_no_answer() {
    let original = Original::new();
    for (kind, files) in original.picked() {
        // Of many files of one kind the first and the last.
        let mut few: Vec<&PathBuf> = files.iter().collect();
        if number_from("KALAM_FLIPS", FLIPS) == FLIPS && few.len() > 2 {
            few.drain(1..files.len() - 1);
        }
        for file in &few {
            for (how, damage) in SHAPES {
                original.check(kind, file, how, &damage);
            }
        }
        println!("{kind}: {} shapes of {} files, 0 silent", SHAPES.len(), few.len());
    }
}
