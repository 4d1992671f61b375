//! Files of other programs that have the name of a table.

use serde::{Deserialize, Serialize};

/// The Parquet files of a registered table, as they were when it was registered. Later
/// files of a folder are not part of it: a listing may be of half of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredFiles {
    /// The file or folder that was named, absolute and without links.
    pub path: String,
    /// The files, by path.
    pub files: Vec<RegisteredFile>,
}

/// One file of a registered table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredFile {
    /// Absolute, without links.
    pub path: String,
    /// Rows.
    pub rows: u64,
    /// Size.
    pub bytes: u64,
    /// When it was changed last, in microseconds since 1970 UTC.
    pub modified_us: i64,
}

impl RegisteredFiles {
    /// Rows of all files.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }
}
