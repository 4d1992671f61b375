//! How many refusals the audit log takes.

use std::collections::HashMap;

use crate::model::UserId;

/// Refusals of one user that are recorded one by one in a minute.
const OF_USER_MAX: u32 = 100;

/// Refusals of all users that are recorded one by one in a minute.
const OF_ALL_MAX: u32 = 1_000;

const MINUTE_MS: i64 = 60_000;

/// Counts refusals, so that repeating a refused call does not fill the log: the caller
/// pays nothing for it, and each record is a commit.
#[derive(Default)]
pub(crate) struct Refusals {
    minute_began_ms: i64,
    recorded: HashMap<Option<UserId>, u32>,
    recorded_of_all: u32,
    skipped: u64,
}

impl Refusals {
    /// Whether to record a refusal; the number is that of earlier ones that were only
    /// counted and not told yet.
    pub(crate) fn admit(&mut self, user: Option<&UserId>, now_ms: i64) -> Option<u64> {
        if !(0..MINUTE_MS).contains(&now_ms.saturating_sub(self.minute_began_ms)) {
            self.minute_began_ms = now_ms;
            self.recorded.clear();
            self.recorded_of_all = 0;
        }
        if self.recorded_of_all >= OF_ALL_MAX {
            self.skipped += 1;
            return None;
        }
        let recorded = self.recorded.entry(user.cloned()).or_default();
        if *recorded >= OF_USER_MAX {
            self.skipped += 1;
            return None;
        }
        *recorded += 1;
        self.recorded_of_all += 1;
        // Told once a minute: otherwise the records of one user would each tell of the
        // last one of another.
        if self.recorded_of_all == 1 { Some(self.take_skipped()) } else { Some(0) }
    }

    /// The refusals that were only counted and not told yet.
    pub(crate) fn take_skipped(&mut self) -> u64 {
        std::mem::take(&mut self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_takes_so_many_of_a_user_and_the_next_tells_the_rest() {
        let mut refusals = Refusals::default();
        let (alice, bob) = (UserId::new("alice").expect("ok"), UserId::new("bob").expect("ok"));
        for _ in 0..OF_USER_MAX {
            assert_eq!(refusals.admit(Some(&alice), 1_000_000), Some(0));
        }
        for _ in 0..7 {
            assert_eq!(refusals.admit(Some(&alice), 1_000_001), None);
        }
        assert_eq!(refusals.admit(Some(&bob), 1_000_002), Some(0));
        assert_eq!(refusals.admit(Some(&alice), 1_060_000), Some(7));
        assert_eq!(refusals.admit(Some(&alice), 1_060_001), Some(0));
        // A clock that steps back begins a minute too.
        assert_eq!(refusals.admit(Some(&alice), 5), Some(0));
    }

    #[test]
    fn many_users_together_have_a_limit() {
        let mut refusals = Refusals::default();
        let admitted = (0..5_000)
            .filter(|n| {
                let user = UserId::new(format!("u{n}")).expect("ok");
                refusals.admit(Some(&user), 1_000_000).is_some()
            })
            .count();
        assert_eq!(admitted, 1_000);
        assert_eq!(refusals.take_skipped(), 4_000);
    }
}
