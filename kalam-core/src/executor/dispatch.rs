//! One statement to its handler, after the gateway.

use std::sync::Arc;

use arrow::record_batch::{RecordBatch, RecordBatchIterator, RecordBatchReader};
use datafusion::common::ScalarValue;

use super::caller::Caller;
use super::engine::Engine;
use super::gateway::{TableAction, authorize, authorize_namespace};
use super::handlers::{backup, copy, ddl, dml, flush, jobs, query, setting, storage, user};
use super::modify_statement::Insert;
use super::params::BoundColumns;
use super::query_result::QueryResult;
use super::resolve::resolve_table;
use super::retry::following_catalog;
use super::row_writer::Taken;
use super::statement::Statement;
use super::table_name::parse_table_name;
use super::work::Work;
use crate::catalog::undefined_namespace;
use crate::{Error, Result, SqlState};

/// Runs one statement. `USE`, `SET`, `PREPARE`, `EXECUTE`, `DEALLOCATE` and those of
/// transactions are the session's own and do not come here.
///
/// # Errors
/// `42501` if the role may not run it, and what the handler raises.
pub(crate) fn run(
    engine: &Arc<Engine>,
    caller: &Caller,
    work: &mut Work,
    statement: &Statement,
    params: &[ScalarValue],
) -> Result<QueryResult> {
    engine.check_open()?;
    authorize(statement, caller.role)?;
    following_catalog(engine, || run_once(engine, caller, work, statement, params))
}

fn run_once(
    engine: &Arc<Engine>,
    caller: &Caller,
    work: &mut Work,
    statement: &Statement,
    params: &[ScalarValue],
) -> Result<QueryResult> {
    match statement {
        Statement::CreateNamespace { if_not_exists, name, description } => {
            ddl::create_namespace::run(engine, caller, name, *if_not_exists, description.as_deref())
        }
        Statement::AlterNamespace { name, description } => {
            ddl::alter_namespace::run(engine, caller, name, description.as_deref())
        }
        Statement::DropNamespace { if_exists, name, cascade } => {
            ddl::drop_namespace::run(engine, caller, name, *if_exists, *cascade)
        }
        Statement::UseNamespace(_)
        | Statement::Transaction(_)
        | Statement::Prepare(_)
        | Statement::Execute(_)
        | Statement::Set(_)
        | Statement::Deallocate { .. } => Err(Error::new(
            SqlState::INTERNAL_ERROR,
            format!("{} reached the engine", statement.name()),
        )),
        Statement::ShowNamespaces => query::show::namespaces(engine, caller),
        Statement::ShowTables { namespace } => {
            query::show::tables(engine, caller, namespace.as_deref())
        }
        Statement::Describe { table } => query::describe::run(engine, caller, table),
        Statement::DescribeHistory { table } => query::describe::history(engine, caller, table),
        Statement::DescribeVersion { table, version } => {
            query::describe::version(engine, caller, table, *version)
        }
        Statement::CreateTable(create) => ddl::create_table::run(engine, caller, create),
        Statement::AlterTable(alter) => ddl::alter_table::run(engine, caller, alter),
        Statement::Comment(comment) => ddl::comment::run(engine, caller, comment),
        Statement::CreateTableAs(create) => {
            ddl::create_table_as::run(engine, caller, create, params)
        }
        Statement::DropTable { if_exists, names, cascade } => {
            ddl::drop_table::run(engine, caller, names, *if_exists, *cascade)
        }
        Statement::Truncate { tables } => ddl::truncate::run(engine, caller, tables),
        Statement::CreateView(create) => ddl::create_view::run(engine, caller, create),
        Statement::DropView { if_exists, names, cascade } => {
            ddl::drop_view::run(engine, caller, names, *if_exists, *cascade)
        }
        Statement::RegisterTable(register) => {
            ddl::register_table::run(engine, caller, register, params)
        }
        Statement::UnregisterTable { if_exists, table, cascade } => {
            ddl::unregister_table::run(engine, caller, table, *if_exists, *cascade)
        }
        Statement::Insert(insert) => dml::insert::run(engine, caller, work, insert, params),
        Statement::Update(update) => dml::update::run(engine, caller, work, update, params),
        Statement::Delete(delete) => dml::delete::run(engine, caller, work, delete, params),
        Statement::Merge(merge) => dml::merge::run(engine, caller, work, merge, params),
        Statement::CopyFrom(from) => copy::copy_from::run(engine, caller, work, from, params),
        Statement::CopyTo(to) => copy::copy_to::run(engine, caller, work, to, params),
        Statement::Query(select) => query::select::run(engine, caller, work, select, params),
        Statement::Explain(explain) => query::explain::run(engine, caller, work, explain, params),
        Statement::FlushTable { table } => flush::flush_table::run(engine, caller, table),
        Statement::FlushAll { namespace } => {
            flush::flush_table::run_all(engine, caller, namespace.as_deref())
        }
        Statement::CompactTable { table } => flush::compact_table::run(engine, caller, table),
        Statement::CompactAll { namespace } => {
            flush::compact_table::run_all(engine, caller, namespace.as_deref())
        }
        Statement::Vacuum { table } => flush::vacuum::run(engine, caller, table.as_ref()),
        Statement::Analyze { table } => flush::analyze::run(engine, caller, table.as_ref()),
        Statement::BackupDatabase { folder } => {
            backup::backup_database::run(engine, caller, folder.path(params)?)
        }
        Statement::RestoreDatabase { folder, directory } => backup::restore_database::run(
            engine,
            caller,
            folder.path(params)?,
            directory.path(params)?,
        ),
        Statement::VerifyBackup { folder } => {
            backup::restore_database::verify(engine, caller, folder.path(params)?)
        }
        Statement::CreateStorage(create) => storage::create_storage::run(engine, caller, create),
        Statement::AlterStorage(alter) => storage::alter_storage::run(engine, caller, alter),
        Statement::DropStorage { if_exists, name } => {
            storage::drop_storage::run(engine, caller, name, *if_exists)
        }
        Statement::ShowStorages => storage::show_storages::run(engine, work),
        Statement::CheckStorage { name, extended } => {
            storage::check_storage::run(engine, name, *extended)
        }
        Statement::ShowManifest { table } => flush::show_manifest::run(engine, caller, work, table),
        Statement::ShowStats { table } => flush::show_stats::run(engine, caller, work, table),
        Statement::ShowSetting(show) => setting::show::run(engine, caller, show),
        Statement::ShowCreateTable { table } => {
            query::describe::create_table(engine, caller, table)
        }
        Statement::CreateUser(create) => user::create_user::run(engine, caller, create, params),
        Statement::AlterUser(alter) => user::alter_user::run(engine, caller, alter, params),
        Statement::DropUser { if_exists, user, purge: false } => {
            user::drop_user::run(engine, caller, user, *if_exists, params)
        }
        Statement::DropUser { if_exists, user, purge: true } => {
            user::purge_user::run(engine, caller, &user.user(params)?, *if_exists)
        }
        Statement::ExportUser { user, folder } => {
            user::export_user::run(engine, caller, &user.user(params)?, folder.path(params)?)
        }
        Statement::ExecuteAs(execute) => {
            user::execute_as::run(engine, caller, work, execute, params)
        }
        Statement::ShowJobs => Ok(jobs::show_jobs::run(engine)),
        Statement::KillJob { id } => jobs::kill_job::run(engine, caller, id, params),
        Statement::ShowCreateView { view } => query::describe::create_view(engine, caller, view),
    }
}

/// Runs one statement for each row of parameters, in one commit.
///
/// # Errors
/// As [`run_many`].
pub(crate) fn run_columns(
    engine: &Arc<Engine>,
    caller: &Caller,
    work: &mut Work,
    statement: &Statement,
    sets: &[BoundColumns],
) -> Result<u64> {
    engine.check_open()?;
    authorize(statement, caller.role)?;
    if let Statement::Insert(insert) = statement {
        let table = resolve_table(engine, caller, &insert.table, TableAction::Write)?;
        if let Some(rows) = dml::written_rows(insert, &table, sets)? {
            let Some(schema) = rows.first().map(RecordBatch::schema) else { return Ok(0) };
            let name = &table.definition.name;
            let name = format!("\"{}\".\"{}\"", name.namespace.as_str(), name.table.as_str());
            let rows = RecordBatchIterator::new(rows.into_iter().map(Ok), schema);
            return append(engine, caller, work, &name, Box::new(rows), false);
        }
    }
    let mut each = Vec::new();
    sets.iter().try_for_each(|set| set.append_sets(&mut each))?;
    run_many(engine, caller, work, statement, &each)
}

/// Runs one statement for each set of parameters, in one commit.
///
/// # Errors
/// `0A000` for statements that change no rows, and what the statement raises.
pub(crate) fn run_many(
    engine: &Arc<Engine>,
    caller: &Caller,
    work: &mut Work,
    statement: &Statement,
    sets: &[Vec<ScalarValue>],
) -> Result<u64> {
    engine.check_open()?;
    authorize(statement, caller.role)?;
    if statement.returns_changed_rows() {
        return Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "RETURNING with many sets of parameters is not supported",
        )
        .with_hint("run the statement once for each set, or with several rows in VALUES"));
    }
    following_catalog(engine, || run_many_once(engine, caller, work, statement, sets))
}

fn run_many_once(
    engine: &Arc<Engine>,
    caller: &Caller,
    work: &mut Work,
    statement: &Statement,
    sets: &[Vec<ScalarValue>],
) -> Result<u64> {
    match statement {
        Statement::Insert(insert) => insert_many(engine, caller, work, insert, sets),
        Statement::Update(update) => each(engine, work, sets, |work, set| {
            dml::update::run(engine, caller, work, update, set)
        }),
        Statement::Delete(delete) => each(engine, work, sets, |work, set| {
            dml::delete::run(engine, caller, work, delete, set)
        }),
        Statement::Merge(merge) => {
            each(engine, work, sets, |work, set| dml::merge::run(engine, caller, work, merge, set))
        }
        Statement::ExecuteAs(execute) => {
            user::execute_as::run_many(engine, caller, work, execute, sets)
        }
        other => Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("{} cannot run with many sets of parameters", other.name()),
        )
        .with_hint("INSERT, UPDATE, DELETE and MERGE can")),
    }
}

/// Inserts all rows at once where that is the same as one set after another.
fn insert_many(
    engine: &Arc<Engine>,
    caller: &Caller,
    work: &mut Work,
    insert: &Insert,
    sets: &[Vec<ScalarValue>],
) -> Result<u64> {
    let affected = |result: QueryResult| result.rows_affected().unwrap_or(0);
    if dml::insert::is_batch(insert) {
        match dml::insert::run_many(engine, caller, work, insert, sets).map(affected) {
            // A key occurs twice: the second set finds what the first one wrote.
            Err(e) if e.sqlstate() == SqlState::CARDINALITY_VIOLATION => {}
            done => return done,
        }
    }
    each(engine, work, sets, |work, set| dml::insert::run(engine, caller, work, insert, set))
}

/// Runs a statement for one set of parameters after another, each on what the earlier
/// ones left, in one commit.
fn each(
    engine: &Engine,
    work: &mut Work,
    sets: &[Vec<ScalarValue>],
    statement: impl Fn(&mut Work, &[ScalarValue]) -> Result<QueryResult>,
) -> Result<u64> {
    work.together(engine, |work| {
        sets.iter().try_fold(0, |affected, set| {
            Ok(affected + statement(work, set)?.rows_affected().unwrap_or(0))
        })
    })
}

/// Appends Arrow data to the table with this name, qualified or not.
///
/// # Errors
/// `42P01`, and what INSERT raises.
pub(crate) fn append(
    engine: &Arc<Engine>,
    caller: &Caller,
    work: &mut Work,
    table: &str,
    data: Box<dyn RecordBatchReader + Send>,
    upsert: bool,
) -> Result<u64> {
    let name = parse_table_name(table)?;
    let resolve = || resolve_table(engine, caller, &name, TableAction::Write);
    // Nothing is read for a table that is not there.
    resolve()?;
    let mut rows = dml::append::AppendedRows::new(data, engine.options.ingest_rows_min)?;
    let taken = if upsert { Taken::Replace } else { Taken::Refuse };
    following_catalog(engine, || {
        dml::append::run(engine, caller, work, &resolve()?, &mut rows, taken)
    })
}

/// The namespace that USE names.
///
/// # Errors
/// `3F000`, `42501`.
pub(crate) fn use_namespace(engine: &Engine, caller: &Caller, name: &str) -> Result<String> {
    authorize_namespace(name, caller.role)?;
    if engine.registry.has_namespace(name) {
        Ok(name.to_owned())
    } else {
        Err(undefined_namespace(name))
    }
}
