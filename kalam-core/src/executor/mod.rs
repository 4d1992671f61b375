//! SQL in, Arrow out: parse once, authorize once, bind, run.

mod caller;
mod cte_scope;
mod define_table;
mod describe;
mod dialect;
mod dispatch;
mod engine;
mod functions;
mod gateway;
mod handlers;
mod information_schema;
mod limits;
mod params;
mod parse;
mod placeholder;
mod plan_error;
mod planner;
mod query_result;
mod resolve;
mod row_writer;
mod show_create_table;
mod statement;
mod system_columns;
mod table_name;
mod table_options;
mod text_table;
mod type_name;

pub(crate) use caller::Caller;
pub(crate) use dispatch::{append, run, run_many, use_namespace};
pub(crate) use engine::Engine;
pub(crate) use gateway::authorize;
pub use params::Params;
pub use query_result::QueryResult;
pub(crate) use statement::Statement;
