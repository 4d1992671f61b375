//! One table provider for USER, SHARED and STREAM tables: hot rows UNION ALL
//! segments minus their deletion marks. No merge, no dedupe, no sort.

mod all_users_scan;
mod cold_scan;
mod expected_rows;
mod file_mapping;
mod filled_columns;
mod hot_exec;
mod hot_statistics;
mod hot_vectors;
mod keep_order;
mod key_order;
mod key_range;
mod nearest_rows;
mod newest_rows;
mod pushdown;
mod registered_table;
mod scan_report;
mod segment_reader;
mod shape;
mod table_scan;
mod unbound_table;

pub(crate) use all_users_scan::AllUsersScan;
pub(crate) use expected_rows::expected_rows;
pub(crate) use hot_vectors::HotVectors;
pub(crate) use keep_order::KeepOrder;
pub(crate) use key_range::KeyRange;
pub(crate) use nearest_rows::{NearestPlace, NearestRows};
pub(crate) use newest_rows::NewestRows;
pub(crate) use registered_table::{FilesScan, UnboundFiles, modified_us};
pub(crate) use scan_report::{HOT_ROWS_COUNTED_MAX, ScanNode, ScanReport, ScanReports};
pub(crate) use shape::{SEGMENT_COLUMN, Shape};
pub(crate) use table_scan::{TableScan, note_read_without_scope};
pub(crate) use unbound_table::{UnboundTable, Whose};
