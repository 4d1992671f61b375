//! `REGISTER TABLE`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::ScalarValue;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};

use super::create_table::new_name;
use crate::activity::check_stop;
use crate::backup::outside_of;
use crate::catalog::{RegisteredFile, RegisteredFiles, ViewColumn, ViewDefinition};
use crate::error::io_error;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::statement::RegisterTable;
use crate::model::{KalamDataType, Name};
use crate::scan::modified_us;
use crate::{Error, Result, SqlState};

/// Makes the Parquet files that are at a path now a table that can be read.
///
/// # Errors
/// `42P07` if the name is taken, `58030` if a file cannot be read, `22023` if there is
/// none or it lies in the database, `22P04` if one is no Parquet file, `42804` if their
/// columns differ or have types that columns here cannot have.
pub(crate) fn run(
    engine: &Arc<Engine>,
    caller: &Caller,
    statement: &RegisterTable,
    params: &[ScalarValue],
) -> Result<QueryResult> {
    let name = new_name(engine, caller, &statement.table)?;
    let at = |e: Error| e.with_position(statement.table.position);
    let registry = &engine.registry;
    if registry.relation(name.namespace.as_str(), name.table.as_str()).is_ok() {
        return if statement.if_not_exists {
            Ok(QueryResult::empty())
        } else {
            let message = format!("table \"{name}\" exists already");
            Err(at(Error::new(SqlState::DUPLICATE_TABLE, message)))
        };
    }
    let given = Path::new(statement.path.path(params)?);
    let path = given.canonicalize().map_err(|e| io_error("open", given, e))?;
    let folder = if path.is_dir() { path.as_path() } else { path.parent().unwrap_or(&path) };
    outside_of(folder, &engine.tier.folders())?;
    let (files, columns) = read(&path)?;
    let view = Arc::new(ViewDefinition {
        id: registry.next_table_id(),
        name: name.clone(),
        version: 1,
        columns,
        query: String::new(),
        uses: Vec::new(),
        files: Some(RegisteredFiles { path: text(&path)?, files }),
        created_at_ms: engine.clock.now_ms(),
    });
    let mut set = registry.add_view(&view, None);
    let record = caller.did("REGISTER TABLE", Some(name.to_string()));
    engine.audit.add(&mut set, record.with_detail(format!("from {}", path.display())));
    match engine.store.commit(set).map_err(Error::from) {
        Err(e) if e.sqlstate() == SqlState::DUPLICATE_TABLE && statement.if_not_exists => {
            Ok(QueryResult::empty())
        }
        Err(e) if e.sqlstate() == SqlState::DUPLICATE_TABLE => Err(at(e)),
        done => done.map(|_| QueryResult::empty()),
    }
}

fn refused(message: String) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

fn text(path: &Path) -> Result<String> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| refused(format!("path \"{}\" is not valid UTF-8", path.display())))
}

/// The files at a path, and the columns that all of them have.
fn read(path: &Path) -> Result<(Vec<RegisteredFile>, Vec<ViewColumn>)> {
    let mut paths = Vec::new();
    if path.is_dir() {
        find(path, &mut paths)?;
        paths.sort();
    } else if path.is_file() {
        paths.push(path.to_path_buf());
    }
    let mut files = Vec::with_capacity(paths.len());
    let mut first: Option<(PathBuf, SchemaRef)> = None;
    for path in paths {
        check_stop()?;
        let (file, schema) = read_one(&path)?;
        files.push(file);
        match &first {
            None => first = Some((path, schema)),
            Some((of, expected)) => compare((of, expected), (&path, &schema))?,
        }
    }
    let Some((of, schema)) = first else {
        return Err(refused(format!("there is no Parquet file at \"{}\"", path.display()))
            .with_hint("name a Parquet file, or a folder with files that end in .parquet"));
    };
    Ok((files, columns(&of, &schema)?))
}

/// The Parquet files in a folder and below it. Names that begin with `.` or `_` are those
/// of files that other programs are writing, or of their marks.
fn find(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    check_stop()?;
    let failed = |e| io_error("list folder", folder, e);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(['.', '_']) {
            continue;
        }
        let path = entry.path();
        // A link may lead anywhere, the database included.
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            find(&path, found)?;
        } else if kind.is_file() && path.extension().is_some_and(|e| e == "parquet") {
            found.push(path);
        }
    }
    Ok(())
}

fn read_one(path: &Path) -> Result<(RegisteredFile, SchemaRef)> {
    let file = File::open(path).map_err(|e| io_error("open", path, e))?;
    let of_file = file.metadata().map_err(|e| io_error("open", path, e))?;
    let footer = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(|e| {
        Error::new(
            SqlState::BAD_COPY_FILE_FORMAT,
            format!("file \"{}\" cannot be read as Parquet: {e}", path.display()),
        )
        .with_source(e)
    })?;
    let rows = footer.metadata().file_metadata().num_rows();
    let registered = RegisteredFile {
        path: text(path)?,
        rows: rows.unsigned_abs(),
        bytes: of_file.len(),
        modified_us: modified_us(&of_file),
    };
    Ok((registered, footer.schema().clone()))
}

/// Refuses a file whose columns are not those of the first.
fn compare(
    (first, expected): (&Path, &SchemaRef),
    (path, found): (&Path, &SchemaRef),
) -> Result<()> {
    let differs = |problem: String| {
        Error::new(SqlState::DATATYPE_MISMATCH, problem)
            .with_hint("the files of a table have the same columns with the same types")
    };
    let (first, path) = (first.display(), path.display());
    for field in expected.fields() {
        let name = field.name();
        match found.field_with_name(name) {
            Err(_) => {
                return Err(differs(format!(
                    "file \"{path}\" has no column \"{name}\", which \"{first}\" has"
                )));
            }
            Ok(other) if other.data_type() != field.data_type() => {
                return Err(differs(format!(
                    "column \"{name}\" is of type {} in file \"{path}\" and of type {} in \
                     \"{first}\"",
                    other.data_type(),
                    field.data_type()
                )));
            }
            Ok(_) => {}
        }
    }
    match found.fields().iter().find(|field| expected.field_with_name(field.name()).is_err()) {
        None => Ok(()),
        Some(field) => Err(differs(format!(
            "file \"{path}\" has a column \"{}\", which \"{first}\" has not",
            field.name()
        ))),
    }
}

/// The columns of a file as columns here.
fn columns(path: &Path, schema: &SchemaRef) -> Result<Vec<ViewColumn>> {
    let column = |field: &arrow::datatypes::FieldRef| {
        let data_type = KalamDataType::from_arrow_field(field).map_err(|e| {
            Error::new(
                SqlState::DATATYPE_MISMATCH,
                format!(
                    "column \"{}\" of file \"{}\" is of type {}, which no column can have",
                    field.name(),
                    path.display(),
                    field.data_type()
                ),
            )
            .with_source(e)
        })?;
        Ok(ViewColumn { name: Name::new("column", field.name())?, data_type })
    };
    let columns = schema.fields().iter().map(column).collect::<Result<Vec<_>>>()?;
    if columns.is_empty() {
        return Err(refused(format!("file \"{}\" has no columns", path.display())));
    }
    Ok(columns)
}
