//! A store that answers as it likes - late, with errors, in half, or not at all - while rows
//! are written, flushed, compacted, read and backed up.

use std::collections::BTreeMap;

use kalam_core::Database;

use super::{House, Server};
use crate::fixture::{self, Seeded, number_from, rows, run};

/// Operations; more with `KALAM_UNSTEADY`.
const OPERATIONS: u64 = 60;
const KEYS: u64 = 400;

/// What `t` has to hold.
type Model = BTreeMap<u64, String>;

struct World {
    house: House,
    model: Model,
    done: u64,
    refused: u64,
    backups: u64,
}

impl World {
    /// Runs a statement, and tells whether it did what it says. Otherwise it did nothing.
    fn tries(&mut self, sql: &str) -> bool {
        match fixture::try_run(self.house.root(), sql) {
            Ok(_) => {
                self.done += 1;
                true
            }
            Err(error) => {
                assert_eq!(error.sqlstate().as_str(), "58030", "{sql}: {error:?}");
                self.refused += 1;
                false
            }
        }
    }

    fn step(&mut self, operation: u64, random: &mut Seeded) {
        let first = random.below(KEYS);
        let last = first + random.below(20);
        let keys = || first..=last;
        let value = format!("v{operation}");
        match random.below(9) {
            0 | 1 => {
                let sql = format!(
                    "INSERT INTO t SELECT value, '{value}' FROM generate_series({first}, {last}) \
                     ON CONFLICT (k) DO UPDATE SET v = excluded.v"
                );
                if self.tries(&sql) {
                    self.model.extend(keys().map(|k| (k, value.clone())));
                }
            }
            2 => {
                // Past the hot tier: an object for each.
                let first = 1_000 + operation * 1_000;
                let sql = format!(
                    "INSERT INTO t SELECT value, '{value}' FROM generate_series({first}, {})",
                    first + 199
                );
                if self.tries(&sql) {
                    self.model.extend((first..first + 200).map(|k| (k, value.clone())));
                }
            }
            3 => {
                let sql = format!("UPDATE t SET v = '{value}' WHERE k BETWEEN {first} AND {last}");
                if self.tries(&sql) {
                    self.model.range_mut(keys()).for_each(|(_, v)| v.clone_from(&value));
                }
            }
            4 => {
                if self.tries(&format!("DELETE FROM t WHERE k BETWEEN {first} AND {last}")) {
                    self.model.retain(|k, _| !keys().contains(k));
                }
            }
            5 => _ = self.tries("STORAGE FLUSH TABLE t"),
            6 => _ = self.tries("STORAGE COMPACT TABLE t"),
            7 => self.read(),
            _ => self.backup(operation),
        }
    }

    fn read(&mut self) {
        match fixture::try_rows(self.house.root(), ROWS) {
            Ok(found) => {
                assert_eq!(found, text(&self.model));
                self.done += 1;
            }
            Err(error) => {
                assert_eq!(error.sqlstate().as_str(), "58030", "{error:?}");
                self.refused += 1;
            }
        }
    }

    /// What was backed up from the store comes back without it.
    fn backup(&mut self, operation: u64) {
        let folder = self.house.dir.path().join(format!("backup{operation}"));
        let restored = self.house.dir.path().join(format!("restored{operation}"));
        if !self.tries(&format!("BACKUP DATABASE TO '{}'", folder.display())) {
            return;
        }
        Database::restore(&folder, &restored).expect("it needs no store");
        let database = Database::open(&restored, self.house.options.clone()).expect("it opens");
        assert_eq!(rows(&fixture::root(&database), ROWS), text(&self.model));
        database.close().expect("it closes");
        self.backups += 1;
    }
}

const ROWS: &str = "SELECT k, v FROM t ORDER BY k";

fn text(model: &Model) -> fixture::Rows {
    model.iter().map(|(k, v)| vec![k.to_string(), v.clone()]).collect()
}

/// With copies of what was read, and without.
#[test]
fn a_store_that_answers_as_it_likes_loses_nothing_and_keeps_nothing() {
    let operations = number_from("KALAM_UNSTEADY", OPERATIONS);
    let seed = number_from("KALAM_SEED", 4);
    for (number, copies) in [0, 1 << 30].into_iter().enumerate() {
        let mut server = Server::start();
        let mut house = House::new(copies);
        house.options.ingest_rows_min = 150;
        house.reopen();
        run(house.root(), &server.create_with("far", "kalam", "timeout_ms = 1000"));
        let table = "CREATE TABLE t (k BIGINT PRIMARY KEY, v TEXT) WITH (STORAGE_ID = 'far')";
        run(house.root(), table);
        let mut world = World { house, model: Model::new(), done: 0, refused: 0, backups: 0 };
        let mut random = Seeded(seed + number as u64);
        server.tell(&format!("seed {seed}"));
        server.tell("mode unsteady");
        for operation in 0..operations / 2 {
            world.step(operation, &mut random);
            if operation % 20 == 19 {
                world.house.reopen();
            }
        }
        server.tell("mode well");
        assert_eq!(rows(world.house.root(), ROWS), text(&world.model));
        world.house.reopen();
        assert_eq!(rows(world.house.root(), ROWS), text(&world.model));
        // A bucket is not asked before somebody needs it.
        run(world.house.root(), "VACUUM");
        assert_eq!(server.objects(), world.house.manifest());
        println!(
            "{} statements were done, {} refused, {} backups came back, with copies of {copies} \
             bytes: nothing lost, no object left",
            world.done, world.refused, world.backups
        );
        assert!(world.done > world.refused, "the store hardly works");
    }
}
