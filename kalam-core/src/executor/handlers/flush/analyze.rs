//! `ANALYZE`.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, UInt64Type};
use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, Expr, SelectItem, SetExpr, TableWithJoins, Value,
};

use crate::catalog::{ColumnDefinition, Table};
use crate::executor::QueryResult;
use crate::executor::all_rows::scopes;
use crate::executor::built_query::{call_of, query_of, quoted, relation_of, select_of};
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::gateway::TableAction;
use crate::executor::planner::{Planner, TARGET_RELATION};
use crate::executor::resolve::resolve_table;
use crate::executor::retry::retrying;
use crate::executor::statement::TableRef;
use crate::executor::text_table::TextTable;
use crate::flush::{AnalyzedColumn, ScopeEdit, ScopeStatistics};
use crate::jobs::{JobKind, JobReport, NewJob};
use crate::model::{KalamDataType, ScopeId, UserKey};
use crate::store::{View, WriteSet};
use crate::{Error, Result, SqlState};

/// Fewer rows of a user are not worth statistics: whatever plan reads them is quick.
const ROWS_MIN: u64 = 1_000;

/// Counts the distinct values and the NULLs of each column, of one table or all, and keeps
/// them for planning, over a reopen too. Of a table with rows of many users each user with
/// 1,000 rows and more is looked at by themselves. Reads the rows; columns without an order,
/// such as EMBEDDING, are left out.
///
/// Returns a row for each table: `table` TEXT, `rows` BIGINT (that were read), `owners`
/// BIGINT (that were looked at), `job_id` TEXT.
///
/// # Errors
/// `42P01`, `XX001`, `57014` if the job is killed.
pub(crate) fn run(
    engine: &Engine,
    caller: &Caller,
    table: Option<&TableRef>,
) -> Result<QueryResult> {
    let (subject, tables) = match table {
        Some(table) => {
            let table = resolve_table(engine, caller, table, TableAction::Read)?;
            (table.definition.name.to_string(), vec![table])
        }
        None => ("all tables".to_owned(), engine.registry.tables()?),
    };
    let object = table.is_some().then(|| subject.clone());
    engine.audit.write(caller.did("ANALYZE", object))?;
    let mut reports = Vec::with_capacity(tables.len());
    let (id, _) = engine.jobs.run(&NewJob::of_statement(JobKind::Analyze, &subject), |_| {
        let mut total = JobReport::default();
        for table in &tables {
            let report = analyze(engine, caller, table)?;
            total.rows += report.rows;
            reports.push(report);
        }
        Ok(total)
    })?;
    Ok(QueryResult::ready(
        TextTable::default()
            .texts("table", tables.iter().map(|table| &table.definition.name))
            .numbers("rows", reports.iter().map(|report| report.rows))
            .numbers("owners", reports.iter().map(|report| report.owners))
            .texts("job_id", tables.iter().map(|_| id))
            .finish(),
    ))
}

#[derive(Default)]
struct Report {
    rows: u64,
    owners: u64,
}

fn analyze(engine: &Engine, caller: &Caller, table: &Arc<Table>) -> Result<Report> {
    let mut report = Report::default();
    for user in scopes(engine, table, &engine.store.view())? {
        if let Some(rows) = retrying(|| analyze_owner(engine, caller, table, user))? {
            report.rows += rows;
            report.owners += 1;
        }
    }
    Ok(report)
}

/// Looks at the rows of one owner. `None`: they are too few.
fn analyze_owner(
    engine: &Engine,
    caller: &Caller,
    table: &Arc<Table>,
    user: UserKey,
) -> Result<Option<u64>> {
    let view = engine.store.view();
    // A definition that is current after the view was taken knows every row of it.
    let table = &engine.registry.current(table)?;
    let scope = ScopeId { table: table.definition.id, user };
    if table.definition.is_per_user() && !is_worth(engine, table, scope, &view)? {
        return Ok(None);
    }
    let columns: Vec<&ColumnDefinition> =
        table.definition.columns.iter().filter(|column| is_counted(column)).collect();
    let planner = Planner::new(engine, caller, view.clone()).with_target(table, user)?;
    let mut counts = vec![call_of("count", vec![Expr::value(Value::Number("1".into(), false))])];
    for column in &columns {
        counts.push(call_of("approx_distinct", vec![hashed(column)]));
        counts.push(call_of("count", vec![named(column)]));
    }
    let counts = counts.into_iter().enumerate();
    let projection = counts
        .map(|(index, expr)| SelectItem::ExprWithAlias {
            expr,
            alias: quoted(&format!("c{index}")),
        })
        .collect();
    let relation = relation_of(TARGET_RELATION, Some(table.definition.name.table.as_str()));
    let from = vec![TableWithJoins { relation, joins: Vec::new() }];
    let query = query_of(SetExpr::Select(Box::new(select_of(projection, from, None))));
    let found = engine.collect(planner.stream(&planner.logical(query, &[])?)?)?;
    let statistics = statistics_of(&found, &columns, engine.clock.now_ms())?;
    let rows = statistics.rows;
    let mut edit = ScopeEdit::new(&engine.tier.manifest, scope);
    edit.expect_emptied(engine.tier.manifest.scope(scope, &view)?.emptied);
    edit.analyzed(statistics);
    let mut set = WriteSet::default();
    set.changes.push(engine.registry.unchanged(table));
    set.changes.push(Box::new(edit));
    engine.store.commit(set)?;
    Ok(Some(rows))
}

/// Whether an owner has the rows that are worth it.
fn is_worth(engine: &Engine, table: &Table, scope: ScopeId, view: &View) -> Result<bool> {
    let manifest = engine.tier.manifest.scope(scope, view)?;
    let mut rows: u64 = manifest.segments.iter().map(|segment| segment.live_rows()).sum();
    let prefix = table.scope_prefix(scope.user);
    let mut cursor = view.hot_cursor(&prefix, &crate::store::prefix_end(&prefix));
    while rows < ROWS_MIN && cursor.entry()?.is_some() {
        rows += 1;
        cursor.advance();
    }
    Ok(rows >= ROWS_MIN)
}

fn is_counted(column: &ColumnDefinition) -> bool {
    !matches!(column.data_type, KalamDataType::Embedding(_) | KalamDataType::List(_))
}

fn named(column: &ColumnDefinition) -> Expr {
    Expr::Identifier(quoted(column.name.as_str()))
}

/// The value as the sketch takes it, which knows no floats.
fn hashed(column: &ColumnDefinition) -> Expr {
    match column.data_type {
        KalamDataType::Float | KalamDataType::Double => Expr::Cast {
            kind: CastKind::Cast,
            expr: Box::new(named(column)),
            data_type: DataType::Text,
            array: false,
            format: None,
        },
        _ => named(column),
    }
}

fn statistics_of(
    found: &[RecordBatch],
    columns: &[&ColumnDefinition],
    analyzed_at_ms: i64,
) -> Result<ScopeStatistics> {
    let unexpected = || Error::new(SqlState::INTERNAL_ERROR, "the counts of a table are missing");
    let row = found.iter().find(|batch| batch.num_rows() == 1).ok_or_else(unexpected)?;
    let number = |index: usize| {
        let column = row.column(index);
        let signed = column.as_primitive_opt::<Int64Type>().map(|c| c.value(0).unsigned_abs());
        signed
            .or_else(|| column.as_primitive_opt::<UInt64Type>().map(|c| c.value(0)))
            .filter(|_| column.is_valid(0))
            .ok_or_else(unexpected)
    };
    let rows = number(0)?;
    let of_column = |(index, column): (usize, &&ColumnDefinition)| {
        let filled = number(2 * index + 2)?;
        Ok(AnalyzedColumn {
            column: column.id,
            distinct: number(2 * index + 1)?.min(filled),
            nulls: rows.saturating_sub(filled),
        })
    };
    let columns = columns.iter().enumerate().map(of_column).collect::<Result<Vec<_>>>()?;
    Ok(ScopeStatistics { rows, columns, analyzed_at_ms })
}
