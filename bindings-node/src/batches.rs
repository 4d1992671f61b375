//! `Batches`: rows that are there, and the forms that they go out in.

use std::cell::RefCell;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::buffer::MutableBuffer;
use arrow::compute::concat_batches;
use arrow::datatypes::{Schema, SchemaRef};
use kalam_core::{Error, QueryResult, Result, SqlState};
use napi::Env;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;

use crate::buffer::{Export, own_bytes, portable};
use crate::call;
use crate::error::{exception, outcome};
use crate::ipc;
use crate::js::{Js, Raw};
use crate::schema::{names, types};
use crate::stream::Stream;
use crate::typed_form::typed_form;
use crate::value::{Int64, column, value};

/// How a statement answers.
#[derive(Clone, Copy)]
pub enum Form {
    /// All rows.
    Batches,
    /// All rows as bytes of Arrow IPC.
    Ipc,
    /// Rows as they are asked for.
    Stream,
}

impl Form {
    /// By the number that the JavaScript half gives it.
    pub fn of(form: u32) -> Form {
        match form {
            1 => Form::Ipc,
            2 => Form::Stream,
            _ => Form::Batches,
        }
    }
}

/// The answer of a statement.
pub enum Answer {
    /// All rows.
    Batches(Batches),
    /// All rows as bytes of Arrow IPC.
    Ipc(Vec<u8>),
    /// Rows as they are asked for.
    Stream(Box<Stream>),
}

impl Answer {
    /// Reads a result, on the thread that works for the call.
    ///
    /// # Errors
    /// What the query raises while it runs.
    pub fn of(mut result: QueryResult, form: Form) -> Result<Answer> {
        if matches!(form, Form::Stream) {
            return Ok(Answer::Stream(Box::new(Stream::new(result))));
        }
        call::reads(&result.cancel_handle());
        let (schema, rows_affected) = (result.schema(), result.rows_affected());
        let mut batches = Vec::new();
        while let Some(batch) = result.next_batch()? {
            if batch.num_rows() > 0 {
                batches.push(batch);
            }
        }
        // The schema of the batches knows more than that of a plan with parameters of any type.
        let schema = batches.first().map_or(schema, RecordBatch::schema);
        match form {
            Form::Ipc => ipc::write(&schema, &batches).map(Answer::Ipc),
            _ => Ok(Answer::Batches(Batches::new(schema, rows_affected, batches))),
        }
    }

    /// The answer for JavaScript.
    pub fn into_raw(js: Js, answer: Answer) -> napi::Result<Raw> {
        match answer {
            Answer::Batches(batches) => js.instance(batches),
            Answer::Stream(stream) => js.instance(*stream),
            Answer::Ipc(bytes) => own_bytes(js, MutableBuffer::from(bytes)),
        }
    }
}

/// Rows of one result.
#[napi]
pub struct Batches {
    schema: SchemaRef,
    rows_affected: Option<u64>,
    /// `None`: handed out.
    batches: RefCell<Option<Vec<RecordBatch>>>,
}

impl Batches {
    /// Batches that nothing else holds.
    pub fn new(schema: SchemaRef, rows_affected: Option<u64>, batches: Vec<RecordBatch>) -> Self {
        Batches { schema, rows_affected, batches: RefCell::new(Some(batches)) }
    }

    /// The values of the first row of the first batch.
    pub fn first_row(&self, js: Js, int64: Int64) -> napi::Result<Raw> {
        self.read(js, |batches| {
            let columns = batches.first().map_or(&[][..], RecordBatch::columns);
            let row = js.array(columns.len())?;
            for (place, column) in columns.iter().enumerate() {
                js.put(row, place, value(js, column, 0, int64)?)?;
            }
            Ok(row)
        })
    }

    fn read<T>(
        &self,
        js: Js,
        read: impl FnOnce(&[RecordBatch]) -> napi::Result<T>,
    ) -> napi::Result<T> {
        match &*self.batches.borrow() {
            Some(batches) => read(batches),
            None => Err(exception(js, &handed_out())),
        }
    }

    fn schema_ipc(&self, js: Js) -> napi::Result<Raw> {
        let empty = RecordBatch::new_empty(self.schema.clone());
        let (schema, _) = outcome(js, portable_batch(empty))?;
        js.bytes(&outcome(js, ipc::write(&schema, &[]))?)
    }

    fn take(&self, js: Js) -> napi::Result<Vec<RecordBatch>> {
        outcome(js, self.batches.borrow_mut().take().ok_or_else(handed_out))
    }
}

#[napi]
impl Batches {
    /// Rows that the statement changed, or null.
    #[napi(getter)]
    #[allow(clippy::cast_precision_loss, reason = "nobody changes 2^53 rows")]
    pub fn rows_affected(&self) -> Option<f64> {
        self.rows_affected.map(|rows| rows as f64)
    }

    /// The names of the columns.
    #[napi(getter)]
    pub fn names(&self) -> Vec<String> {
        names(&self.schema)
    }

    /// The SQL types of the columns.
    #[napi(getter)]
    pub fn types(&self) -> Vec<String> {
        types(&self.schema)
    }

    /// How many rows there are.
    #[napi(getter)]
    #[allow(clippy::cast_precision_loss, reason = "memory holds less than 2^53 rows")]
    pub fn row_count(&self, env: &Env) -> napi::Result<f64> {
        self.read(Js::new(env), |batches| {
            Ok(batches.iter().map(RecordBatch::num_rows).sum::<usize>() as f64)
        })
    }

    /// For each batch its number of rows and the values of each column.
    #[napi]
    pub fn values<'env>(&self, env: &'env Env, int64: u32) -> napi::Result<Unknown<'env>> {
        let js = Js::new(env);
        let int64 = Int64::of(int64);
        self.read(js, |batches| {
            let all = js.array(batches.len())?;
            for (place, batch) in batches.iter().enumerate() {
                js.scoped(|| js.put(all, place, batch_values(js, batch, int64)?))?;
            }
            Ok(js.unknown(all))
        })
    }

    /// The bytes of Arrow IPC.
    #[napi]
    pub fn ipc<'env>(&self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        let js = Js::new(env);
        self.read(js, |batches| {
            let bytes = outcome(js, ipc::write(&self.schema, batches))?;
            Ok(js.unknown(own_bytes(js, MutableBuffer::from(bytes))?))
        })
    }

    /// Hands the memory of the batches out: the schema as Arrow IPC, or null, then what
    /// `Export::finish` says.
    #[napi]
    pub fn export<'env>(
        &self,
        env: &'env Env,
        zero_copy: bool,
        with_schema: bool,
    ) -> napi::Result<Unknown<'env>> {
        let js = Js::new(env);
        let batches = self.take(js)?;
        let mut exported = Export::new(js, zero_copy)?;
        for batch in batches {
            let (_, batch) = outcome(js, portable_batch(batch))?;
            js.scoped(|| exported.batch(batch))?;
        }
        let schema = if with_schema { self.schema_ipc(js)? } else { js.null()? };
        Ok(js.unknown(exported.finish(schema)?))
    }

    /// The same of all batches as one, which several are copied for, with the form of each
    /// column instead of the schema.
    #[napi]
    pub fn export_gathered<'env>(
        &self,
        env: &'env Env,
        zero_copy: bool,
    ) -> napi::Result<Unknown<'env>> {
        let js = Js::new(env);
        let forms: Result<Vec<String>> = self.schema.fields().iter().map(typed_form).collect();
        let forms = outcome(js, forms)?;
        let batches = self.take(js)?;
        let (_, batch) = outcome(js, gather(&self.schema, batches).and_then(portable_batch))?;
        let mut exported = Export::new(js, zero_copy)?;
        exported.batch(batch)?;
        Ok(js.unknown(exported.finish(texts(js, &forms)?)?))
    }

    /// Lets go of the rows.
    #[napi]
    pub fn free(&self) {
        self.batches.borrow_mut().take();
    }
}

fn gather(schema: &SchemaRef, mut batches: Vec<RecordBatch>) -> Result<RecordBatch> {
    if batches.len() == 1 {
        return Ok(batches.remove(0));
    }
    concat_batches(schema, &batches)
        .map_err(|error| Error::new(SqlState::FEATURE_NOT_SUPPORTED, error.to_string()))
}

fn texts(js: Js, texts: &[String]) -> napi::Result<Raw> {
    let array = js.array(texts.len())?;
    for (place, text) in texts.iter().enumerate() {
        js.put(array, place, js.text(text)?)?;
    }
    Ok(array)
}

fn batch_values(js: Js, batch: &RecordBatch, int64: Int64) -> napi::Result<Raw> {
    let values = js.array(batch.num_columns() + 1)?;
    js.put(values, 0, count(js, batch.num_rows())?)?;
    for (place, array) in batch.columns().iter().enumerate() {
        js.put(values, place + 1, column(js, array, int64)?)?;
    }
    Ok(values)
}

fn count(js: Js, rows: usize) -> napi::Result<Raw> {
    #[expect(clippy::cast_precision_loss, reason = "memory holds less than 2^53 rows")]
    js.number(rows as f64)
}

/// The batch in types that arrow-js has, with nothing left of what held it.
fn portable_batch(batch: RecordBatch) -> Result<(SchemaRef, RecordBatch)> {
    let schema = batch.schema();
    let (fields, columns): (Vec<_>, Vec<ArrayRef>) = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(field, column)| portable(field, column))
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .unzip();
    let rows = batch.num_rows();
    drop(batch);
    let schema = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
    let batch = RecordBatch::try_new_with_options(schema.clone(), columns, &options)
        .map_err(|e| Error::new(SqlState::INTERNAL_ERROR, e.to_string()))?;
    Ok((schema, batch))
}

fn handed_out() -> Error {
    Error::new(SqlState::CONNECTION_CLOSED, "the batch was handed out")
        .with_hint("arrow() and columns() give its memory away; call one of them once")
}
