//! Distances between vectors of 32-bit floats.
//!
//! Sums are kept in blocks: products are added in 32-bit lanes for 256 dimensions, and
//! the lanes in 64 bits from there on. A lane takes eight additions between two roundings
//! into the total, so the relative error of a sum of squares stays below 1e-6 for any
//! number of dimensions. Where squares leave the range of 32-bit floats, the
//! sum is taken again in 64 bits.

mod kernel;
mod nearest;
mod packed;
mod question;
mod sketch;

use kernel::{Element, Term, sums, sums_exact};
pub(crate) use nearest::{Nearest, Rank};
pub(crate) use packed::{pack_vectors, unpack_vectors};
pub(crate) use question::{Metric, Question};
pub(crate) use sketch::{Bounds, Sketch};

/// Sums of squares below this have lost digits to the smallest 32-bit floats.
const SQUARES_MIN: f64 = 1e-30;

/// The sum of the products of the elements.
///
/// # Panics
/// As every function here, if the vectors differ in length.
pub(crate) fn inner_product<B: Element>(a: &[f32], b: &[B]) -> f64 {
    let terms = |a, b| [Term(a, b)];
    let [dot] = sums(a, b, terms);
    if dot.is_finite() { dot } else { sums_exact(a, b, terms)[0] }
}

/// The length of the line between two points.
pub(crate) fn l2_distance<B: Element>(a: &[f32], b: &[B]) -> f64 {
    let [squares] = sums(a, b, |a, b| [Term(a - b, a - b)]);
    if is_trusted(squares) {
        return squares.sqrt();
    }
    let difference = |(a, b): (&f32, &B)| f64::from(*a) - f64::from(b.number());
    a.iter().zip(b).map(difference).map(|d| d * d).sum::<f64>().sqrt()
}

/// One minus the cosine of the angle between two vectors: 0 to 2, and 1 where a
/// vector has no direction because it is zero.
pub(crate) fn cosine_distance<B: Element>(a: &[f32], b: &[B]) -> f64 {
    let terms = |a, b| [Term(a, b), Term(a, a), Term(b, b)];
    let mut found = sums(a, b, terms);
    if !(found[0].is_finite() && is_trusted(found[1]) && is_trusted(found[2])) {
        found = sums_exact(a, b, terms);
    }
    let [dot, a_squares, b_squares] = found;
    cosine_of(dot, a_squares, b_squares)
}

/// The cosine distance of vectors with this product and these squares of their lengths.
fn cosine_of(dot: f64, a_squares: f64, b_squares: f64) -> f64 {
    if a_squares == 0.0 || b_squares == 0.0 {
        return 1.0;
    }
    // NaN stays NaN.
    1.0 - (dot / (a_squares.sqrt() * b_squares.sqrt())).clamp(-1.0, 1.0)
}

/// The Euclidean length of a vector.
pub(crate) fn norm(a: &[f32]) -> f64 {
    squares(a).sqrt()
}

/// The square of the Euclidean length of a vector.
fn squares(a: &[f32]) -> f64 {
    let terms = |a, b| [Term(a, b)];
    let [squares] = sums(a, a, terms);
    if is_trusted(squares) { squares } else { sums_exact(a, a, terms)[0] }
}

fn is_trusted(squares: f64) -> bool {
    squares.is_finite() && squares >= SQUARES_MIN
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reference(a: &[f32], b: &[f32], term: impl Fn(f64, f64) -> f64) -> f64 {
        a.iter().zip(b).map(|(a, b)| term(f64::from(*a), f64::from(*b))).sum()
    }

    fn pairs() -> impl Strategy<Value = (Vec<f32>, Vec<f32>)> {
        (1usize..1200).prop_flat_map(|n| {
            let vector = || proptest::collection::vec(-100f32..100f32, n);
            (vector(), vector())
        })
    }

    proptest! {
        #[test]
        fn distances_are_those_of_64_bit_arithmetic((a, b) in pairs()) {
            let dot = reference(&a, &b, |a, b| a * b);
            let (aa, bb) = (reference(&a, &a, |a, b| a * b), reference(&b, &b, |a, b| a * b));
            let scale = (aa * bb).sqrt();
            prop_assert!((inner_product(&a, &b) - dot).abs() <= 1e-6 * scale);
            let l2 = reference(&a, &b, |a, b| (a - b) * (a - b)).sqrt();
            prop_assert!((l2_distance(&a, &b) - l2).abs() <= 1e-6 * l2);
            prop_assert!((norm(&a) - aa.sqrt()).abs() <= 1e-6 * aa.sqrt());
            let cosine = if scale == 0.0 { 1.0 } else { 1.0 - dot / scale };
            prop_assert!((cosine_distance(&a, &b) - cosine).abs() <= 1e-6);
        }
    }

    #[test]
    fn vectors_beyond_the_range_of_their_squares_keep_their_direction() {
        for size in [1e-40f32, 1e-30, 1e-20, 1.0, 1e20, 3e38] {
            let (x, y) = ([size, 0.0], [0.0, size]);
            assert!((cosine_distance(&x, &y) - 1.0).abs() < 1e-12, "{size}");
            assert!(cosine_distance(&x, &x).abs() < 1e-6, "{size}");
            let expected = f64::from(size) * std::f64::consts::SQRT_2;
            assert!((l2_distance(&x, &y) / expected - 1.0).abs() < 1e-6, "{size}");
            assert!((norm(&x) / f64::from(size) - 1.0).abs() < 1e-6, "{size}");
        }
        assert!((inner_product(&[3e38, 1.0], &[3e38, 1.0]) / 9e76 - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_zero_vector_is_at_cosine_distance_one_and_nan_stays_nan() {
        assert_eq!(cosine_distance(&[0.0; 3], &[1.0, 2.0, 3.0]), 1.0);
        assert_eq!(cosine_distance(&[0.0; 3], &[0.0; 3]), 1.0);
        assert_eq!(l2_distance(&[0.0; 3], &[0.0; 3]), 0.0);
        assert!(cosine_distance(&[f32::NAN], &[1.0]).is_nan());
        assert!(l2_distance(&[f32::NAN], &[1.0]).is_nan());
    }
}
