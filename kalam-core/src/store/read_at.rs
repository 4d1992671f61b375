//! When rows were read that a commit expects to be unchanged.

/// When rows were read that a commit expects to be unchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ReadAt {
    /// At several moments, or nobody knows when: the commit looks at each row again.
    #[default]
    Unknown,
    /// In a view that shows so many batches at least. If no batch followed, each row is as
    /// it was read.
    Batches(u64),
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::super::commit::{CommitError, Store};
    use super::super::row::empty_header;
    use super::super::{Effect, Expect, Home, WriteSet};
    use super::*;
    use crate::env::ManualClock;
    use crate::model::Seq;
    use crate::{Options, SqlState};

    const KEY: &[u8] = b"a key of a hot row";

    fn store() -> Arc<Store> {
        let clock = Arc::new(ManualClock::new(1_800_000_000_000));
        Store::open(&Home::Memory, &Options::default(), clock).expect("memory is there")
    }

    fn write(key: &[u8], expect: Expect, read_at: ReadAt) -> WriteSet {
        let mut set = WriteSet { read_at, ..WriteSet::default() };
        let record = empty_header();
        set.rows.push(
            expect,
            |out| out.extend_from_slice(key),
            |out| out.extend_from_slice(&record),
        );
        assert_ne!(set.rows.get(0).effect, Effect::Remove);
        set
    }

    /// The number of the commit; `None` if a row had changed.
    fn seq(outcome: Result<Seq, CommitError>) -> Option<Seq> {
        match outcome {
            Ok(seq) => Some(seq),
            Err(CommitError::Other(e)) => {
                assert_eq!(e.sqlstate(), SqlState::SERIALIZATION_FAILURE);
                None
            }
            Err(CommitError::KeyTaken(_)) => panic!("nothing was inserted"),
        }
    }

    #[test]
    fn a_row_that_changed_after_it_was_read_is_refused() {
        let store = store();
        let first = seq(store.commit(write(KEY, Expect::Absent, ReadAt::Unknown)));
        let first = first.expect("the key is free");
        let (view, other) = (store.view().read_at(), store.view().read_at());
        let second = seq(store.commit(write(KEY, Expect::Seq(first), view)));
        let second = second.expect("nobody changed it");
        assert_eq!(seq(store.commit(write(KEY, Expect::Seq(first), other))), None);
        // What was refused changed nothing, and what was read is still so.
        let view = store.view().read_at();
        assert!(seq(store.commit(write(KEY, Expect::Seq(second), view))).is_some());
        assert_eq!(seq(store.commit(write(KEY, Expect::Seq(second), ReadAt::Unknown))), None);
    }

    #[test]
    fn a_row_is_looked_at_again_only_if_something_was_written_since() {
        let store = store();
        seq(store.commit(write(KEY, Expect::Absent, ReadAt::Unknown)));
        // A row that nobody stored shows who looks.
        let missing = Expect::Seq(Seq(1));
        let view = store.view().read_at();
        assert!(seq(store.commit(write(KEY, missing, view))).is_some());
        assert_eq!(seq(store.commit(write(KEY, missing, view))), None);
        let view = store.view().read_at();
        seq(store.commit(write(b"another key of a row", Expect::Absent, ReadAt::Unknown)));
        assert_eq!(seq(store.commit(write(KEY, missing, view))), None);
    }

    #[test]
    fn of_two_in_one_group_that_change_a_row_the_second_is_refused() {
        let store = store();
        let first = seq(store.commit(write(KEY, Expect::Absent, ReadAt::Unknown)));
        let expect = Expect::Seq(first.expect("the key is free"));
        let view = store.view().read_at();
        let mut sets = [write(KEY, expect, view), write(KEY, expect, view)];
        let outcomes = store.commit_group(&mut sets, Instant::now());
        let seqs: Vec<_> = outcomes.into_iter().map(seq).collect();
        assert!(matches!(seqs[..], [Some(_), None]), "{seqs:?}");
    }
}
