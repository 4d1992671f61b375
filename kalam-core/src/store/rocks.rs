//! How RocksDB is set up: column families, filters, recovery.

use std::path::{Path, PathBuf};

use rocksdb::statistics::{StatsLevel, Ticker};
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, DBRecoveryMode,
    DataBlockIndexType, Env, ErrorKind as RocksKind, Options as RocksOptions, SliceTransform,
};

use super::file_list::{check_file_list, is_file_list_lost};
use super::key::SCOPE_PREFIX_LEN;
use crate::{Durability, Error, Options, Result, SqlState};

pub(crate) type Rocks = rocksdb::DBWithThreadMode<rocksdb::MultiThreaded>;

/// The column families: few and fixed, because RocksDB pays for each one, and a
/// thousand tables must be cheap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Family {
    /// Definitions: tables, namespaces, storages, users; the high-water `_seq`.
    Catalog,
    /// Rows.
    Hot,
    /// Segments and deletion marks.
    Manifest,
    /// Jobs.
    Jobs,
    /// Audit log and change feed.
    Log,
}

impl Family {
    pub(super) const ALL: [Family; 5] =
        [Family::Catalog, Family::Hot, Family::Manifest, Family::Jobs, Family::Log];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Family::Catalog => "catalog",
            Family::Hot => "hot",
            Family::Manifest => "manifest",
            Family::Jobs => "jobs",
            Family::Log => "log",
        }
    }

    /// How many bytes of its keys bloom filters know too, in families that are read by scope:
    /// those with everything that the keys of one scope share.
    pub(super) fn filtered_prefix(self) -> Option<usize> {
        match self {
            // Kind, table, user; or the kind of an entry, table, user.
            Family::Hot | Family::Manifest => Some(SCOPE_PREFIX_LEN),
            Family::Catalog | Family::Jobs | Family::Log => None,
        }
    }
}

/// Where RocksDB's files are.
pub(crate) enum Home {
    /// Nowhere: it ends with its last handle.
    Memory,
    /// A folder to make.
    New(PathBuf),
    /// A folder that has them.
    Existing(PathBuf),
}

impl Home {
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Home::Memory => None,
            Home::New(path) | Home::Existing(path) => Some(path),
        }
    }
}

/// RocksDB's own counters.
pub(super) struct RocksStatistics(RocksOptions);

impl RocksStatistics {
    /// Blocks that were found in the cache, and those that were read.
    pub(super) fn block_cache(&self) -> (u64, u64) {
        let count = |ticker| self.0.get_ticker_count(ticker);
        (count(Ticker::BlockCacheHit), count(Ticker::BlockCacheMiss))
    }

    /// Writes that came as far as the log. One that RocksDB refuses because of an earlier error
    /// is not among them.
    ///
    /// Source: `DBImpl::WriteImpl`, which counts when all that precedes the log went well.
    pub(super) fn begun_writes(&self) -> u64 {
        self.0.get_ticker_count(Ticker::WriteDoneBySelf)
    }
}

/// Opens a checkpoint for reading only.
pub(super) fn open_checkpoint(path: &Path) -> Result<Rocks> {
    /// Enough for one pass over the manifest.
    const CACHE_BYTES: usize = 8 << 20;
    let cache = Cache::new_lru_cache(CACHE_BYTES);
    let families = descriptors(&cache)?;
    Rocks::open_cf_descriptors_read_only(&RocksOptions::default(), path, families, false)
        .map_err(|e| rocks_error("open checkpoint", e))
}

/// Opens RocksDB.
pub(super) fn open(home: &Home, options: &Options) -> Result<(Rocks, RocksStatistics)> {
    if let Home::Existing(path) = home {
        check_file_list(path)?;
    }
    let cache = Cache::new_lru_cache(options.cache_bytes);
    let mut db = RocksOptions::default();
    let is_new = !matches!(home, Home::Existing(_));
    db.create_if_missing(is_new);
    db.create_missing_column_families(is_new);
    db.set_max_background_jobs(2);
    db.enable_statistics();
    // Counters only: clocks and histograms are what statistics cost.
    db.set_statistics_level(StatsLevel::ExceptHistogramOrTimers);
    db.set_keep_log_file_num(2);
    db.set_max_total_wal_size(256 << 20);
    // The commits before a torn record are what is kept; the mark of synced commits
    // tells whether one that was acknowledged is missing.
    db.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    // Without a log only memtables that are flushed together agree.
    db.set_atomic_flush(options.durability == Durability::Off);
    if matches!(home, Home::Memory) {
        let env = Env::mem_env().map_err(|e| rocks_error("create memory database", e))?;
        db.set_env(&env);
    }
    let families = descriptors(&cache)?;
    let path = home.path().unwrap_or_else(|| Path::new("/kalamdb-memory"));
    let rocks = Rocks::open_cf_descriptors(&db, path, families).map_err(|e| match home {
        Home::Existing(path) if is_file_list_lost(path) => lost(path, e),
        Home::Memory | Home::New(_) | Home::Existing(_) => rocks_error("open database", e),
    })?;
    Ok((rocks, RocksStatistics(db)))
}

/// Options that the crate has no functions for.
///
/// The first is how much RocksDB does to take blocks of files that are gone out of its cache.
/// Flushes make hot files short-lived: their blocks would fill the cache to its limit before
/// the first of them makes room.
///
/// The second is how many range deletions a memtable takes before it becomes a file. The flush
/// of a scope writes one, and the first read after it puts those of the memtable in order
/// again: a flush of many users would cost the square of their number.
const MORE_OPTIONS: &str = "uncache_aggressiveness=1000;memtable_max_range_deletions=512";

fn descriptors(cache: &Cache) -> Result<Vec<ColumnFamilyDescriptor>> {
    let one = |family: &Family| {
        let options = family_options(*family, cache).get_options_from_string(MORE_OPTIONS);
        let options = options.map_err(|e| rocks_error("set options", e))?;
        Ok(ColumnFamilyDescriptor::new(family.name(), options))
    };
    Family::ALL.iter().map(one).collect()
}

fn family_options(family: Family, cache: &Cache) -> RocksOptions {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_bloom_filter(10.0, false);
    table.set_format_version(6);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    let mut options = RocksOptions::default();
    options.set_compression_type(DBCompressionType::Lz4);
    match family {
        Family::Hot => {
            // Point reads dominate: a hash index in each data block finds the key
            // without a binary search.
            table.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
            // Of 4, 8 and 16 KiB: a read from the device costs as little as with 4, a scan as
            // little as with 16.
            table.set_block_size(8 << 10);
            options.set_memtable_prefix_bloom_ratio(0.05);
            options.set_memtable_whole_key_filtering(true);
            options.set_write_buffer_size(64 << 20);
            options.set_max_write_buffer_number(4);
        }
        Family::Catalog | Family::Manifest | Family::Jobs | Family::Log => {
            options.set_write_buffer_size(8 << 20);
        }
    }
    if let Some(length) = family.filtered_prefix() {
        options.set_prefix_extractor(SliceTransform::create_fixed_prefix(length));
    }
    options.set_block_based_table_factory(&table);
    options
}

fn lost(path: &Path, error: rocksdb::Error) -> Error {
    let message = format!("the list of files in \"{}\" is missing", path.display());
    Error::new(SqlState::DATA_CORRUPTED, message)
        .with_hint("restore the database from a backup")
        .with_source(error)
}

/// An error of RocksDB as one of ours.
pub(crate) fn rocks_error(what: &str, error: rocksdb::Error) -> Error {
    let state = match error.kind() {
        RocksKind::Corruption => SqlState::DATA_CORRUPTED,
        RocksKind::Busy | RocksKind::TryAgain => SqlState::OBJECT_IN_USE,
        RocksKind::IOError if is_no_space(&error) => SqlState::DISK_FULL,
        _ => SqlState::IO_ERROR,
    };
    Error::new(state, format!("cannot {what}: {error}")).with_source(error)
}

/// RocksDB's C interface drops the subcode that tells a full disk from other I/O
/// errors and hands over only its text, so the text is read here and nowhere else.
fn is_no_space(error: &rocksdb::Error) -> bool {
    let text: &str = error.as_ref();
    text.contains("No space left") || text.contains("File too large") || text.contains("quota")
}
