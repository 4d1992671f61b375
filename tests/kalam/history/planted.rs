//! The checker is checked: histories of the engine with one thing changed, each of which
//! it must find.

use kalam_core::IsolationLevel;

use super::record::{End, Record, Step, Transaction};
use super::workload::House;

/// Changes one thing and says whether it found a place for it.
type Plant = fn(&mut Record) -> bool;

const PLANTED: [(&str, &str, Plant); 5] = [
    ("what a failed transaction wrote is read", "read-committed", aborted_read),
    ("half of a transaction is read", "read-committed", intermediate_read),
    ("a transaction is read in one list and not in another", "snapshot-isolation", torn_read),
    ("two reads of one list differ in order", "read-committed", other_order),
    (
        "a list is read as it was before it was acknowledged",
        "strong-snapshot-isolation",
        stale_read,
    ),
];

#[test]
fn whatever_is_planted_is_found() {
    let mut house = House::new(5);
    let record = house.run(0, IsolationLevel::Serializable, 240);
    assert_eq!(record.anomalies("strict-serializable"), "");
    for (what, model, plant) in PLANTED {
        let mut changed = record.clone();
        assert!(plant(&mut changed), "no place for: {what}");
        let found = changed.anomalies(model);
        println!("{what}: {found}");
        assert_ne!(found, "", "not found: {what}");
    }
}

fn appends(transaction: &Transaction) -> impl Iterator<Item = (u64, u64)> {
    transaction.steps.iter().filter_map(|step| match step {
        Step::Append(list, value) => Some((*list, *value)),
        Step::Read(..) => None,
    })
}

fn reads(transaction: &mut Transaction) -> impl Iterator<Item = (u64, &mut Vec<u64>)> {
    let is_committed = transaction.outcome == End::Committed;
    transaction.steps.iter_mut().filter(move |_| is_committed).filter_map(|step| match step {
        Step::Read(list, values) => Some((*list, values)),
        Step::Append(..) => None,
    })
}

/// Whether a transaction reads only: what it reads hangs together with nothing else.
fn is_reader(transaction: &Transaction) -> bool {
    transaction.outcome == End::Committed && appends(transaction).next().is_none()
}

fn aborted_read(record: &mut Record) -> bool {
    let failed = record.0.iter().filter(|t| t.outcome == End::Failed).flat_map(appends).next();
    let Some((failed_list, value)) = failed else { return false };
    let mut all = record.0.iter_mut().flat_map(reads);
    all.find(|(list, _)| *list == failed_list).map(|(_, values)| values.push(value)).is_some()
}

fn intermediate_read(record: &mut Record) -> bool {
    // A transaction that appends twice to a list: readers see both or none.
    let twice: Vec<(u64, u64, u64)> = record
        .0
        .iter()
        .filter(|t| t.outcome == End::Committed)
        .filter_map(|t| {
            let all: Vec<_> = appends(t).collect();
            all.iter().enumerate().find_map(|(at, (list, first))| {
                let later = all[at + 1..].iter().find(|(other, _)| other == list)?;
                Some((*list, *first, later.1))
            })
        })
        .collect();
    for transaction in record.0.iter_mut().filter(|t| is_reader(t)) {
        for (list, values) in reads(transaction) {
            let of_two = twice.iter().find(|(of, _, last)| *of == list && values.contains(last));
            if let Some((_, first, _)) = of_two {
                let end = values.iter().position(|v| v == first).expect("it is before the last");
                values.truncate(end + 1);
                return true;
            }
        }
    }
    false
}

fn torn_read(record: &mut Record) -> bool {
    let pairs: Vec<[(u64, u64); 2]> = record
        .0
        .iter()
        .filter(|t| t.outcome == End::Committed)
        .filter_map(|t| {
            let first = appends(t).next()?;
            let other = appends(t).find(|(list, _)| *list != first.0)?;
            Some([first, other])
        })
        .collect();
    for transaction in record.0.iter_mut().filter(|t| is_reader(t)) {
        let seen: Vec<(u64, Vec<u64>)> = reads(transaction).map(|(l, v)| (l, v.clone())).collect();
        let sees =
            |(list, value): (u64, u64)| seen.iter().any(|(l, v)| *l == list && v.contains(&value));
        let Some([torn, _]) = pairs.iter().find(|[a, b]| sees(*a) && sees(*b)) else { continue };
        for (list, values) in reads(transaction) {
            if list == torn.0 {
                let end = values.iter().position(|v| *v == torn.1).unwrap_or(values.len());
                values.truncate(end);
            }
        }
        return true;
    }
    false
}

fn other_order(record: &mut Record) -> bool {
    let mut all = record.0.iter_mut().filter(|t| is_reader(t)).flat_map(reads);
    all.find(|(_, values)| values.len() > 2).map(|(_, values)| values.swap(0, 1)).is_some()
}

fn stale_read(record: &mut Record) -> bool {
    let acknowledged: Vec<(u64, (u64, u64))> = record
        .0
        .iter()
        .filter(|t| t.outcome == End::Committed)
        .flat_map(|t| appends(t).map(|append| (t.end, append)).collect::<Vec<_>>())
        .collect();
    for transaction in record.0.iter_mut().filter(|t| is_reader(t)) {
        let begin = transaction.begin;
        for (list, values) in reads(transaction) {
            let place = values.iter().position(|value| {
                acknowledged.iter().any(|(end, append)| *end < begin && *append == (list, *value))
            });
            if let Some(place) = place {
                values.truncate(place);
                return true;
            }
        }
    }
    false
}
