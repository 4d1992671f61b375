//! SQL in, Arrow out: parse once, authorize once, bind, run.

mod params;
mod query_result;

pub use params::Params;
pub use query_result::QueryResult;
