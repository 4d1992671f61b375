//! Who commits next, and whose sets with it.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::commit::CommitError;
use super::write_set::WriteSet;
use crate::model::Seq;
use crate::{Error, SqlState};

/// What became of a set.
pub(super) type Outcome = Result<Seq, CommitError>;

/// The longest that a group waits for others, however slow the device is.
const MOST_PATIENCE: Duration = Duration::from_micros(500);

/// Sets that wait for whoever commits at the moment.
pub(super) struct CommitQueue {
    queue: Mutex<Queue>,
    /// Tells a leader who waits that as many joined as it expects.
    joined: Condvar,
    /// Whether a group waits for those who are about to join it.
    is_patient: bool,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(WriteSet, Arc<Ticket>)>,
    is_led: bool,
    /// How many wrote at the time of the last group: those in it, and those behind it.
    expected: usize,
    /// How long the next group waits for as many.
    patience: Duration,
}

/// Where a waiting session learns what became of its set.
#[derive(Default)]
struct Ticket {
    state: Mutex<TicketState>,
    changed: Condvar,
}

#[derive(Default)]
enum TicketState {
    #[default]
    Waiting,
    Lead,
    Done(Outcome),
}

impl CommitQueue {
    /// Groups wait for others if `is_patient`: if they sync.
    pub(super) fn new(is_patient: bool) -> CommitQueue {
        CommitQueue { queue: Mutex::default(), joined: Condvar::new(), is_patient }
    }

    /// What becomes of a set. Whoever finds nobody at work commits all that wait, by
    /// `commit_group`, which hears when it begins.
    pub(super) fn commit(
        &self,
        set: WriteSet,
        commit_group: impl FnOnce(&mut [WriteSet], Instant) -> Vec<Outcome>,
    ) -> Outcome {
        if self.leads_alone() {
            let mut sets = [set];
            let began = Instant::now();
            let outcome = commit_group(&mut sets, began).pop();
            let took = began.elapsed();
            drop(sets);
            self.hand_on(1, took);
            return outcome.unwrap_or_else(|| Err(unanswered()));
        }
        let ticket = Arc::new(Ticket::default());
        if self.join(set, ticket.clone())
            && let Some(outcome) = ticket.wait()
        {
            return outcome;
        }
        self.lead(commit_group);
        match mem::take(&mut *ticket.state.lock()) {
            TicketState::Done(outcome) => outcome,
            TicketState::Waiting | TicketState::Lead => Err(unanswered()),
        }
    }

    /// Whether nobody leads and no group waits for others: the set needs no ticket.
    fn leads_alone(&self) -> bool {
        let mut queue = self.queue.lock();
        let is_alone = !queue.is_led && (queue.expected <= 1 || queue.patience.is_zero());
        queue.is_led |= is_alone;
        is_alone
    }

    /// Whether someone else leads.
    fn join(&self, set: WriteSet, ticket: Arc<Ticket>) -> bool {
        let mut queue = self.queue.lock();
        queue.waiting.push_back((set, ticket));
        if queue.is_complete() {
            self.joined.notify_one();
        }
        mem::replace(&mut queue.is_led, true)
    }

    /// Commits everything queued, then hands the lead to the next waiter.
    fn lead(&self, commit_group: impl FnOnce(&mut [WriteSet], Instant) -> Vec<Outcome>) {
        let group = self.gather();
        let (mut sets, tickets): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        let began = Instant::now();
        let outcomes = commit_group(&mut sets, began);
        let took = began.elapsed();
        // Destructors of large sets run before anyone is woken to queue more.
        drop(sets);
        // First the lead, then the outcomes: with 16 threads, whose sessions are woken one after
        // the other while the next group syncs, that gives 1.5 to 2 times the commits. Groups of half
        // as many, so that the other half comes meanwhile, gave fewer than groups of all.
        self.hand_on(tickets.len(), took);
        for (ticket, outcome) in tickets.iter().zip(outcomes) {
            ticket.change(TicketState::Done(outcome));
        }
    }

    /// Hands the lead to the next waiter, after a group of so many that took so long.
    fn hand_on(&self, members: usize, took: Duration) {
        let mut queue = self.queue.lock();
        queue.expected = members + queue.waiting.len();
        if self.is_patient {
            queue.patience = (took / 2).min(MOST_PATIENCE);
        }
        match queue.waiting.front() {
            Some((_, next)) => next.change(TicketState::Lead),
            None => queue.is_led = false,
        }
    }

    /// The next group. Those whom the last one woke are about to write again, and a sync costs
    /// more than a wait for them: without it each sync serves the few who came first.
    fn gather(&self) -> Vec<(WriteSet, Arc<Ticket>)> {
        let mut queue = self.queue.lock();
        let deadline = Instant::now() + queue.patience;
        while !queue.is_complete() && !self.joined.wait_until(&mut queue, deadline).timed_out() {}
        queue.take_group()
    }
}

fn unanswered() -> CommitError {
    Error::new(SqlState::INTERNAL_ERROR, "a commit was left without an answer").into()
}

impl Queue {
    fn is_complete(&self) -> bool {
        self.waiting.len() >= self.expected
    }

    /// Everything that may share a batch: all sets up to an exclusive one, or that
    /// one alone.
    fn take_group(&mut self) -> Vec<(WriteSet, Arc<Ticket>)> {
        let shared = self.waiting.iter().take_while(|(set, _)| !set.is_exclusive()).count();
        self.waiting.drain(..shared.max(1)).collect()
    }
}

impl Ticket {
    /// What became of the set; `None` if its session is to lead.
    fn wait(&self) -> Option<Outcome> {
        let mut state = self.state.lock();
        loop {
            match mem::take(&mut *state) {
                TicketState::Waiting => self.changed.wait(&mut state),
                TicketState::Lead => return None,
                TicketState::Done(outcome) => return Some(outcome),
            }
        }
    }

    fn change(&self, state: TicketState) {
        *self.state.lock() = state;
        self.changed.notify_one();
    }
}
