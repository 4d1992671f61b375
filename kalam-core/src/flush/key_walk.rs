//! The live rows of a range of keys in one segment, from either end.

use std::ops::ControlFlow;

use super::lookup::block_of;
use super::manifest::SegmentState;
use super::segment_writer::KEY_BLOCK_ROWS;
use super::tier::ColdTier;
use crate::Result;
use crate::activity::check_stop;
use crate::catalog::Table;

/// From which end the rows of a range come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyOrder {
    /// From the smallest key.
    Ascending,
    /// From the largest key.
    Descending,
}

/// A segment whose rows are gone through by key, and the range of keys that is wanted: from
/// `lower` up to but without `upper`, both without scope.
pub(crate) struct KeyWalk<'a> {
    pub(crate) tier: &'a ColdTier,
    pub(crate) table: &'a Table,
    pub(crate) state: &'a SegmentState,
    pub(crate) lower: &'a [u8],
    /// `None`: no bound.
    pub(crate) upper: Option<&'a [u8]>,
}

impl KeyWalk<'_> {
    /// Hands out key and place of each live row until `found` breaks. Blocks of keys are
    /// decoded as it comes to them.
    ///
    /// # Errors
    /// `XX001` if the segment is damaged, `57014`.
    pub(crate) fn each(
        &self,
        order: KeyOrder,
        mut found: impl FnMut(&[u8], u32) -> ControlFlow<()>,
    ) -> Result<()> {
        let segment = self.tier.open(&self.state.meta)?;
        let begin_up_to = |key: &[u8]| segment.block_keys.partition_point(|first| **first <= *key);
        let first = begin_up_to(self.lower).saturating_sub(1);
        let end = self.upper.map_or(segment.block_keys.len(), |upper| {
            segment.block_keys.partition_point(|first| **first < *upper)
        });
        let mut one = |number: usize| -> Result<ControlFlow<()>> {
            check_stop()?;
            let first_row = u32::try_from(number * KEY_BLOCK_ROWS).unwrap_or(u32::MAX);
            let number = u32::try_from(number).expect("fewer blocks than rows");
            let keys = block_of(self.tier, self.table, &segment, number)?;
            let rows = keys.first_from(self.lower)
                ..self.upper.map_or(keys.len(), |upper| keys.first_from(upper));
            let mut row = |index: usize| {
                let row = first_row + u32::try_from(index).expect("a block has few rows");
                match self.state.dead.contains(row) {
                    true => ControlFlow::Continue(()),
                    false => found(keys.key(index), row),
                }
            };
            Ok(match order {
                KeyOrder::Ascending => rows.into_iter().try_for_each(&mut row),
                KeyOrder::Descending => rows.rev().try_for_each(&mut row),
            })
        };
        let mut numbers = first..end;
        while let Some(number) = match order {
            KeyOrder::Ascending => numbers.next(),
            KeyOrder::Descending => numbers.next_back(),
        } {
            if one(number)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}
