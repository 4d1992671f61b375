//! `COPY FROM`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::kernels::zip::zip;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::ScalarValue;

use crate::backup::outside_of;
use crate::error::io_error;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::copy_statement::CopyFrom;
use crate::executor::engine::Engine;
use crate::executor::file_format::{FileBatch, FileLayout, FileReader};
use crate::executor::gateway::TableAction;
use crate::executor::handlers::dml::InsertTarget;
use crate::executor::resolve::{resolve_table, write_scope};
use crate::executor::work::Work;
use crate::model::{assign, check_not_null};
use crate::{Error, Result, SqlState};

/// Inserts the rows of a file: all of them or none. A column that the file or a JSON
/// object does not have takes its default.
///
/// # Errors
/// `58030` if the file cannot be read, `22023` if it is no file or lies in the database,
/// `22P04` if it is not of its format, and what INSERT raises, with the line.
pub(crate) fn run(
    engine: &Arc<Engine>,
    caller: &Caller,
    work: &mut Work,
    statement: &CopyFrom,
    params: &[ScalarValue],
) -> Result<QueryResult> {
    let table = resolve_table(engine, caller, &statement.table, TableAction::Write)?;
    let named: Vec<&str> = statement.columns.iter().map(|(name, _)| name.as_str()).collect();
    let target = |names: &[&str]| {
        InsertTarget::new(engine, caller, &table, names.iter().copied())
            .map_err(|e| e.with_position(statement.table.position))
    };
    target(&named)?;
    let path = source(engine, Path::new(statement.path.path(params)?))?;
    let layout = FileLayout::new(&statement.options, &path)?;
    let record = caller.did("COPY FROM", Some(table.definition.name.to_string()));
    engine.audit.write(record.with_detail(format!("from {}", path.display())))?;
    let user = write_scope(engine, caller, &table)?;
    let rows = work.write(engine, &table, user, |view, writer| {
        let (reader, names) = layout.open(&path, &table, &named)?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let target = target(&names)?;
        let mut rows = FileRows::new(&path, reader, &target, names.len());
        target.insert_all(view, writer, &mut || rows.next())
    })?;
    Ok(QueryResult::affected(rows))
}

/// The file, by its canonical path.
fn source(engine: &Engine, path: &Path) -> Result<PathBuf> {
    let found = path.canonicalize().map_err(|e| io_error("open", path, e))?;
    // A pipe or a device may never end.
    if !found.is_file() {
        return Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("\"{}\" is no regular file", path.display()),
        ));
    }
    outside_of(found.parent().unwrap_or(&found), &engine.tier.folders())?;
    Ok(found)
}

/// The rows of a file, fitted to the columns of a table.
struct FileRows<'a> {
    path: &'a Path,
    reader: Box<dyn FileReader>,
    target: &'a InsertTarget<'a>,
    schema: SchemaRef,
    table: String,
    /// Rows of earlier batches.
    before: usize,
}

impl<'a> FileRows<'a> {
    fn new(
        path: &'a Path,
        reader: Box<dyn FileReader>,
        target: &'a InsertTarget<'a>,
        columns: usize,
    ) -> FileRows<'a> {
        let field = |place| target.column_of(place).arrow_field().with_nullable(true);
        let schema = Arc::new(Schema::new((0..columns).map(field).collect::<Vec<_>>()));
        let table = target.table().definition.name.to_string();
        FileRows { path, reader, target, schema, table, before: 0 }
    }

    fn next(&mut self) -> Result<Option<RecordBatch>> {
        let Some(batch) = self.reader.next()? else { return Ok(None) };
        let column = |place: usize| {
            let missing = batch.missing.get(place);
            self.fitted(place, &batch.columns[place], missing)
                .map_err(|e| self.located(e, &batch, place))
        };
        let columns = (0..batch.columns.len()).map(column).collect::<Result<Vec<_>>>()?;
        self.before += batch.rows;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.rows));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options).map(Some).map_err(
            |e| {
                Error::new(SqlState::INTERNAL_ERROR, "rows of a file do not fit their table")
                    .with_source(e)
            },
        )
    }

    /// Values as those of a column, and defaults where they are missing.
    fn fitted(
        &self,
        place: usize,
        values: &ArrayRef,
        missing: Option<&BooleanArray>,
    ) -> Result<ArrayRef> {
        let column = self.target.column_of(place);
        let mut array = assign(column, values)?;
        if let Some(missing) = missing.filter(|missing| missing.true_count() > 0) {
            let default = self.target.default_of(place, array.len())?;
            array = zip(missing, &default, &array).map_err(|e| {
                Error::new(SqlState::INTERNAL_ERROR, "defaults do not fit their column")
                    .with_source(e)
            })?;
        }
        check_not_null(column, &self.table, &array)?;
        Ok(array)
    }

    /// The error for values of a column, with the place of the first that is wrong.
    fn located(&self, error: Error, batch: &FileBatch, place: usize) -> Error {
        let alone = |row: usize| {
            let missing = batch.missing.get(place).map(|missing| missing.slice(row, 1));
            let value = batch.columns[place].slice(row, 1);
            self.fitted(place, &value, missing.as_ref()).err().map(|e| (row, e))
        };
        let Some((row, of_row)) = (0..batch.rows).find_map(alone) else { return error };
        let at = match batch.lines.get(row) {
            Some(line) => format!("line {line}"),
            None => format!("row {}", self.before + row + 1),
        };
        let message = format!("{at} of file \"{}\": {}", self.path.display(), of_row.message());
        let mut located = Error::new(of_row.sqlstate(), message);
        if let Some(detail) = of_row.detail() {
            located = located.with_detail(detail);
        }
        match of_row.hint() {
            Some(hint) => located.with_hint(hint.to_owned()),
            None => located,
        }
    }
}
