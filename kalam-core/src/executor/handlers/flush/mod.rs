//! Statements about the tiers.

pub(crate) mod analyze;
pub(crate) mod compact_table;
pub(crate) mod flush_table;
pub(crate) mod show_manifest;
pub(crate) mod show_stats;
pub(crate) mod vacuum;
