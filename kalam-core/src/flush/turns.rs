//! Who moves rows of a scope: one at a time.

use std::collections::HashSet;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::Result;
use crate::activity::check_stop;
use crate::model::ScopeId;

/// How long one waits for another before it looks whether it is to stop.
const WAIT: Duration = Duration::from_millis(20);

/// The scopes at which somebody is at work.
#[derive(Default)]
pub(super) struct Turns {
    taken: Mutex<HashSet<ScopeId>>,
    ended: Condvar,
}

impl Turns {
    /// Waits until nobody else has the scope's turn, which ends when the guard is dropped.
    ///
    /// # Errors
    /// `57014` if the statement is to stop.
    pub(super) fn take(&self, scope: ScopeId) -> Result<Turn<'_>> {
        let mut taken = self.taken.lock();
        while !taken.insert(scope) {
            self.ended.wait_for(&mut taken, WAIT);
            check_stop()?;
        }
        Ok(Turn { turns: self, scope })
    }
}

/// The turn at a scope.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    scope: ScopeId,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.taken.lock().remove(&self.scope);
        self.turns.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::Turns;
    use crate::model::{ScopeId, TableId, UserKey};

    #[test]
    fn of_one_scope_one_has_the_turn_and_nothing_is_kept_of_it() {
        let turns = Turns::default();
        let scope = |user| ScopeId { table: TableId(1), user: UserKey(user) };
        let first = turns.take(scope(1)).expect("nobody has it");
        let other = turns.take(scope(2)).expect("another scope's");
        std::thread::scope(|threads| {
            let second = threads.spawn(|| turns.take(scope(1)).map(drop));
            assert!(turns.taken.lock().contains(&scope(1)));
            drop(first);
            second.join().expect("no panic").expect("nobody stops it");
        });
        drop(other);
        assert!(turns.taken.lock().is_empty());
    }
}
