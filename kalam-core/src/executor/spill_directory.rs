//! Where queries write what does not fit into memory.

use std::fs;
use std::path::Path;

use datafusion::execution::disk_manager::DiskManagerMode;
use xxhash_rust::xxh3::xxh3_64;

use crate::Options;
use crate::error::io_error;

/// How DataFusion names the folders that it makes.
const SPILL_PREFIX: &str = "datafusion-";

/// The folder of an open database's spilled rows, emptied of what a crash left there.
///
/// A database whose folder cannot be made opens all the same: its queries fail with
/// `53200` where others would spill.
pub(crate) fn spill_directory(database: Option<&Path>, options: &Options) -> DiskManagerMode {
    let setting = Path::new(&options.temp_directory);
    let folder = match database {
        Some(database) if setting.is_relative() => database.join(setting),
        // Several databases may have the same setting.
        Some(database) => {
            let id = xxh3_64(database.as_os_str().as_encoded_bytes());
            setting.join(format!("kalamdb-{id:016x}"))
        }
        None if setting.is_relative() => return DiskManagerMode::OsTmpDirectory,
        None => setting.to_path_buf(),
    };
    let made = fs::create_dir_all(&folder).and_then(|()| match database {
        Some(_) => remove_leftovers(&folder),
        // Nothing tells whose they are.
        None => Ok(()),
    });
    match made {
        Ok(()) => DiskManagerMode::Directories(vec![folder]),
        Err(e) => {
            let error = io_error("prepare", &folder, e);
            tracing::warn!(%error, "queries of this database cannot spill to disk");
            DiskManagerMode::Disabled
        }
    }
}

/// Removes what an earlier process wrote here: whoever opens a database holds it alone.
fn remove_leftovers(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(SPILL_PREFIX) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}
