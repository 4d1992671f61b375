//! `EXPORT USER`.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::json;
use xxhash_rust::xxh3::Xxh3;

use super::drop_user::undefined_user;
use crate::activity::{Activity, check_stop};
use crate::backup::outside_of;
use crate::catalog::Table;
use crate::env::fault_point;
use crate::error::io_error;
use crate::executor::QueryResult;
use crate::executor::all_rows::stream_of;
use crate::executor::batch_stream::BatchStream;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::flush::segment_schema;
use crate::model::UserId;
use crate::store::{View, create_directories, sync_directory};
use crate::{Error, Result, SqlState};

const MANIFEST: &str = "manifest.json";
/// Suffix of a folder that is being written.
const PARTIAL: &str = "partial";

/// Writes the live rows that a user has in USER and STREAM tables to a new folder: one
/// Parquet file for each table that has any, and `manifest.json`. All of one moment.
///
/// Returns one row: `tables` BIGINT, `rows` BIGINT, `bytes` BIGINT.
///
/// # Errors
/// `42704` if the user has neither rows nor an account, `22023` if the folder holds
/// anything or lies in the database, `53100`, `58030`. Nothing is left behind then.
pub(crate) fn run(
    engine: &Engine,
    caller: &Caller,
    user: &UserId,
    folder: &str,
) -> Result<QueryResult> {
    let target = new_folder(&outside_of(Path::new(folder), &engine.tier.folders())?)?;
    if engine.users.key_of(user)?.is_none() && engine.accounts.newest(user).is_none() {
        return Err(undefined_user(user).with_hint("they have neither an account nor rows"));
    }
    let record = caller.did("EXPORT USER", Some(user.to_string()));
    engine.audit.write(record.with_detail(format!("to {folder}")))?;
    let partial = target.with_added_extension(PARTIAL);
    clear_partial(&partial)?;
    create_directories(&partial).map_err(|e| io_error("create folder", &partial, e))?;
    let written = write_all(engine, caller, user, &partial).and_then(|report| {
        fault_point("export.before_rename")?;
        let publish = || -> std::io::Result<()> {
            sync_directory(&partial)?;
            fs::rename(&partial, &target)?;
            target.parent().map_or(Ok(()), sync_directory)
        };
        publish().map_err(|e| io_error("write", &target, e))?;
        Ok(report)
    });
    match written {
        Ok(report) => report.shown(),
        Err(e) => {
            if let Err(e) = clear_partial(&partial) {
                tracing::warn!(error = %e, "an export that failed left files");
            }
            Err(e)
        }
    }
}

/// Refuses a folder that holds anything.
fn new_folder(target: &Path) -> Result<PathBuf> {
    let is_free = match fs::read_dir(target) {
        Ok(mut entries) => entries.next().is_none(),
        Err(e) if e.kind() == ErrorKind::NotFound => true,
        Err(e) => return Err(io_error("list folder", target, e)),
    };
    if is_free && target.file_name().is_some() {
        return Ok(target.to_path_buf());
    }
    Err(Error::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("folder \"{}\" is not empty", target.display()),
    )
    .with_hint("name an empty or missing folder"))
}

/// Removes what an export that stopped left. Files of others stay, and are an error.
fn clear_partial(partial: &Path) -> Result<()> {
    let entries = match fs::read_dir(partial) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(io_error("list folder", partial, e)),
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let is_ours = path.extension().is_some_and(|e| e == "parquet") || path.ends_with(MANIFEST);
        if is_ours {
            fs::remove_file(&path).map_err(|e| io_error("remove", &path, e))?;
        }
    }
    fs::remove_dir(partial).map_err(|e| io_error("remove", partial, e))
}

/// What was exported.
#[derive(Default)]
struct Report {
    tables: i64,
    rows: i64,
    bytes: i64,
}

impl Report {
    fn shown(&self) -> Result<QueryResult> {
        let column = |count: i64| Arc::new(Int64Array::from(vec![count])) as _;
        RecordBatch::try_from_iter([
            ("tables", column(self.tables)),
            ("rows", column(self.rows)),
            ("bytes", column(self.bytes)),
        ])
        .map(QueryResult::ready)
        .map_err(|e| {
            Error::new(SqlState::INTERNAL_ERROR, "the report cannot be made").with_source(e)
        })
    }
}

fn write_all(engine: &Engine, caller: &Caller, user: &UserId, folder: &Path) -> Result<Report> {
    let view = engine.store.view();
    let mut report = Report::default();
    let mut tables = Vec::new();
    for table in engine.registry.tables()? {
        if !table.definition.is_per_user() {
            continue;
        }
        let Some(written) = write_table(engine, caller, user, &table, &view, folder)? else {
            continue;
        };
        fault_point("export.after_table")?;
        report.tables += 1;
        report.rows += written.rows;
        report.bytes += written.bytes;
        let definition = &table.definition;
        tables.push(json!({
            "table": definition.name.to_string(),
            "kind": definition.kind.to_string(),
            "file": written.file,
            "rows": written.rows,
            "bytes": written.bytes,
            "xxh3_128": written.checksum,
            "schema_version": definition.version,
        }));
    }
    let document = json!({
        "format": 1,
        "user": user.as_str(),
        "seq": view.seq()?,
        "exported_at_ms": engine.clock.now_ms(),
        "tables": tables,
    });
    fault_point("export.before_manifest")?;
    let path = folder.join(MANIFEST);
    let text = serde_json::to_vec_pretty(&document).expect("a JSON value serializes");
    File::create_new(&path)
        .and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()))
        .map_err(|e| io_error("write", &path, e))?;
    Ok(report)
}

struct WrittenTable {
    file: String,
    rows: i64,
    bytes: i64,
    checksum: String,
}

/// Writes the user's rows of one table; `None` if there are none.
fn write_table(
    engine: &Engine,
    caller: &Caller,
    user: &UserId,
    table: &Arc<Table>,
    view: &Arc<View>,
    folder: &Path,
) -> Result<Option<WrittenTable>> {
    let Some(key) = engine.users.key_of(user)? else { return Ok(None) };
    let mut rows = Rows::new(stream_of(engine, caller, table, view, key)?, columns_of(table));
    let Some(first) = rows.next(engine)? else { return Ok(None) };
    let name = &table.definition.name;
    let file = format!("{}.{}.parquet", name.namespace, name.table);
    let path = folder.join(&file);
    let out = File::create_new(&path).map_err(|e| io_error("create", &path, e))?;
    let level = ZstdLevel::try_new(3).expect("3 is a zstd level");
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
    let failed = |e: parquet::errors::ParquetError| match e {
        parquet::errors::ParquetError::External(e) => match e.downcast::<std::io::Error>() {
            Ok(e) => io_error("write", &path, *e),
            Err(e) => io_error("write", &path, std::io::Error::other(e)),
        },
        e => io_error("write", &path, std::io::Error::other(e)),
    };
    let sink = Hashed { out, hash: Xxh3::new(), bytes: 0 };
    let mut writer =
        ArrowWriter::try_new(sink, first.schema(), Some(properties)).map_err(failed)?;
    let mut count = 0;
    let mut next = Some(first);
    while let Some(batch) = next {
        check_stop()?;
        count += i64::try_from(batch.num_rows()).unwrap_or(i64::MAX);
        writer.write(&batch).map_err(failed)?;
        next = rows.next(engine)?;
    }
    let sink = writer.into_inner().map_err(failed)?;
    sink.out.sync_all().map_err(|e| io_error("sync", &path, e))?;
    Ok(Some(WrittenTable {
        file,
        rows: count,
        bytes: i64::try_from(sink.bytes).unwrap_or(i64::MAX),
        checksum: format!("{:032x}", sink.hash.digest128()),
    }))
}

/// The columns of a segment of the table, which tell their types exactly, without those
/// of the system.
fn columns_of(table: &Table) -> SchemaRef {
    let schema = segment_schema(table);
    let width = table.definition.columns.len();
    let fields: Vec<_> = schema.fields().iter().take(width).cloned().collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// The rows of a query, with the fields of the table.
struct Rows {
    stream: BatchStream,
    schema: SchemaRef,
    activity: Arc<Activity>,
}

impl Rows {
    fn new(stream: SendableRecordBatchStream, schema: SchemaRef) -> Rows {
        let activity = Activity::current().unwrap_or_default();
        Rows { stream: BatchStream::new(stream), schema, activity }
    }

    /// The next batch that has rows.
    fn next(&mut self, engine: &Engine) -> Result<Option<RecordBatch>> {
        while let Some(batch) = self.stream.next(engine.runtime(), &self.activity)? {
            if batch.num_rows() == 0 {
                continue;
            }
            let columns = batch.columns()[..self.schema.fields().len()].to_vec();
            let batch = RecordBatch::try_new(self.schema.clone(), columns);
            return batch.map(Some).map_err(|e| {
                Error::new(SqlState::INTERNAL_ERROR, "rows do not fit their table").with_source(e)
            });
        }
        Ok(None)
    }
}

/// A file whose bytes are counted and hashed as they are written.
struct Hashed {
    out: File,
    hash: Xxh3,
    bytes: u64,
}

impl Write for Hashed {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(data)?;
        self.hash.update(&data[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}
