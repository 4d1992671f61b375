//! The few nearest of many.

use std::collections::BinaryHeap;

/// A distance in the order of ORDER BY: numbers, then NaN, then NULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    is_null: bool,
    /// In the order of `f64::total_cmp`.
    bits: i64,
}

impl Rank {
    /// Of what has no distance.
    pub(crate) const NULL: Rank = Rank { is_null: true, bits: 0 };

    pub(crate) fn of(distance: f64) -> Rank {
        Rank { is_null: false, bits: in_order(distance.to_bits().cast_signed()) }
    }

    /// The distance; `None` for NULL.
    pub(crate) fn distance(self) -> Option<f64> {
        let bits = in_order(self.bits).cast_unsigned();
        (!self.is_null).then(|| f64::from_bits(bits))
    }
}

/// Negative numbers count downwards; twice is the number itself.
fn in_order(bits: i64) -> i64 {
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

/// Keeps the nearest of what it is shown. Of equal distances the smaller item is nearer, so
/// that the order in which threads come to them says nothing.
pub(crate) struct Nearest<T> {
    limit: usize,
    kept: BinaryHeap<(Rank, T)>,
}

impl<T: Ord> Nearest<T> {
    /// Keeps `limit` items.
    pub(crate) fn new(limit: usize) -> Nearest<T> {
        Nearest { limit, kept: BinaryHeap::with_capacity(limit.min(64)) }
    }

    /// Whether an item at this distance may be among the nearest.
    #[inline]
    pub(crate) fn wants(&self, rank: Rank) -> bool {
        self.kept.len() < self.limit || self.kept.peek().is_some_and(|(last, _)| rank <= *last)
    }

    pub(crate) fn push(&mut self, rank: Rank, item: T) {
        if self.kept.len() < self.limit {
            self.kept.push((rank, item));
        } else if let Some(mut last) = self.kept.peek_mut()
            && (rank, &item) < (last.0, &last.1)
        {
            *last = (rank, item);
        }
    }

    /// The rank of the last item, once there are as many as it keeps.
    pub(crate) fn last(&self) -> Option<Rank> {
        self.kept.peek().filter(|_| self.kept.len() == self.limit).map(|(rank, _)| *rank)
    }

    /// Takes the items of another one.
    pub(crate) fn join(&mut self, other: Nearest<T>) {
        for (rank, item) in other.kept {
            self.push(rank, item);
        }
    }

    /// The nearest first.
    pub(crate) fn into_sorted(self) -> Vec<(Rank, T)> {
        self.kept.into_sorted_vec()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_nearest_are_the_first_of_all_sorted(
            distances in proptest::collection::vec(proptest::option::of(any::<f64>()), 0..60),
            limit in 0usize..12,
            cut in 0usize..60,
        ) {
            let rank = |distance: &Option<f64>| distance.map_or(Rank::NULL, Rank::of);
            let mut all: Vec<(Rank, usize)> =
                distances.iter().enumerate().map(|(item, d)| (rank(d), item)).collect();
            let (mut one, mut other) = (Nearest::new(limit), Nearest::new(limit));
            for (rank, item) in &all {
                let part = if *item < cut { &mut one } else { &mut other };
                let is_kept = part.wants(*rank);
                let before = part.kept.len();
                part.push(*rank, *item);
                prop_assert!(is_kept || part.kept.len() == before);
            }
            one.join(other);
            all.sort_unstable();
            all.truncate(limit);
            prop_assert_eq!(one.into_sorted(), all);
        }

        #[test]
        fn ranks_are_in_the_order_of_their_distances(a: f64, b: f64) {
            prop_assert_eq!(Rank::of(a).cmp(&Rank::of(b)), a.total_cmp(&b));
            prop_assert!(Rank::of(a) < Rank::NULL);
            let back = Rank::of(a).distance().map(f64::to_bits);
            prop_assert_eq!(back, Some(a.to_bits()));
        }
    }
}
