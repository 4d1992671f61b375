//! Scans in parts that follow each other.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, RowGroupAccess};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};

use super::segment_reader::FileSegment;

/// The plan with a partition for each row group of segments, in the order in which they came
/// before: one after another they give the same rows.
///
/// INVARIANT: of a plan that hands rows on as they are, partition by partition.
///
/// # Errors
/// If a node does not take the new scan, which it does.
pub(crate) fn in_row_groups(plan: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    if let Some(scan) = plan.downcast_ref::<DataSourceExec>() {
        return Ok(row_groups_of(scan).unwrap_or_else(|| plan.clone()));
    }
    let children = plan.children().into_iter().map(in_row_groups).collect::<Result<Vec<_>>>()?;
    if children.is_empty() {
        return Ok(plan.clone());
    }
    let recompute = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    plan.clone().replace_children(children, recompute)
}

fn row_groups_of(scan: &DataSourceExec) -> Option<Arc<dyn ExecutionPlan>> {
    let config = scan.data_source().downcast_ref::<FileScanConfig>()?;
    // A limit counts the rows of a partition.
    if config.limit.is_some() {
        return None;
    }
    let files = config.file_groups.iter().flat_map(FileGroup::iter);
    let groups: Vec<FileGroup> =
        files.flat_map(parts).map(|file| FileGroup::new(vec![file])).collect();
    let mut config = config.clone();
    config.file_groups = groups;
    // Otherwise a stream that has nothing to do takes the files of others.
    config.preserve_order = true;
    Some(DataSourceExec::from_data_source(config))
}

/// A file once for each row group that is read of it.
fn parts(file: &PartitionedFile) -> Vec<PartitionedFile> {
    let Some(segment) = file.extension::<FileSegment>() else { return vec![file.clone()] };
    let count = segment.0.footer.metadata().num_row_groups();
    if file.range.is_some() || count < 2 {
        return vec![file.clone()];
    }
    let whole = match file.extension::<ParquetAccessPlan>() {
        Some(plan) => plan.clone(),
        None => ParquetAccessPlan::new_all(count),
    };
    let one = |(group, access): (usize, &RowGroupAccess)| {
        let mut plan = ParquetAccessPlan::new_none(count);
        plan.set(group, access.clone());
        access.should_scan().then(|| file.clone().with_extension(plan))
    };
    whole.inner().iter().enumerate().filter_map(one).collect()
}
