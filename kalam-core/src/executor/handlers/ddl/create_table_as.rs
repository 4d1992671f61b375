//! `CREATE TABLE .. AS`.

use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{DataType as SqlDataType, Query};
use datafusion::sql::sqlparser::parser::Parser;

use super::create_table::new_name;
use crate::activity::Activity;
use crate::catalog::Table;
use crate::executor::QueryResult;
use crate::executor::batch_stream::BatchStream;
use crate::executor::caller::Caller;
use crate::executor::column_names::name_columns;
use crate::executor::define_table::define_table;
use crate::executor::dialect::KalamDialect;
use crate::executor::engine::Engine;
use crate::executor::handlers::dml::{InsertTarget, Inserted};
use crate::executor::handlers::query::select::prepare;
use crate::executor::resolve::write_scope;
use crate::executor::result_columns::result_columns;
use crate::executor::row_writer::RowWriter;
use crate::executor::statement::{ColumnSpec, CreateTable, CreateTableAs};
use crate::flush::TableOfIngest;
use crate::model::{KalamDataType, TableName};
use crate::store::{View, WriteSet};
use crate::{Error, Result, SqlState};

/// Creates a table with the columns and the rows of a query, which nobody sees apart:
/// both are one commit. The rows of a USER or STREAM table are the caller's. Many rows go
/// straight to segments, as those of an INSERT do.
///
/// # Errors
/// `3F000`, `42P07`, what the definition gets wrong, and what the query does.
pub(crate) fn run(
    engine: &Arc<Engine>,
    caller: &Caller,
    statement: &CreateTableAs,
    params: &[ScalarValue],
) -> Result<QueryResult> {
    let create = &statement.create;
    let name = new_name(engine, caller, &create.table)?;
    let at = |e: Error| e.with_position(create.table.position);
    if engine.registry.relation(name.namespace.as_str(), name.table.as_str()).is_ok() {
        return if create.if_not_exists {
            Ok(QueryResult::empty())
        } else {
            Err(at(Error::new(
                SqlState::DUPLICATE_TABLE,
                format!("table \"{name}\" exists already"),
            )
            .with_hint("use IF NOT EXISTS, or another name")))
        };
    }
    let mut query = Query::clone(&statement.query);
    name_columns(&mut query, &statement.names)?;
    let view = engine.store.view();
    let planner = prepare(engine, caller, &mut query, view.clone())?;
    let plan = planner.logical(query, params)?;
    let schema = planner.optimize(&plan)?.schema().inner().clone();
    let table = Arc::new(define(engine, statement, name, &schema)?);
    let done = if statement.with_data {
        let stream = BatchStream::new(planner.stream(&plan)?);
        fill(engine, caller, &table, &view, stream).map(QueryResult::affected)
    } else {
        let set = created(engine, caller, &table, false);
        engine.store.commit(set).map_err(Error::from).map(|_| QueryResult::empty())
    };
    match done {
        Err(e) if e.sqlstate() == SqlState::DUPLICATE_TABLE && create.if_not_exists => {
            Ok(QueryResult::empty())
        }
        Err(e) if e.sqlstate() == SqlState::DUPLICATE_TABLE => Err(at(e)),
        done => done,
    }
}

/// The table that the query's columns make.
fn define(
    engine: &Engine,
    statement: &CreateTableAs,
    name: TableName,
    schema: &Schema,
) -> Result<Table> {
    let columns = result_columns(schema, &statement.names)?;
    let position = statement.create.table.position;
    let columns = columns.into_iter().map(|(name, data_type)| {
        Ok(ColumnSpec {
            name: name.as_str().to_owned(),
            position,
            data_type: written(&data_type)?,
            type_position: position,
            not_null: None,
            default: None,
            primary_key: false,
            checks: Vec::new(),
            uniques: Vec::new(),
            identity: false,
            comment: None,
        })
    });
    let create =
        CreateTable { columns: columns.collect::<Result<_>>()?, ..statement.create.clone() };
    let id = engine.registry.next_table_id();
    let definition = define_table(&create, name, id, engine.clock.now_ms())?;
    engine.registry.derive(Arc::new(definition))
}

/// A type as CREATE TABLE writes it.
fn written(data_type: &KalamDataType) -> Result<SqlDataType> {
    let dialect = KalamDialect::default();
    Parser::new(&dialect)
        .try_with_sql(&data_type.to_string())
        .and_then(|mut parser| parser.parse_data_type())
        .map_err(|e| {
            Error::new(SqlState::INTERNAL_ERROR, format!("type {data_type} does not parse"))
                .with_source(e)
        })
}

/// Commits the table with its rows, and returns how many they are.
fn fill(
    engine: &Arc<Engine>,
    caller: &Caller,
    table: &Arc<Table>,
    view: &Arc<View>,
    mut stream: BatchStream,
) -> Result<u64> {
    let user = write_scope(engine, caller, table)?;
    let names = table.definition.columns.iter().map(|column| column.name.as_str());
    let target = InsertTarget::new(engine, caller, table, names)?;
    let mut writer = RowWriter::new(engine, table, user, view.clone())?;
    let activity = Activity::current().unwrap_or_default();
    let next = &mut || stream.next(engine.runtime(), &activity);
    let set = || created(engine, caller, table, true);
    match target.insert_into(view, &mut writer, next, TableOfIngest::New(&set))? {
        Inserted::Committed(rows) => Ok(rows),
        Inserted::Written(rows) => writer.commit_with(set()).map(|_| rows),
    }
}

/// The table's part of the commit.
fn created(engine: &Engine, caller: &Caller, table: &Arc<Table>, filled: bool) -> WriteSet {
    let mut set = engine.registry.add_table(table, filled);
    let name = table.definition.name.to_string();
    engine.audit.add(&mut set, caller.did("CREATE TABLE AS", Some(name)));
    set
}
