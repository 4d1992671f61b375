//! `PREPARE`, `EXECUTE` and `DEALLOCATE`: the prepared statements of a session.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{Expr, Parens, SetExpr, Values};
use parking_lot::Mutex;

use super::Params;
use super::built_query::query_of;
use super::caller::Caller;
use super::engine::Engine;
use super::handlers::query::select;
use super::literal_type::cast_value;
use super::plan_error::from_datafusion;
use super::prepared_statement::PreparedStatement;
use super::query_shape::{literal, parameter_index};
use super::statement::{Execute, Prepare};
use super::work::Work;
use crate::model::KalamDataType;
use crate::{Error, Result, SqlState};

/// The statements that a session prepared, by name.
#[derive(Default)]
pub(crate) struct PreparedNames(Mutex<HashMap<String, Arc<Named>>>);

struct Named {
    statement: Arc<PreparedStatement>,
    /// The types that PREPARE declared, for the first parameters.
    types: Vec<KalamDataType>,
}

impl PreparedNames {
    /// Keeps a statement under its name.
    ///
    /// # Errors
    /// `42P05` if the name is taken, `42P02` for more types than parameters, and what
    /// the statement gets wrong.
    pub(crate) fn prepare(
        &self,
        engine: &Arc<Engine>,
        caller: &Caller,
        prepare: &Prepare,
    ) -> Result<()> {
        let count = prepare.statement.placeholders.count;
        if prepare.types.len() > count {
            return Err(Error::new(
                SqlState::UNDEFINED_PARAMETER,
                format!("PREPARE declares {} types for {count} parameters", prepare.types.len()),
            ));
        }
        let statement = PreparedStatement::new(engine, caller, prepare.statement.clone())?;
        let named = Named { statement: Arc::new(statement), types: prepare.types.clone() };
        let mut names = self.0.lock();
        if names.contains_key(&prepare.name) {
            return Err(Error::new(
                SqlState::DUPLICATE_PREPARED_STATEMENT,
                format!("prepared statement \"{}\" exists already", prepare.name),
            )
            .with_hint("DEALLOCATE it first, or use another name"));
        }
        names.insert(prepare.name.clone(), Arc::new(named));
        Ok(())
    }

    /// The statement that EXECUTE names, with the values it gives.
    ///
    /// # Errors
    /// `26000` for an unknown name, `42P02` for a wrong number of values, and what
    /// their expressions get wrong.
    pub(crate) fn find(
        &self,
        engine: &Arc<Engine>,
        caller: &Caller,
        execute: &Execute,
        params: &[ScalarValue],
    ) -> Result<(Arc<PreparedStatement>, Params)> {
        let named = self.0.lock().get(&execute.name).cloned();
        let named = named.ok_or_else(|| undefined(&execute.name))?;
        let mut values = Vec::with_capacity(execute.values.len());
        for (index, expr) in execute.values.iter().enumerate() {
            let value = value(engine, caller, expr, params)?;
            values.push(match named.types.get(index) {
                Some(data_type) => cast_value(&value, data_type)?,
                None => value,
            });
        }
        let names = &named.statement.parsed().placeholders.names;
        let params = if names.is_empty() || names.len() != values.len() {
            Params::Positional(values)
        } else {
            Params::Named(names.iter().cloned().zip(values).collect())
        };
        Ok((named.statement.clone(), params))
    }

    /// Forgets a statement, or all.
    ///
    /// # Errors
    /// `26000` for an unknown name.
    pub(crate) fn deallocate(&self, name: Option<&str>) -> Result<()> {
        let mut names = self.0.lock();
        match name {
            None => names.clear(),
            Some(name) => {
                names.remove(name).ok_or_else(|| undefined(name))?;
            }
        }
        Ok(())
    }
}

fn undefined(name: &str) -> Error {
    Error::new(
        SqlState::UNDEFINED_PREPARED_STATEMENT,
        format!("prepared statement \"{name}\" does not exist"),
    )
    .with_hint("PREPARE keeps statements for one session")
}

/// The value of an expression without columns.
fn value(
    engine: &Arc<Engine>,
    caller: &Caller,
    expr: &Expr,
    params: &[ScalarValue],
) -> Result<ScalarValue> {
    if let Some(value) = literal(expr) {
        return Ok(value);
    }
    if let Expr::Value(value) = expr
        && let Some(value) = parameter_index(&value.value).and_then(|index| params.get(index))
    {
        return Ok(value.clone());
    }
    let rows = vec![Parens::with_empty_span(vec![expr.clone()])];
    let values = Values { explicit_row: false, rows, value_keyword: false };
    let query = query_of(SetExpr::Values(values));
    let view = Work::default().view(engine)?;
    let batches = select::collect(engine, caller, &query, params, view)?;
    let row = batches.iter().find(|batch| batch.num_rows() == 1).ok_or_else(|| {
        Error::new(SqlState::INTERNAL_ERROR, "an expression of EXECUTE gave no value")
    })?;
    ScalarValue::try_from_array(row.column(0), 0).map_err(from_datafusion)
}
