//! Clock, ids and randomness: the only source of each.
//!
//! Everything that needs the time or a fresh id takes a [`Clock`] or an
//! [`IdSource`]; tests put a [`ManualClock`] behind them.

mod clock;
mod id_source;

pub use clock::{Clock, ManualClock, SystemClock};
pub use id_source::{IdSource, SNOWFLAKE_EPOCH_MS};
