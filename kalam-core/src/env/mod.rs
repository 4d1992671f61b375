//! Clock, ids and randomness: the only source of each.
//!
//! Everything that needs the time or a fresh id takes a [`Clock`](crate::env::Clock) or an
//! [`IdSource`](crate::env::IdSource); tests put a [`ManualClock`](crate::env::ManualClock)
//! behind them.

mod bug;
mod clock;
mod fault;
mod forward_clock;
mod host_key;
mod id_source;
mod planted_panic;
mod salt;

pub(crate) use bug::has_bug;
pub use clock::{Clock, ManualClock, SystemClock};
pub(crate) use fault::fault_point;
pub(crate) use forward_clock::ForwardClock;
pub(crate) use host_key::HostKey;
pub use id_source::{IdSource, SNOWFLAKE_EPOCH_MS};
pub(crate) use planted_panic::planted_panic;
pub(crate) use salt::salt;
