//! Fresh ids: snowflakes, UUIDs, ULIDs, random text.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;
use ulid::Ulid;
use uuid::Uuid;

use super::Clock;
use crate::model::Seq;

/// 2024-01-01 00:00:00 UTC, from which snowflake ids count milliseconds.
pub const SNOWFLAKE_EPOCH_MS: i64 = Seq::EPOCH_MS;

const UUID_V7_RANDOM_BITS: u32 = 74;
const ULID_RANDOM_BITS: u32 = 80;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Makes ids that never repeat. Share it behind an [`Arc`]; every method may be
/// called from several threads.
///
/// INVARIANT: snowflakes, UUIDs v7 and ULIDs of one source are strictly
/// increasing, also when the clock steps back. A commit lies above the snowflakes that it
/// stores, so over a restart they increase too.
pub struct IdSource {
    clock: Arc<dyn Clock>,
    snowflake: AtomicI64,
    uuid_v7: Mutex<TimeOrdered>,
    ulid: Mutex<TimeOrdered>,
}

impl IdSource {
    /// A source whose snowflakes all lie above `floor`: the largest one that was
    /// ever handed out and might have been stored, or 0.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, floor: i64) -> Self {
        IdSource {
            clock,
            snowflake: AtomicI64::new(floor),
            uuid_v7: Mutex::new(TimeOrdered::new(UUID_V7_RANDOM_BITS)),
            ulid: Mutex::new(TimeOrdered::new(ULID_RANDOM_BITS)),
        }
    }

    /// The clock of this source.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// A positive id: 41 bits of milliseconds since [`SNOWFLAKE_EPOCH_MS`] and a
    /// 22-bit counter, above every earlier one. The `_seq` of commits are of these ids.
    #[must_use]
    pub fn snowflake(&self) -> i64 {
        let now = Seq::first_of_ms(self.clock.now_ms()).get().cast_signed();
        let next = |last: i64| now.max(last + 1);
        // A counter that runs over borrows from the next millisecond.
        let last = self
            .snowflake
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
        next(last.expect("the closure always returns a value"))
    }

    /// A UUID of version 7, above every earlier one.
    ///
    /// Source: RFC 9562, section 5.7 and method 2 (monotonic random) of 6.2.
    #[must_use]
    pub fn uuid_v7(&self) -> Uuid {
        let (ms, random) = self.uuid_v7.lock().next(self.clock.now_ms());
        let high = random >> 62;
        let low = random & ((1 << 62) - 1);
        Uuid::from_u128(u128::from(ms) << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)
    }

    /// A random UUID, of version 4.
    #[must_use]
    pub fn uuid_v4(&self) -> Uuid {
        uuid::Builder::from_random_bytes(rand::random()).into_uuid()
    }

    /// A ULID, above every earlier one.
    ///
    /// Source: <https://github.com/ulid/spec>, "Monotonicity".
    #[must_use]
    pub fn ulid(&self) -> Ulid {
        let (ms, random) = self.ulid.lock().next(self.clock.now_ms());
        Ulid::from_parts(ms, random)
    }

    /// Random letters and digits, `length` of them, from a cryptographic source.
    #[must_use]
    pub fn random_string(&self, length: usize) -> String {
        (0..length).map(|_| char::from(ALPHABET[rand::random_range(0..ALPHABET.len())])).collect()
    }
}

impl fmt::Debug for IdSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdSource").field("clock", &self.clock).finish_non_exhaustive()
    }
}

/// Milliseconds and a random part that together only ever grow.
struct TimeOrdered {
    bits: u32,
    ms: u64,
    random: u128,
}

impl TimeOrdered {
    fn new(bits: u32) -> Self {
        TimeOrdered { bits, ms: 0, random: 0 }
    }

    fn next(&mut self, now_ms: i64) -> (u64, u128) {
        let now = u64::try_from(now_ms).unwrap_or(0);
        let fits = |random: u128| random >> self.bits == 0;
        // The step is random too, so that one id does not tell the next.
        let stepped = self.random + 1 + u128::from(rand::random::<u32>());
        if now <= self.ms && fits(stepped) {
            self.random = stepped;
        } else {
            self.ms = now.max(self.ms + 1);
            // The top bit stays clear: room to count up within a millisecond.
            self.random = rand::random::<u128>() >> (u128::BITS - self.bits + 1);
        }
        (self.ms, self.random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::ManualClock;

    fn source(floor: i64) -> (Arc<ManualClock>, IdSource) {
        let clock = Arc::new(ManualClock::new(SNOWFLAKE_EPOCH_MS + 5_000));
        (clock.clone(), IdSource::new(clock, floor))
    }

    #[test]
    fn every_ordered_id_grows_when_the_clock_stands_or_steps_back() {
        let (clock, ids) = source(0);
        let mut last = (ids.snowflake(), ids.uuid_v7(), ids.ulid());
        for round in 0..2_000 {
            match round % 3 {
                0 => clock.advance_ms(1),
                1 => clock.advance_ms(-500),
                _ => {}
            }
            let next = (ids.snowflake(), ids.uuid_v7(), ids.ulid());
            assert!(next.0 > last.0 && next.1 > last.1 && next.2 > last.2);
            last = next;
        }
    }

    #[test]
    fn snowflakes_grow_whatever_the_clock_says() {
        let (clock, ids) = source(0);
        let mut last = 0;
        for ms in [i64::MIN / 1_000, 0, 1 << 42, i64::MAX / 1_000, SNOWFLAKE_EPOCH_MS] {
            clock.set_ms(ms);
            let next = ids.snowflake();
            assert!(next > last, "{next} after {last} in {ms} ms");
            last = next;
        }
    }

    #[test]
    fn a_snowflake_holds_the_milliseconds_and_lies_above_the_floor() {
        let (_, ids) = source(0);
        assert_eq!(ids.snowflake() >> 22, 5_000);
        let (_, ids) = source(i64::MAX - 10);
        assert_eq!(ids.snowflake(), i64::MAX - 9);
    }

    #[test]
    fn threads_never_share_a_snowflake() {
        let (_, ids) = source(0);
        let ids = &ids;
        let mut all: Vec<i64> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..5_000).map(|_| ids.snowflake()).collect::<Vec<_>>()))
                .collect();
            workers.into_iter().flat_map(|w| w.join().expect("the worker does not panic")).collect()
        });
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 20_000);
    }

    #[test]
    fn uuids_carry_their_version_and_the_time() {
        let (clock, ids) = source(0);
        let id = ids.uuid_v7();
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        let ms = u64::try_from(clock.now_ms()).expect("the test's clock is after 1970");
        assert_eq!((id.as_u128() >> 80) as u64, ms);
        assert_eq!(ids.ulid().timestamp_ms(), ms);
        assert_eq!(ids.uuid_v4().get_version_num(), 4);
    }

    #[test]
    fn random_text_has_its_length_and_alphabet() {
        let (_, ids) = source(0);
        let text = ids.random_string(64);
        assert_eq!(text.len(), 64);
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_ne!(text, ids.random_string(64));
    }
}
