//! A registered table: files of other programs as a plan.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{
    ColumnStatistics, DataFusionError, Result as DataFusionResult, Statistics,
};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableSource, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::pushdown::chosen_by;
use crate::catalog::{ColumnDefinition, RegisteredFile, RegisteredFiles, ViewDefinition};
use crate::error::io_error;
use crate::model::ColumnId;
use crate::{Error, Result, SqlState};

/// The columns of a registered table as plans have them. Any value may be NULL.
pub(crate) fn registered_schema(view: &ViewDefinition) -> SchemaRef {
    let field = |(place, column): (u32, &crate::catalog::ViewColumn)| -> Field {
        let column =
            ColumnDefinition::new(ColumnId(place), column.name.clone(), column.data_type.clone());
        column.arrow_field().with_nullable(true)
    };
    Arc::new(Schema::new((1..).zip(&view.columns).map(field).collect::<Vec<_>>()))
}

/// A registered table in a plan that is kept.
pub(crate) struct UnboundFiles {
    pub(crate) view: Arc<ViewDefinition>,
}

impl TableSource for UnboundFiles {
    fn schema(&self) -> SchemaRef {
        registered_schema(&self.view)
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        Ok(chosen_by(filters))
    }
}

/// The files of a registered table, which are looked at each time.
pub(crate) struct FilesScan {
    view: Arc<ViewDefinition>,
    files: RegisteredFiles,
}

impl FilesScan {
    /// # Errors
    /// `58030` if a file is gone, `22023` if one is another by now.
    pub(crate) fn new(view: &Arc<ViewDefinition>) -> Result<FilesScan> {
        let files = view.files.clone().ok_or_else(|| {
            Error::new(SqlState::INTERNAL_ERROR, format!("view \"{}\" has no files", view.name))
        })?;
        for file in &files.files {
            let path = Path::new(&file.path);
            let now = fs::metadata(path).map_err(|e| {
                io_error("open", path, e)
                    .with_hint(format!("table \"{}\" was registered with this file", view.name))
            })?;
            if now.len() != file.bytes || modified_us(&now) != file.modified_us {
                return Err(Error::new(
                    SqlState::INVALID_PARAMETER_VALUE,
                    format!("file \"{}\" has changed since it was registered", file.path),
                )
                .with_hint(format!(
                    "run UNREGISTER TABLE {0} and REGISTER TABLE {0} again",
                    view.name
                )));
            }
        }
        Ok(FilesScan { view: view.clone(), files })
    }

    fn plan(
        &self,
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
        partitions: usize,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let schema = self.schema();
        let columns = schema.fields().len();
        let source = ParquetSource::new(TableSchema::builder(schema).build())
            .with_enable_page_index(true)
            .with_bloom_filter_on_read(true);
        let mut groups: Vec<Vec<PartitionedFile>> = Vec::new();
        for (number, file) in self.files.files.iter().enumerate() {
            let group = number % partitions.max(1);
            if group == groups.len() {
                groups.push(Vec::new());
            }
            groups[group].push(partitioned(file)?);
        }
        let statistics = Statistics {
            num_rows: Precision::Exact(usize::try_from(self.files.rows()).unwrap_or(usize::MAX)),
            total_byte_size: Precision::Absent,
            column_statistics: vec![ColumnStatistics::new_unknown(); columns],
        };
        let config =
            FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
                .with_file_groups(groups.into_iter().map(FileGroup::new).collect())
                .with_statistics(statistics)
                .with_limit(limit)
                .with_projection_indices(projection.cloned())?
                .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// When a file was changed last.
pub(crate) fn modified_us(file: &fs::Metadata) -> i64 {
    let since = file.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| i64::try_from(since.as_micros()).ok()).unwrap_or(0)
}

fn partitioned(file: &RegisteredFile) -> DataFusionResult<PartitionedFile> {
    let location = object_store::path::Path::from_absolute_path(&file.path)
        .map_err(|e| DataFusionError::External(Box::new(e)))?;
    let modified = chrono::DateTime::from_timestamp_micros(file.modified_us);
    Ok(PartitionedFile::from(object_store::ObjectMeta {
        location,
        last_modified: modified.unwrap_or_default(),
        size: file.bytes,
        e_tag: None,
        version: None,
    }))
}

impl fmt::Debug for FilesScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilesScan").field("table", &self.view.name).finish()
    }
}

#[async_trait]
impl TableProvider for FilesScan {
    fn schema(&self) -> SchemaRef {
        registered_schema(&self.view)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        Ok(chosen_by(filters))
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        self.plan(projection, limit, state.config().target_partitions())
    }
}
