//! The specification of KalamDB as tests, from outside: SQL in, rows out.
//!
//! One binary, one file for each kind of promise. `cargo test -p kalam-tests slt`
//! runs the SQL specification alone; `KALAM_SLT=insert` picks files by path.

mod alter;
mod append;
mod audit;
mod authorization;
mod backup;
mod canary;
mod cancel;
mod compaction;
mod concurrency;
mod copy;
mod counters;
mod coverage;
mod crash;
mod damage;
mod datafusion_files;
mod definition;
mod disk_full;
mod evolution;
mod expiry;
mod explain;
mod fault;
mod fixture;
mod flush_policy;
mod heap;
mod hostile;
mod ingest;
mod limits;
mod login;
mod model;
mod named_data;
mod nearest;
mod oracle;
mod ordering;
mod orders;
mod parameters;
mod parsing;
mod plan_cache;
mod position;
mod prepared;
mod purge;
mod register;
mod render;
mod replace_table;
mod result_lifetime;
mod returning;
mod slt;
mod storage;
mod tidy;
mod transaction;
mod unique;
mod view;
