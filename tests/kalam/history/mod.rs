//! Histories of concurrent transactions, searched for anomalies by another program's
//! rules: crate `adya` infers from what was read which transaction came before which, and
//! finds the cycles that an isolation level forbids.
//!
//! `KALAM_HISTORIES=1000 KALAM_TRANSACTIONS=2000` runs as many as are promised;
//! `KALAM_HISTORY_SEED=7` runs others.
//!
//! Source: Kingsbury, Alvaro, "Elle: Inferring Isolation Anomalies from Experimental
//! Observations"; Adya, "Weak Consistency: A Generalized Theory and Optimistic
//! Implementations for Distributed Transactions".

mod planted;
mod record;
mod workload;

use kalam_core::IsolationLevel;

use self::record::Record;
use self::workload::House;
use crate::fixture::number_from;

/// Histories of one run, and transactions of each, unless the environment says other
/// numbers.
const HISTORIES: u64 = 12;
const TRANSACTIONS: u64 = 240;
const SEED: u64 = 23;

/// The isolation levels, with the strongest model that each promises. A view is taken
/// when a transaction begins, so what was acknowledged before is seen: the models are
/// those of real time.
const LEVELS: [(IsolationLevel, &str); 3] = [
    (IsolationLevel::Serializable, "strict-serializable"),
    (IsolationLevel::RepeatableRead, "strong-snapshot-isolation"),
    (IsolationLevel::ReadCommitted, "strong-read-committed"),
];

#[test]
fn histories_have_no_anomaly_that_their_level_forbids() {
    let seed = number_from("KALAM_HISTORY_SEED", SEED);
    let histories = number_from("KALAM_HISTORIES", HISTORIES);
    let transactions = number_from("KALAM_TRANSACTIONS", TRANSACTIONS);
    println!("seed {seed}, {histories} histories of {transactions} transactions");
    let mut house = House::new(seed);
    let (mut committed, mut refused) = (0, 0);
    for number in 0..histories {
        // Half of the histories are SERIALIZABLE.
        let (level, model) = LEVELS[[0, 1, 0, 2][(number % 4) as usize]];
        let record = house.run(number, level, transactions);
        assert_eq!(record.anomalies(model), "", "history {number} of seed {seed}, {level:?}");
        committed += record.committed();
        refused += record.failed();
    }
    println!("{committed} transactions committed, {refused} did not");
    assert!(committed > refused && refused > 0, "{committed} committed, {refused} refused");
}

#[test]
fn two_transactions_that_miss_each_other_are_found_by_their_history() {
    let house = House::new(1);
    for (level, model, anomaly) in [
        (IsolationLevel::RepeatableRead, "strong-snapshot-isolation", ""),
        (IsolationLevel::RepeatableRead, "serializable", "G2-item"),
        (IsolationLevel::Serializable, "strict-serializable", ""),
    ] {
        let record = house.write_skew(level);
        assert_eq!(record.anomalies(model), anomaly, "{level:?} as {model}");
    }
    // A program that writes back what it read in an earlier statement loses an update.
    let record: Record = house.lost_update();
    assert_ne!(record.anomalies("read-committed"), "");
}
