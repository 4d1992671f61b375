//! Deletion marks: which rows of a segment are no longer live.

use std::sync::Arc;

use roaring::RoaringBitmap;

use crate::Result;
use crate::model::{ScopeId, SegmentId, Seq, TableId};
use crate::store::{EntityKey, Family, Snapshot, damaged, prefix_end};

/// Why a row of a segment is not live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum MarkKind {
    /// A newer version of the row is elsewhere, or nothing of it is left to see.
    Superseded,
    /// The row was deleted and stays visible under `_deleted`.
    Deleted,
}

impl MarkKind {
    fn byte(self) -> u8 {
        match self {
            MarkKind::Superseded => 0,
            MarkKind::Deleted => 1,
        }
    }
}

/// The rows of one segment that one commit marked: one key, one bitmap, whether it
/// is one row or a million.
pub(crate) struct Mark {
    pub(crate) seq: Seq,
    pub(crate) kind: MarkKind,
    pub(crate) rows: RoaringBitmap,
}

pub(super) const PREFIX: u8 = b'D';
const FORMAT: u8 = 1;
/// Prefix, scope, segment.
const SEGMENT_PREFIX_LEN: usize = 1 + ScopeId::ENCODED_LEN + 8;

fn segment_prefix(scope: ScopeId, segment: SegmentId) -> Vec<u8> {
    let mut key = vec![PREFIX];
    scope.encode(&mut key);
    key.extend_from_slice(&segment.get().to_be_bytes());
    key
}

/// The key of a mark: prefix, scope, segment, `_seq`, kind.
pub(crate) fn mark_key(scope: ScopeId, segment: SegmentId, seq: Seq, kind: MarkKind) -> Vec<u8> {
    let mut key = segment_prefix(scope, segment);
    key.extend_from_slice(&seq.get().to_be_bytes());
    key.push(kind.byte());
    key
}

/// The value of a mark: a format byte and the bitmap in roaring's portable format.
pub(crate) fn mark_value(rows: &RoaringBitmap) -> Vec<u8> {
    let mut value = Vec::with_capacity(1 + rows.serialized_size());
    value.push(FORMAT);
    rows.serialize_into(&mut value).expect("writing to memory succeeds");
    value
}

/// The range of all marks of a scope's segment.
pub(crate) fn mark_range(scope: ScopeId, segment: SegmentId) -> (Vec<u8>, Vec<u8>) {
    let lower = segment_prefix(scope, segment);
    let upper = prefix_end(&lower);
    (lower, upper)
}

/// The range of all marks of a table.
pub(super) fn table_mark_range(table: TableId) -> (Vec<u8>, Vec<u8>) {
    let lower = [&[PREFIX][..], &table.get().to_be_bytes()].concat();
    let upper = prefix_end(&lower);
    (lower, upper)
}

/// The scope of a mark's key.
pub(super) fn marked_scope(key: &[u8]) -> Option<ScopeId> {
    ScopeId::decode(key.get(1..=ScopeId::ENCODED_LEN)?)
}

/// The first key after all marks of a scope.
pub(super) fn scope_mark_end(scope: ScopeId) -> Vec<u8> {
    let mut key = vec![PREFIX];
    scope.encode(&mut key);
    prefix_end(&key)
}

/// The marks of a segment, in commit order.
pub(crate) fn read_marks(
    snapshot: &Arc<Snapshot>,
    scope: ScopeId,
    segment: SegmentId,
) -> Result<Vec<Mark>> {
    let (lower, upper) = mark_range(scope, segment);
    let mut cursor = snapshot.cursor(Family::Manifest, &lower, &upper);
    let mut marks = Vec::new();
    while let Some((key, value)) = cursor.entry()? {
        marks.push(
            decode_mark(&key[lower.len()..], value).ok_or_else(|| damaged("a deletion mark"))?,
        );
        cursor.advance();
    }
    Ok(marks)
}

/// Rows of all segments that marks name, each once.
///
/// # Errors
/// `XX001` if a mark does not decode, `58030`.
pub(crate) fn marked_rows(snapshot: &Arc<Snapshot>) -> Result<u64> {
    let lower = [PREFIX];
    let mut cursor = snapshot.cursor(Family::Manifest, &lower, &prefix_end(&lower));
    let mut rows = 0;
    let mut of_segment = RoaringBitmap::new();
    let mut segment: Vec<u8> = Vec::new();
    while let Some((key, value)) = cursor.entry()? {
        let (name, suffix) =
            key.split_at_checked(SEGMENT_PREFIX_LEN).ok_or_else(|| damaged("a deletion mark"))?;
        let mark = decode_mark(suffix, value).ok_or_else(|| damaged("a deletion mark"))?;
        if segment != name {
            rows += of_segment.len();
            of_segment.clear();
            segment = name.to_vec();
        }
        of_segment |= mark.rows;
        cursor.advance();
    }
    Ok(rows + of_segment.len())
}

fn decode_mark(suffix: &[u8], value: &[u8]) -> Option<Mark> {
    let (seq, kind) = suffix.split_at_checked(8)?;
    let kind = match kind {
        [0] => MarkKind::Superseded,
        [1] => MarkKind::Deleted,
        _ => return None,
    };
    let (&FORMAT, bitmap) = value.split_first()? else { return None };
    Some(Mark {
        seq: Seq(u64::from_be_bytes(seq.try_into().ok()?)),
        kind,
        rows: RoaringBitmap::deserialize_from(bitmap).ok()?,
    })
}

/// Decodes a mark, the key without its prefix, writes it and decodes it again. It panics if
/// that is another one.
///
/// # Errors
/// `XX001` if key or value do not decode.
#[cfg(debug_assertions)]
pub(super) fn decode_mark_again(key: &[u8], value: &[u8]) -> Result<()> {
    let suffix = key.get(SEGMENT_PREFIX_LEN - 1..).unwrap_or_default();
    let mark = decode_mark(suffix, value).ok_or_else(|| damaged("a deletion mark"))?;
    let again = decode_mark(suffix, &mark_value(&mark.rows)).expect("what was written can be read");
    assert_eq!(again.rows, mark.rows);
    Ok(())
}
