//! COPY, parsed.

use datafusion::sql::sqlparser::ast::Query;

use super::given::Given;
use super::statement::{ColumnName, TableRef};

/// `COPY t FROM 'path'`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CopyFrom {
    /// The target.
    pub table: TableRef,
    /// The columns that the file has; empty: those that it tells, or all.
    pub columns: Vec<ColumnName>,
    /// The file.
    pub path: Given<String>,
    /// How it is written.
    pub options: CopyOptions,
}

/// `COPY t TO 'path'`, `COPY (query) TO 'path'`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CopyTo {
    /// The table that is named; `None`: a query.
    pub table: Option<TableRef>,
    /// What is written.
    pub query: Box<Query>,
    /// The file.
    pub path: Given<String>,
    /// How it is written.
    pub options: CopyOptions,
}

/// The options of COPY, as far as they are given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CopyOptions {
    /// FORMAT; `None`: what the path ends in.
    pub format: Option<FileFormat>,
    /// HEADER.
    pub header: Option<Header>,
    /// DELIMITER.
    pub delimiter: Option<u8>,
    /// QUOTE.
    pub quote: Option<u8>,
    /// ESCAPE.
    pub escape: Option<u8>,
    /// NULL: the text without quotes that is NULL.
    pub null: Option<String>,
    /// OVERWRITE: whether a file that is there is replaced.
    pub overwrite: bool,
}

impl CopyOptions {
    /// An option that only CSV has and that is given.
    pub(crate) fn csv_option(&self) -> Option<&'static str> {
        [
            ("HEADER", self.header.is_some()),
            ("DELIMITER", self.delimiter.is_some()),
            ("QUOTE", self.quote.is_some()),
            ("ESCAPE", self.escape.is_some()),
            ("NULL", self.null.is_some()),
        ]
        .into_iter()
        .find_map(|(name, is_given)| is_given.then_some(name))
    }
}

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileFormat {
    Parquet,
    Csv,
    Json,
}

/// What the first line of a CSV file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// Names of columns, which are not looked at.
    Present,
    /// Names of columns, which have to be those of the statement.
    Match,
    /// Values.
    Absent,
}
