//! Segments in a bucket of an S3 server that the tests start: what is there, what is
//! copied, what becomes of outages, and that no secret can be found anywhere.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use kalam_core::{Database, Options, Session};
use tempfile::TempDir;

use crate::fixture::{self, refused, rows, run};

/// The server, which ends with the test.
struct Server {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    port: u16,
}

impl Server {
    fn start() -> Server {
        let python = python();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/kalam/s3_server.py");
        let mut command = Command::new(&python);
        command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command
            .spawn()
            .unwrap_or_else(|e| panic!("{}: {e}; run make setup", python.display()));
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().expect("the output is piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("the server says its port");
        let port = line.trim().parse().expect("the server starts");
        let mut server = Server { child, input, output, port };
        server.tell("bucket kalam");
        server
    }

    /// Sends a line and returns the answer.
    fn tell(&mut self, line: &str) -> String {
        let input = self.input.as_mut().expect("the input is open");
        writeln!(input, "{line}").expect("the server reads");
        let mut answer = String::new();
        self.output.read_line(&mut answer).expect("the server answers");
        answer.trim().to_owned()
    }

    fn objects(&mut self) -> Vec<String> {
        let all = self.tell("objects kalam");
        all.split(',').filter(|key| !key.is_empty()).map(str::to_owned).collect()
    }

    /// The statement that makes a storage of the bucket.
    fn create(&self, name: &str, bucket: &str) -> String {
        format!(
            "CREATE STORAGE {name} TYPE 's3' BUCKET '{bucket}' \
             CREDENTIALS (access_key_id = 'zqxcanaryid', secret_access_key = 'zqxcanarysecret') \
             CONFIG (endpoint = 'http://127.0.0.1:{}', allow_http = true, retries = 2, \
             timeout_ms = 5000)",
            self.port
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.input = None;
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// The interpreter with what the server needs.
fn python() -> PathBuf {
    let cache = std::env::var_os("KALAM_CACHE").map(PathBuf::from).unwrap_or_else(|| {
        let home = std::env::var_os("HOME").unwrap_or_else(|| "/tmp".into());
        Path::new(&home).join(".cache/kalamdb")
    });
    cache.join("venv-s3/bin/python")
}

/// A database whose key of the host is in a folder beside it.
struct House {
    dir: TempDir,
    options: Options,
    open: Option<(Database, Session)>,
}

impl House {
    fn new(remote_cache_bytes: usize) -> House {
        let dir = TempDir::new().expect("a temporary folder can be made");
        let key = dir.path().join("config/host.key");
        let options = Options {
            host_key_file: key.to_str().expect("a path of ours is text").to_owned(),
            remote_cache_bytes,
            ..fixture::options()
        };
        let mut house = House { dir, options, open: None };
        house.reopen();
        house
    }

    fn database(&self) -> PathBuf {
        self.dir.path().join("database")
    }

    fn root(&self) -> &Session {
        &self.open.as_ref().expect("the database is open").1
    }

    fn reopen(&mut self) {
        if let Some((database, _)) = self.open.take() {
            database.close().expect("the database closes");
        }
        let database = Database::open(&self.database(), self.options.clone());
        let database = database.expect("the database opens");
        let root = fixture::root(&database);
        self.open = Some((database, root));
    }

    fn fill(&self) {
        for sql in [
            "CREATE TABLE t (k INT PRIMARY KEY, v TEXT) WITH (STORAGE_ID = 'far')",
            "INSERT INTO t SELECT value, 'v' || value FROM generate_series(1, 5000)",
        ] {
            run(self.root(), sql);
        }
    }

    fn copies(&self) -> Vec<PathBuf> {
        fixture::parquet_files(&self.database().join("cache"))
    }

    fn manifest(&self) -> usize {
        rows(self.root(), "SELECT path FROM system.manifest").len()
    }
}

const COUNT: &str = "SELECT COUNT(*), COUNT(DISTINCT v), MIN(k), MAX(k) FROM t";
const COUNTED: [&str; 4] = ["5000", "5000", "1", "5000"];

#[test]
fn a_bucket_holds_segments_and_the_disk_copies_of_them() {
    let mut server = Server::start();
    let mut house = House::new(1 << 30);
    run(house.root(), &server.create("far", "kalam/below"));
    house.fill();
    run(house.root(), "STORAGE FLUSH TABLE t");
    let objects = server.objects();
    assert_eq!(objects.len(), house.manifest());
    assert!(objects.iter().all(|key| key.starts_with("below/default/t/")), "{objects:?}");
    assert_eq!(rows(house.root(), COUNT), [COUNTED]);
    run(house.root(), "UPDATE t SET v = 'new' WHERE k = 77");
    assert_eq!(rows(house.root(), "SELECT v FROM t WHERE k = 77"), [["new"]]);
    assert_eq!(rows(house.root(), "SELECT v FROM t WHERE k = 78"), [["v78"]]);

    // From the copies, while the store is away; and opening asks for nothing.
    server.tell("mode away");
    let started = Instant::now();
    house.reopen();
    assert!(started.elapsed().as_secs() < 4, "opening waited for the store");
    assert_eq!(rows(house.root(), COUNT), [COUNTED]);
    server.tell("mode well");

    // A copy that rotted is fetched again, as is one that is gone.
    let copy = house.copies().pop().expect("there is a copy");
    let mut bytes = std::fs::read(&copy).expect("the copy can be read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&copy, bytes).expect("the copy can be written");
    house.reopen();
    assert_eq!(rows(house.root(), COUNT), [COUNTED]);
    std::fs::remove_file(&copy).expect("the copy can be removed");
    house.reopen();
    assert_eq!(rows(house.root(), COUNT), [COUNTED]);
    assert!(copy.is_file());

    let check = rows(house.root(), "STORAGE CHECK far EXTENDED");
    assert!(check.iter().all(|row| row[1] == "true"), "{check:?}");
    assert_eq!(check.len(), 5, "{check:?}");

    // What the bucket itself has lost the sense of is told of, never read.
    server.tell("damage kalam");
    let check = rows(house.root(), "STORAGE CHECK far EXTENDED");
    assert!(check.iter().any(|row| row[0] == "segment" && row[1] == "false"), "{check:?}");
    house.reopen();
    assert_eq!(refused(house.root(), COUNT).0, "XX001");

    run(house.root(), "DROP TABLE t");
    assert_eq!(server.objects(), Vec::<String>::new());
    assert_eq!(house.copies(), Vec::<PathBuf>::new());
    run(house.root(), "DROP STORAGE far");
}

#[test]
fn rows_stay_hot_while_the_store_fails_and_go_when_it_is_back() {
    let mut server = Server::start();
    let mut house = House::new(1 << 30);
    run(house.root(), &server.create("far", "kalam"));
    house.fill();
    for mode in ["away", "denied"] {
        server.tell(&format!("mode {mode}"));
        let (state, message) = refused(house.root(), "STORAGE FLUSH TABLE t");
        assert_eq!(state, "58030", "{mode}: {message}");
        assert!(message.contains("storage \"far\""), "{mode}: {message}");
        assert_eq!(rows(house.root(), COUNT), [COUNTED], "{mode}");
        let check = rows(house.root(), "STORAGE CHECK far");
        assert_eq!((check[0][0].as_str(), check[0][1].as_str()), ("put", "false"), "{check:?}");
        assert_eq!(house.manifest(), 0, "{mode}");
    }
    // Every answer to a write is lost, and yet each was made: once.
    server.tell("mode forgetful");
    run(house.root(), "STORAGE FLUSH TABLE t");
    server.tell("mode well");
    assert_eq!(server.objects().len(), house.manifest());
    house.reopen();
    assert_eq!(rows(house.root(), COUNT), [COUNTED]);

    run(house.root(), &server.create("nowhere", "no-such-bucket"));
    run(house.root(), "ALTER TABLE t SET (STORAGE_ID = 'nowhere')");
    run(house.root(), "INSERT INTO t VALUES (5001, 'more')");
    let (state, message) = refused(house.root(), "STORAGE FLUSH TABLE t");
    assert_eq!(state, "58030", "{message}");
    assert!(message.contains("no such bucket"), "{message}");
    server.tell("bucket no-such-bucket");
    run(house.root(), "STORAGE FLUSH TABLE t");
    assert_eq!(rows(house.root(), "SELECT COUNT(*) FROM t"), [["5001"]]);
}

#[test]
fn copies_stay_below_their_limit() {
    let mut server = Server::start();
    let limit = 40 << 10;
    let mut house = House::new(limit);
    run(house.root(), &server.create("far", "kalam"));
    run(house.root(), "CREATE TABLE t (k INT PRIMARY KEY, v TEXT) WITH (STORAGE_ID = 'far')");
    for round in 0..6 {
        let (from, to) = (round * 1000 + 1, round * 1000 + 1000);
        let sql = "INSERT INTO t SELECT value, RANDOM_STRING(8) FROM";
        run(house.root(), &format!("{sql} generate_series({from}, {to})"));
        run(house.root(), "STORAGE FLUSH TABLE t");
        for _ in 0..2 {
            let bytes: u64 = house
                .copies()
                .iter()
                .map(|copy| copy.metadata().expect("a copy has a size").len())
                .sum();
            assert!(bytes <= limit as u64, "{bytes} bytes of copies");
            assert_eq!(rows(house.root(), "SELECT COUNT(*) FROM t"), [[to.to_string()]]);
            assert_eq!(rows(house.root(), "SELECT COUNT(v) FROM t"), [[to.to_string()]]);
            house.reopen();
        }
    }
    assert_eq!(server.objects().len(), 6);
}

#[test]
fn secrets_of_storages_are_nowhere_to_be_found() {
    let mut server = Server::start();
    let mut house = House::new(1 << 30);
    let create = server.create("far", "kalam");
    run(house.root(), &create);
    house.fill();
    run(house.root(), "STORAGE FLUSH TABLE t");
    server.tell("mode denied");
    run(house.root(), "INSERT INTO t VALUES (6000, 'x')");
    let mut texts = vec![
        refused(house.root(), "STORAGE FLUSH TABLE t").1,
        refused(house.root(), &create).1,
        format!("{:?}", rows(house.root(), "SHOW STORAGES")),
        format!("{:?}", rows(house.root(), "SELECT * FROM system.storages")),
        format!("{:?}", rows(house.root(), "SELECT * FROM system.audit_log")),
        format!("{:?}", rows(house.root(), "SELECT * FROM system.jobs")),
        format!("{:?}", rows(house.root(), "STORAGE CHECK far EXTENDED")),
        format!("{:?}", house.open.as_ref().expect("open").0.catalog().storages()),
    ];
    server.tell("mode well");
    house.reopen();
    run(house.root(), "STORAGE FLUSH TABLE t");
    let mut folders = vec![house.dir.path().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder can be listed") {
            let path = entry.expect("a folder can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).expect("a file can be read");
                texts.push(String::from_utf8_lossy(&bytes).into_owned());
            }
        }
    }
    assert!(texts.iter().all(|text| !text.contains("zqxcanary")));

    // On another host the secret cannot be read, and can be given again.
    std::fs::remove_file(&house.options.host_key_file).expect("the key is there");
    house.reopen();
    run(house.root(), "INSERT INTO t VALUES (6001, 'x')");
    let (state, message) = refused(house.root(), "STORAGE FLUSH TABLE t");
    assert_eq!(state, "58030");
    assert!(message.contains("another key"), "{message}");
    let file = house.dir.path().join("secret");
    std::fs::write(&file, "from a file\n").expect("a file can be written");
    run(
        house.root(),
        &format!(
            "ALTER STORAGE far SET CREDENTIALS (access_key_id = env('PATH'), \
             secret_access_key = file('{}'))",
            file.display()
        ),
    );
    run(house.root(), "STORAGE FLUSH TABLE t");
}
