//! Statements about jobs.

pub(crate) mod kill_job;
pub(crate) mod show_jobs;
