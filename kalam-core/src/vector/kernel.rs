//! Sums of products over two vectors, in loops that become vector instructions.

/// Elements that are added side by side: four registers of AVX2, which hides the
/// latency of its additions.
const LANES: usize = 32;

/// Elements after which the lanes go into the total.
const BLOCK: usize = 256;

/// Two factors of a product.
#[derive(Clone, Copy)]
pub(super) struct Term(pub f32, pub f32);

/// Sums over the elements of two vectors of one length, as many as `terms` yields.
///
/// On x86-64 with AVX2 and FMA, which is asked once and remembered, those are used;
/// elsewhere what every processor of the target has.
///
/// # Panics
/// If the vectors differ in length.
#[inline]
pub(super) fn sums<const K: usize>(
    a: &[f32],
    b: &[f32],
    terms: impl Fn(f32, f32) -> [Term; K],
) -> [f64; K] {
    assert_eq!(a.len(), b.len(), "vectors of one length");
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: the processor has both features.
        return unsafe { sums_avx2(a, b, terms) };
    }
    accumulate(a, b, terms, |x, y, sum| x * y + sum)
}

/// As [`sums`], in 64 bits, one element after the other.
pub(super) fn sums_exact<const K: usize>(
    a: &[f32],
    b: &[f32],
    terms: impl Fn(f32, f32) -> [Term; K],
) -> [f64; K] {
    let mut totals = [0.0; K];
    for (a, b) in a.iter().zip(b) {
        for (total, Term(x, y)) in totals.iter_mut().zip(terms(*a, *b)) {
            *total += f64::from(x) * f64::from(y);
        }
    }
    totals
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn sums_avx2<const K: usize>(
    a: &[f32],
    b: &[f32],
    terms: impl Fn(f32, f32) -> [Term; K],
) -> [f64; K] {
    accumulate(a, b, terms, |x, y, sum| x.mul_add(y, sum))
}

/// The one loop, compiled into each of its callers for the caller's instructions.
#[inline(always)]
fn accumulate<const K: usize>(
    a: &[f32],
    b: &[f32],
    terms: impl Fn(f32, f32) -> [Term; K],
    multiply_add: impl Fn(f32, f32, f32) -> f32,
) -> [f64; K] {
    let mut totals = [0.0; K];
    for (a, b) in a.chunks(BLOCK).zip(b.chunks(BLOCK)) {
        let mut sums = [[0.0f32; LANES]; K];
        let mut add = |lane: usize, a: f32, b: f32| {
            let terms = terms(a, b);
            for k in 0..K {
                sums[k][lane] = multiply_add(terms[k].0, terms[k].1, sums[k][lane]);
            }
        };
        let (a, a_rest) = a.as_chunks::<LANES>();
        let (b, b_rest) = b.as_chunks::<LANES>();
        for (a, b) in a.iter().zip(b) {
            for lane in 0..LANES {
                add(lane, a[lane], b[lane]);
            }
        }
        for (lane, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
            add(lane, *a, *b);
        }
        for (total, sums) in totals.iter_mut().zip(sums) {
            *total += sums.iter().map(|sum| f64::from(*sum)).sum::<f64>();
        }
    }
    totals
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn both_instruction_sets_agree_with_the_exact_sum(
            a in proptest::collection::vec(-10f32..10f32, 0..700),
        ) {
            let terms = |a, b| [Term(a, b), Term(a - 1.0, b)];
            let exact = sums_exact(&a, &a, terms);
            let plain = accumulate(&a, &a, terms, |x, y, sum| x * y + sum);
            let chosen = sums(&a, &a, terms);
            let scale = 1e-5 * (exact[0] + a.len() as f64 * 10.0);
            for k in 0..2 {
                prop_assert!((plain[k] - exact[k]).abs() <= scale);
                prop_assert!((chosen[k] - exact[k]).abs() <= scale);
            }
        }
    }
}
