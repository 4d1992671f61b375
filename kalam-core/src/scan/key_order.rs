//! Segments in groups that a scan reads in key order.

use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::FileGroup;

use crate::flush::SegmentMeta;

/// Groups of a scan in key order that may pass the number of partitions. Each is a
/// stream of its own in every query over the table, also in those that need no order.
const GROUPS_MAX: usize = 8;

/// The groups of files of one scan.
pub(super) struct Grouped {
    pub(super) groups: Vec<FileGroup>,
    /// Whether the rows of each group, file after file, are in key order.
    pub(super) in_key_order: bool,
}

/// A planned file and the segment that it reads.
type Planned<'a> = (&'a SegmentMeta, PartitionedFile);

/// Spreads files over partitions: so that no two files of a group overlap, and a group
/// is in key order, if a few groups are enough for that; by size if not.
pub(super) fn grouped(files: Vec<Planned<'_>>, partitions: usize) -> Grouped {
    let mut chains = chains(files);
    let in_key_order = chains.len() <= partitions.max(GROUPS_MAX);
    if in_key_order {
        while chains.len() < partitions && split_largest(&mut chains) {}
    } else {
        chains = by_size(chains.into_iter().flatten().collect(), partitions);
    }
    let group = |chain: Vec<Planned<'_>>| FileGroup::new(chain.into_iter().map(|f| f.1).collect());
    Grouped { groups: chains.into_iter().map(group).collect(), in_key_order }
}

/// The fewest chains in which each file begins above the end of the one before.
fn chains(mut files: Vec<Planned<'_>>) -> Vec<Vec<Planned<'_>>> {
    files.sort_by(|(a, _), (b, _)| a.min_key.cmp(&b.min_key));
    let mut chains: Vec<Vec<Planned<'_>>> = Vec::new();
    for file in files {
        let follows = |chain: &&mut Vec<Planned<'_>>| {
            chain.last().is_none_or(|(last, _)| last.max_key < file.0.min_key)
        };
        match chains.iter_mut().find(follows) {
            Some(chain) => chain.push(file),
            None => chains.push(vec![file]),
        }
    }
    chains
}

/// Cuts the chain with most bytes in two; false if none has two files.
fn split_largest(chains: &mut Vec<Vec<Planned<'_>>>) -> bool {
    let bytes = |chain: &[Planned<'_>]| chain.iter().map(|(meta, _)| meta.bytes).sum::<u64>();
    let several = chains.iter_mut().filter(|chain| chain.len() > 1);
    let Some(largest) = several.max_by_key(|chain| bytes(chain)) else { return false };
    let half = bytes(largest) / 2;
    let cut = (1..largest.len() - 1).find(|n| bytes(&largest[..*n]) >= half);
    let rest = largest.split_off(cut.unwrap_or(largest.len() - 1));
    chains.push(rest);
    true
}

/// Files spread over partitions by size, largest first.
fn by_size(mut files: Vec<Planned<'_>>, partitions: usize) -> Vec<Vec<Planned<'_>>> {
    let count = partitions.clamp(1, files.len().max(1));
    files.sort_by_key(|(meta, _)| std::cmp::Reverse(meta.bytes));
    let mut groups: Vec<(u64, Vec<Planned<'_>>)> = vec![(0, Vec::new()); count];
    for file in files {
        let smallest = groups.iter_mut().min_by_key(|(bytes, _)| *bytes);
        let (bytes, group) = smallest.expect("at least one group");
        *bytes += file.0.bytes;
        group.push(file);
    }
    groups.into_iter().map(|(_, files)| files).collect()
}
