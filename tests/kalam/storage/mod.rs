//! Storages of object stores: what is in a bucket, what is copied, what becomes of
//! outages, and that no secret can be found anywhere.
//!
//! The store is an S3 server that each test starts.

mod backup;
mod bucket;
pub(crate) mod fault;
mod kind;
mod outage;
mod secret;
mod statement;
mod transfer;
mod unsteady;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use kalam_core::{Database, Options, Session};
use tempfile::TempDir;

use crate::fixture::{self, rows, run};

/// The server, which ends with the test.
struct Server {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    port: u16,
}

impl Server {
    fn start() -> Server {
        let mut server = Server::of("s3_server.py", &[]);
        server.tell("bucket kalam");
        server
    }

    /// One that a script starts.
    fn of(script: &str, arguments: &[&Path]) -> Server {
        let python = cache().join("venv-s3/bin/python");
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("kalam/storage");
        let mut command = Command::new(&python);
        command.arg(scripts.join(script)).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child =
            command.spawn().unwrap_or_else(|e| panic!("{}: {e}; run make setup", python.display()));
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().expect("the output is piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("the server says its port");
        let port = line.trim().parse().expect("the server starts; did make setup end well?");
        Server { child, input, output, port }
    }

    /// Sends a line and returns the answer.
    fn tell(&mut self, line: &str) -> String {
        let input = self.input.as_mut().expect("the input is open");
        writeln!(input, "{line}").expect("the server reads");
        let mut answer = String::new();
        self.output.read_line(&mut answer).expect("the server answers");
        answer.trim().to_owned()
    }

    /// The objects of the bucket, with their sizes.
    fn sizes(&mut self) -> Vec<(String, u64)> {
        let all = self.tell("objects kalam");
        let pair = |text: &str| {
            let (key, size) = text.rsplit_once('=')?;
            Some((key.to_owned(), size.parse().ok()?))
        };
        all.split(',').filter_map(pair).collect()
    }

    /// The objects of the bucket.
    fn objects(&mut self) -> Vec<String> {
        self.sizes().into_iter().map(|(key, _)| key).collect()
    }

    /// GET requests since this was asked last.
    fn gets(&mut self) -> u32 {
        let counted = self.tell("requests");
        counted.split(' ').next().and_then(|n| n.parse().ok()).expect("the server counts")
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The statement that makes a storage of a bucket.
    fn create(&self, name: &str, bucket: &str) -> String {
        self.create_with(name, bucket, "timeout_ms = 5000")
    }

    fn create_with(&self, name: &str, bucket: &str, config: &str) -> String {
        format!(
            "CREATE STORAGE {name} TYPE 's3' BUCKET '{bucket}' \
             CREDENTIALS (access_key_id = 'zqxcanaryid', secret_access_key = 'zqxcanarysecret') \
             CONFIG (endpoint = '{}', allow_http = true, retries = 2, {config})",
            self.endpoint()
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its end is when its input ends; a server of its own may be below it.
        self.input = None;
        _ = self.child.wait();
    }
}

/// The folder of what `make setup` installs.
fn cache() -> PathBuf {
    std::env::var_os("KALAM_CACHE").map(PathBuf::from).unwrap_or_else(|| {
        let home = std::env::var_os("HOME").unwrap_or_else(|| "/tmp".into());
        Path::new(&home).join(".cache/kalamdb")
    })
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

    fn user(&self, user: &str) -> Session {
        let database = &self.open.as_ref().expect("the database is open").0;
        database.session(user, kalam_core::model::Role::User, None).expect("a valid user id")
    }

    fn close(&mut self) {
        if let Some((database, _)) = self.open.take() {
            database.close().expect("the database closes");
        }
    }

    fn reopen(&mut self) {
        self.close();
        let database = Database::open(self.database(), self.options.clone());
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

    /// Paths of all segments.
    fn manifest(&self) -> Vec<String> {
        rows(self.root(), "SELECT path FROM system.manifest ORDER BY path").concat()
    }
}

const COUNT: &str = "SELECT COUNT(*), COUNT(DISTINCT v), MIN(k), MAX(k) FROM t";
const COUNTED: [&str; 4] = ["5000", "5000", "1", "5000"];
