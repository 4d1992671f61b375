//! `Statement`: SQL that was parsed and looked up before it runs.

use std::sync::Arc;

use kalam_core::model::KalamDataType;
use kalam_core::{PreparedStatement, Result, Session};
use napi::Env;
use napi::bindgen_prelude::{Object, Unknown};
use napi_derive::napi;

use crate::batches::{Answer, Batches, Form};
use crate::call::{Call, drop_detached, promise};
use crate::connect::milliseconds;
use crate::connection::OpenSession;
use crate::error::outcome;
use crate::input::{self, Sets};
use crate::js::{Js, raw};
use crate::parameter::params;
use crate::schema::{names, types};
use crate::value::Int64;

/// A statement of a connection; it is closed with it.
#[napi]
pub struct Statement {
    session: OpenSession,
    prepared: Arc<PreparedStatement>,
}

impl Statement {
    /// What a connection prepared.
    pub fn new(session: OpenSession, prepared: PreparedStatement) -> Self {
        Statement { session, prepared: Arc::new(prepared) }
    }

    fn both(&self, env: &Env) -> napi::Result<(Arc<Session>, Arc<PreparedStatement>)> {
        Ok((outcome(Js::new(env), self.session.get())?, self.prepared.clone()))
    }
}

#[napi]
impl Statement {
    /// Runs it as the connection runs its text.
    #[napi]
    pub fn execute<'env>(
        &self,
        env: &'env Env,
        values: Unknown<'_>,
        form: u32,
        timeout: Option<f64>,
        call: Option<&Call>,
    ) -> napi::Result<Object<'env>> {
        let (session, prepared) = self.both(env)?;
        let js = Js::new(env);
        let params = params(js, raw(&values))?;
        let timeout = outcome(js, timeout.map(milliseconds).transpose())?;
        let execute = move |session: &Arc<Session>| {
            let result = session.execute_prepared_within(timeout, &prepared, &params)?;
            Answer::of(result, Form::of(form))
        };
        promise(env, call, session, execute, Answer::into_raw)
    }

    /// Runs it on this thread: the values of the first row, or undefined.
    #[napi]
    pub fn first<'env>(
        &self,
        env: &'env Env,
        values: Unknown<'_>,
        int64: u32,
    ) -> napi::Result<Unknown<'env>> {
        let js = Js::new(env);
        let session = outcome(js, self.session.get())?;
        let params = params(js, raw(&values))?;
        let row = kalam_core::guarded(|| first_row(&session, &self.prepared, &params));
        match outcome(js, row)? {
            Some(batch) => Ok(js.unknown(batch.first_row(js, Int64::of(int64))?)),
            None => Ok(js.unknown(js.undefined()?)),
        }
    }

    /// Runs it for each of many sets of parameters, all or none.
    #[napi]
    pub fn execute_many<'env>(
        &self,
        env: &'env Env,
        sets: Unknown<'_>,
        call: Option<&Call>,
    ) -> napi::Result<Object<'env>> {
        let (session, prepared) = self.both(env)?;
        let sets = input::sets(Js::new(env), raw(&sets))?;
        let execute = move |session: &Arc<Session>| match &sets {
            Sets::Columns(columns) => session.execute_prepared_columns(&prepared, columns),
            Sets::Each(sets) => session.execute_prepared_many(&prepared, sets),
        };
        promise(env, call, session, execute, input::count)
    }

    /// The SQL type of each parameter; null: any.
    #[napi(getter)]
    pub fn parameter_types(&self) -> Vec<Option<String>> {
        let types = self.prepared.parameter_types().into_iter();
        types.map(|known| known.as_ref().map(KalamDataType::name_of_arrow_type)).collect()
    }

    /// The names of parameters `:name`.
    #[napi(getter)]
    pub fn parameter_names(&self) -> Vec<String> {
        self.prepared.parameter_names().to_vec()
    }

    /// The names of the columns of the result.
    #[napi(getter)]
    pub fn names(&self) -> Vec<String> {
        names(&self.prepared.result_schema())
    }

    /// The SQL types of the columns of the result.
    #[napi(getter)]
    pub fn types(&self) -> Vec<String> {
        types(&self.prepared.result_schema())
    }
}

fn first_row(
    session: &Session,
    prepared: &PreparedStatement,
    params: &kalam_core::Params,
) -> Result<Option<Batches>> {
    let mut result = session.execute_prepared(prepared, params)?;
    while let Some(batch) = result.next_batch()? {
        if batch.num_rows() > 0 {
            return Ok(Some(Batches::new(batch.schema(), None, vec![batch])));
        }
    }
    Ok(None)
}

impl Drop for Statement {
    fn drop(&mut self) {
        drop_detached(self.session.clone());
    }
}
