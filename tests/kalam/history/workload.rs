//! Clients that append to lists and read them, in transactions and single statements,
//! while rows are flushed and compacted.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use kalam_core::{Error, IsolationLevel, Session, TransactionStatus};

use super::record::{End, Record, Step, Transaction};
use crate::fixture::{self, Fixture, Seeded, run, try_rows, try_run};

const CLIENTS: u64 = 4;
/// Lists of one history, few so that clients meet.
const LISTS: u64 = 6;
/// The process of what is written and taken back within a transaction.
const NOBODY: u64 = 1_000;

/// A database with a table of lists. A history has lists of its own.
pub struct House {
    fixture: Fixture,
    seed: u64,
}

/// The clock of a history: moments without a tie.
#[derive(Default)]
struct Moments(AtomicU64);

impl Moments {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

impl House {
    pub fn new(seed: u64) -> House {
        let fixture = Fixture::new();
        fixture.run("CREATE TABLE list (k BIGINT PRIMARY KEY, v TEXT NOT NULL)");
        House { fixture, seed }
    }

    /// One history of clients at work.
    pub fn run(&mut self, number: u64, level: IsolationLevel, transactions: u64) -> Record {
        let first_list = number * LISTS;
        let (moments, values) = (Moments::default(), AtomicU64::new(1));
        let record = Mutex::new(Record::default());
        let working = AtomicU64::new(CLIENTS);
        std::thread::scope(|scope| {
            for process in 0..CLIENTS {
                let client = Client {
                    process,
                    first_list,
                    level,
                    session: fixture::root(self.fixture.database()),
                    moments: &moments,
                    values: &values,
                };
                let mut random = Seeded(self.seed ^ (number * CLIENTS + process) << 20);
                let (record, working) = (&record, &working);
                scope.spawn(move || {
                    for _ in 0..transactions / CLIENTS {
                        let done = client.transaction(&mut random);
                        record.lock().expect("no client panicked").0.extend(done);
                    }
                    working.fetch_sub(1, Ordering::Relaxed);
                });
            }
            let session = fixture::root(self.fixture.database());
            let working = &working;
            scope.spawn(move || {
                let mut compacts = false;
                while working.load(Ordering::Relaxed) > 0 {
                    run(&session, "STORAGE FLUSH TABLE list");
                    if compacts {
                        run(&session, "STORAGE COMPACT TABLE list");
                    }
                    compacts = !compacts;
                }
            });
        });
        if number % 8 == 7 {
            self.fixture.reopen();
        }
        let mut record = record.into_inner().expect("no client panicked");
        record.0.push(self.reading_all(first_list, &moments));
        record
    }

    /// What is there when all is over, read by somebody who was not there before.
    fn reading_all(&self, first_list: u64, moments: &Moments) -> Transaction {
        let begin = moments.next();
        let steps =
            read(self.fixture.root(), first_list, first_list + LISTS - 1).expect("it reads");
        let end = moments.next();
        Transaction { process: CLIENTS, begin, end, outcome: End::Committed, steps }
    }

    /// Two transactions that read what the other one writes.
    pub fn write_skew(&self, level: IsolationLevel) -> Record {
        run(self.fixture.root(), "DELETE FROM list");
        let sessions = [(); 2].map(|()| fixture::root(self.fixture.database()));
        let steps = [[0, 1], [1, 0]].map(|[writes, reads]| {
            let session = &sessions[writes as usize];
            session.begin(level).expect("none is open");
            let mut steps = read(session, reads, reads).expect("it reads");
            append(session, writes, writes + 1).expect("nobody else writes it");
            steps.push(Step::Append(writes, writes + 1));
            steps
        });
        let mut moment = 10;
        let mut record = Record::default();
        for (process, (session, steps)) in (0..).zip(sessions.iter().zip(steps)) {
            let outcome = session.commit().map_or(End::Failed, |()| End::Committed);
            moment += 1;
            record.0.push(Transaction { process, begin: process, end: moment, outcome, steps });
        }
        self.with_final_reads(record)
    }

    /// A client that puts back a list as it read it before another one appended.
    pub fn lost_update(&self) -> Record {
        run(self.fixture.root(), "DELETE FROM list");
        let root = self.fixture.root();
        let mut record = Record::default();
        let mut push = |process, steps| {
            let begin = record.0.len() as u64 * 2;
            let end = begin + 1;
            record.0.push(Transaction { process, begin, end, outcome: End::Committed, steps });
        };
        append(root, 0, 1).expect("nobody else writes");
        push(0, vec![Step::Append(0, 1)]);
        append(root, 0, 2).expect("nobody else writes");
        push(1, vec![Step::Append(0, 2)]);
        push(2, read(root, 0, 0).expect("it reads"));
        run(root, "UPDATE list SET v = '1,3' WHERE k = 0");
        push(0, vec![Step::Append(0, 3)]);
        self.with_final_reads(record)
    }

    fn with_final_reads(&self, mut record: Record) -> Record {
        let moments = Moments(AtomicU64::new(100));
        record.0.push(self.reading_all(0, &moments));
        record
    }
}

/// Lists from one to another, as one statement reads them.
fn read(session: &Session, from: u64, to: u64) -> Result<Vec<Step>, Error> {
    let sql = if from == to {
        format!("SELECT k, v FROM list WHERE k = {from}")
    } else {
        format!("SELECT k, v FROM list WHERE k >= {from} AND k <= {to}")
    };
    let rows = try_rows(session, &sql)?;
    let found = |key: u64| -> Vec<u64> {
        let row = rows.iter().find(|row| row[0] == key.to_string());
        let values = row.into_iter().flat_map(|row| row[1].split(','));
        values.map(|value| value.parse().expect("lists are of numbers")).collect()
    };
    Ok((from..=to).map(|key| Step::Read(key, found(key))).collect())
}

/// Puts a value to the end of a list, which may not be there yet.
fn append(session: &Session, key: u64, value: u64) -> Result<(), Error> {
    let sql = format!(
        "INSERT INTO list VALUES ({key}, '{value}') \
         ON CONFLICT (k) DO UPDATE SET v = list.v || ',' || excluded.v"
    );
    try_run(session, &sql).map(drop)
}

struct Client<'a> {
    process: u64,
    first_list: u64,
    level: IsolationLevel,
    session: Session,
    moments: &'a Moments,
    values: &'a AtomicU64,
}

impl Client<'_> {
    /// One transaction, and what it took back of itself.
    fn transaction(&self, random: &mut Seeded) -> Vec<Transaction> {
        let begin = self.moments.next();
        let (mut steps, mut undone) = (Vec::new(), Vec::new());
        let outcome = if random.below(5) == 0 {
            self.step(random, &mut steps)
        } else {
            self.many_steps(random, &mut steps, &mut undone)
        };
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                assert_eq!(error.sqlstate().as_str(), "40001", "{error:?}");
                if self.session.transaction_status() != TransactionStatus::Idle {
                    self.session.rollback().expect("one is open");
                }
                End::Failed
            }
        };
        let end = self.moments.next();
        let process = self.process;
        let done = Transaction { process, begin, end, outcome, steps };
        let undone = (!undone.is_empty()).then(|| Transaction {
            process: NOBODY + self.process,
            begin: self.moments.next(),
            end: self.moments.next(),
            outcome: End::Failed,
            steps: undone,
        });
        std::iter::once(done).chain(undone).collect()
    }

    fn many_steps(
        &self,
        random: &mut Seeded,
        steps: &mut Vec<Step>,
        undone: &mut Vec<Step>,
    ) -> Result<End, Error> {
        self.session.begin(self.level)?;
        for _ in 0..1 + random.below(4) {
            self.step(random, steps)?;
        }
        if random.below(6) == 0 {
            run(&self.session, "SAVEPOINT s");
            self.step(random, undone)?;
            run(&self.session, "ROLLBACK TO s");
            undone.retain(|step| matches!(step, Step::Append(..)));
            self.step(random, steps)?;
        }
        if random.below(12) == 0 {
            self.session.rollback()?;
            return Ok(End::Failed);
        }
        self.session.commit()?;
        Ok(End::Committed)
    }

    /// An append, or a read of one list or of several.
    fn step(&self, random: &mut Seeded, steps: &mut Vec<Step>) -> Result<End, Error> {
        let list = self.first_list + random.below(LISTS);
        match random.below(5) {
            0 | 1 => {
                let value = self.values.fetch_add(1, Ordering::Relaxed);
                // Before it is tried: what fails must not be read by anybody either.
                steps.push(Step::Append(list, value));
                append(&self.session, list, value)?;
            }
            2 => {
                let last = self.first_list + LISTS - 1;
                steps.extend(read(&self.session, list, last)?);
            }
            _ => steps.extend(read(&self.session, list, list)?),
        }
        Ok(End::Committed)
    }
}
