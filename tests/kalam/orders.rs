//! Every order of a few operations on one key, two and three, flush and reopen among them.

use std::collections::BTreeMap;

use crate::fixture::{self, Fixture};

/// What happens to one key.
#[derive(Clone, Copy, Debug)]
enum Verb {
    Insert,
    Update,
    Delete,
}

/// One step of all sequences of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    /// Each sequence does something of its own to one of its keys.
    Rows,
    Flush,
    Reopen,
}

/// A table whose sequences flush at the same steps. Each sequence has keys of its own.
struct Table {
    name: String,
    slots: Vec<Slot>,
    sequences: Vec<Vec<(Verb, usize)>>,
    model: BTreeMap<usize, i64>,
}

impl Table {
    fn new(index: usize, slots: Vec<Slot>, keys: usize) -> Table {
        let steps = slots.iter().filter(|slot| **slot == Slot::Rows).count();
        Table {
            name: format!("t{index}"),
            slots,
            sequences: sequences(steps, keys),
            model: BTreeMap::new(),
        }
    }

    /// The next operation of every sequence.
    fn step(&mut self, fixture: &Fixture, step: usize, keys: usize) {
        let place = self.slots[..step].iter().filter(|slot| **slot == Slot::Rows).count();
        for (index, sequence) in self.sequences.iter().enumerate() {
            let (verb, key) = sequence[place];
            let key = index * keys + key;
            let name = &self.name;
            let present = self.model.contains_key(&key);
            let (sql, expected) = match verb {
                Verb::Insert => (
                    format!("INSERT INTO {name} VALUES ({key}, {step})"),
                    if present { Err("23505") } else { Ok(1) },
                ),
                Verb::Update => (
                    format!("UPDATE {name} SET v = v + 100 WHERE k = {key}"),
                    Ok(u64::from(present)),
                ),
                Verb::Delete => {
                    (format!("DELETE FROM {name} WHERE k = {key}"), Ok(u64::from(present)))
                }
            };
            let found = fixture::try_run(fixture.root(), &sql);
            let found = found.as_ref().map(|n| *n).map_err(|error| error.sqlstate().as_str());
            assert_eq!(found, expected, "{sql} in {sequence:?} with {:?}", self.slots);
            match verb {
                Verb::Insert => {
                    self.model.entry(key).or_insert(step as i64);
                }
                Verb::Update => {
                    self.model.entry(key).and_modify(|v| *v += 100);
                }
                Verb::Delete => {
                    self.model.remove(&key);
                }
            }
        }
    }

    fn compare(&self, fixture: &Fixture, keys: usize) {
        let found: BTreeMap<usize, i64> = fixture
            .rows(&format!("SELECT k, v FROM {}", self.name))
            .iter()
            .map(|row| (row[0].parse().expect("k"), row[1].parse().expect("v")))
            .collect();
        let count = fixture.rows(&format!("SELECT COUNT(*) FROM {}", self.name));
        assert_eq!(count, [[self.model.len().to_string()]], "{:?}", self.slots);
        for (index, sequence) in self.sequences.iter().enumerate() {
            for key in index * keys..(index + 1) * keys {
                assert_eq!(
                    found.get(&key),
                    self.model.get(&key),
                    "key {key} (found left) after {sequence:?} in {:?}",
                    self.slots
                );
            }
        }
    }
}

/// Every sequence of `steps` operations on `keys` keys. Keys are alike, so the first
/// operation is always on the first.
fn sequences(steps: usize, keys: usize) -> Vec<Vec<(Verb, usize)>> {
    let mut all = vec![Vec::new()];
    for step in 0..steps {
        let mut longer = Vec::new();
        for sequence in &all {
            for verb in [Verb::Insert, Verb::Update, Verb::Delete] {
                for key in 0..if step == 0 { 1 } else { keys } {
                    let mut sequence = sequence.clone();
                    sequence.push((verb, key));
                    longer.push(sequence);
                }
            }
        }
        all = longer;
    }
    all
}

/// Every choice of steps at which tables flush, where `reopen` has no bit.
fn slots(length: usize, reopen: usize) -> Vec<Vec<Slot>> {
    (0..1usize << length)
        .filter(|flush| flush & reopen == 0)
        .map(|flush| {
            (0..length)
                .map(|step| match (reopen >> step & 1, flush >> step & 1) {
                    (1, _) => Slot::Reopen,
                    (_, 1) => Slot::Flush,
                    _ => Slot::Rows,
                })
                .collect()
        })
        .collect()
}

/// Tries all, and tells how many there were.
fn every_order(length: usize, keys: usize) -> usize {
    let mut sequences = 0;
    for reopen in 0..1usize << length {
        let mut fixture = Fixture::new();
        let mut tables: Vec<Table> = slots(length, reopen)
            .into_iter()
            .enumerate()
            .map(|(index, slots)| Table::new(index, slots, keys))
            .collect();
        for table in &tables {
            sequences += table.sequences.len();
            fixture.run(&format!("CREATE TABLE {} (k INT PRIMARY KEY, v BIGINT)", table.name));
        }
        for step in 0..length {
            if reopen >> step & 1 == 1 {
                fixture.reopen();
            }
            for table in &mut tables {
                match table.slots[step] {
                    Slot::Rows => table.step(&fixture, step, keys),
                    Slot::Flush => {
                        fixture.run(&format!("STORAGE FLUSH TABLE {}", table.name));
                    }
                    Slot::Reopen => {}
                }
                table.compare(&fixture, keys);
            }
        }
    }
    sequences
}

/// As many operations, and as many more as `KALAM_ORDERS` says.
fn every_order_of(operations: usize, keys: usize) {
    let more = usize::try_from(fixture::number_from("KALAM_ORDERS", 0)).expect("a few");
    let sequences = every_order(operations + more, keys);
    println!("{sequences} sequences of {} operations on {keys} keys", operations + more);
}

#[test]
fn every_order_of_five_operations_on_one_key() {
    every_order_of(5, 1);
}

#[test]
fn every_order_of_four_operations_on_two_keys() {
    every_order_of(4, 2);
}

#[test]
fn every_order_of_three_operations_on_three_keys() {
    every_order_of(3, 3);
}
