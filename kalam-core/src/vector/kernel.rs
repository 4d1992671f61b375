//! Sums of products over two vectors, in loops that become vector instructions.

/// Elements that are added side by side: four registers of AVX2, which hides the
/// latency of its additions.
const LANES: usize = 32;

/// Elements after which the lanes go into the total.
const BLOCK: usize = 256;

/// Lanes of the total: two registers, into which those of a block are added side by side. One
/// after the other, 32 additions of 64 bits took longer than the products of a block.
const TOTALS: usize = 8;

/// An element of a vector, as an array or a record has it.
pub(crate) trait Element: Copy {
    /// Its number.
    fn number(self) -> f32;
}

impl Element for f32 {
    #[inline(always)]
    fn number(self) -> f32 {
        self
    }
}

/// Their bytes, little endian, wherever they lie: records and pages do not align them.
impl Element for [u8; 4] {
    #[inline(always)]
    fn number(self) -> f32 {
        f32::from_le_bytes(self)
    }
}

/// A code of a [`Sketch`](super::Sketch).
impl Element for i8 {
    #[inline(always)]
    fn number(self) -> f32 {
        f32::from(self)
    }
}

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
pub(super) fn sums<B: Element, const K: usize>(
    a: &[f32],
    b: &[B],
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
pub(super) fn sums_exact<B: Element, const K: usize>(
    a: &[f32],
    b: &[B],
    terms: impl Fn(f32, f32) -> [Term; K],
) -> [f64; K] {
    let mut totals = [0.0; K];
    for (a, b) in a.iter().zip(b) {
        for (total, Term(x, y)) in totals.iter_mut().zip(terms(*a, b.number())) {
            *total += f64::from(x) * f64::from(y);
        }
    }
    totals
}

/// The sum of the products of two vectors of codes, which is to fit 32 bits.
///
/// # Panics
/// If the vectors differ in length.
#[inline]
pub(super) fn product_of_codes(a: &[i16], b: &[i8]) -> i32 {
    assert_eq!(a.len(), b.len(), "vectors of one length");
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has the feature.
        return unsafe { product_of_codes_avx2(a, b) };
    }
    multiply_codes(a, b)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn product_of_codes_avx2(a: &[i16], b: &[i8]) -> i32 {
    multiply_codes(a, b)
}

/// Written without lanes: of this the compiler makes the instruction that multiplies and adds
/// pairs. It takes two thirds of what multiplying the same codes as 32-bit floats does.
#[inline(always)]
fn multiply_codes(a: &[i16], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}

/// The multiples of `scale` that are nearest to numbers of -127 to 127 times that.
pub(super) fn encode(numbers: &[f32], scale: f32, codes: &mut [i8]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has the feature.
        return unsafe { encode_avx2(numbers, scale, codes) };
    }
    encode_all(numbers, scale, codes);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn encode_avx2(numbers: &[f32], scale: f32, codes: &mut [i8]) {
    encode_all(numbers, scale, codes);
}

#[inline(always)]
fn encode_all(numbers: &[f32], scale: f32, codes: &mut [i8]) {
    /// What has no room for fractions when it is added to a small number: its lowest bits are
    /// then the nearest whole one. `round` becomes no vector instruction everywhere.
    const WHOLE: f32 = 1.5 * (1 << 23) as f32;
    let inverse = 1.0 / scale;
    for (x, code) in numbers.iter().zip(codes) {
        *code = (x * inverse + WHOLE).to_bits() as i8;
    }
}

/// The largest of the absolute values, NaN left out.
pub(super) fn largest(a: &[f32]) -> f32 {
    let mut lanes = [0f32; LANES];
    let larger = |known: f32, x: f32| if x.abs() > known { x.abs() } else { known };
    let (blocks, rest) = a.as_chunks::<LANES>();
    for block in blocks {
        for (known, x) in lanes.iter_mut().zip(block) {
            *known = larger(*known, *x);
        }
    }
    rest.iter().chain(&lanes).fold(0.0, |known, x| larger(known, *x))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn sums_avx2<B: Element, const K: usize>(
    a: &[f32],
    b: &[B],
    terms: impl Fn(f32, f32) -> [Term; K],
) -> [f64; K] {
    accumulate(a, b, terms, |x, y, sum| x.mul_add(y, sum))
}

/// The one loop, compiled into each of its callers for the caller's instructions.
#[inline(always)]
fn accumulate<B: Element, const K: usize>(
    a: &[f32],
    b: &[B],
    terms: impl Fn(f32, f32) -> [Term; K],
    multiply_add: impl Fn(f32, f32, f32) -> f32,
) -> [f64; K] {
    let mut totals = [[0.0f64; TOTALS]; K];
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
                add(lane, a[lane], b[lane].number());
            }
        }
        for (lane, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
            add(lane, *a, b.number());
        }
        for (totals, sums) in totals.iter_mut().zip(sums) {
            for sums in sums.as_chunks::<TOTALS>().0 {
                for (total, sum) in totals.iter_mut().zip(sums) {
                    *total += f64::from(*sum);
                }
            }
        }
    }
    totals.map(|lanes| lanes.iter().sum())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn codes_are_the_nearest_whole_numbers() {
        for half in -254i16..=254 {
            let x = f32::from(half) / 2.0;
            let near = [x, x + 0.1, x - 0.1].map(|x| x.clamp(-127.0, 127.0));
            let mut codes = [0; 3];
            encode(&near.map(|x| x * 0.25), 0.25, &mut codes);
            assert_eq!(codes.map(f32::from), near.map(f32::round_ties_even), "{x}");
        }
    }

    #[test]
    fn the_largest_number_is_found_wherever_it_is() {
        for place in 0..70 {
            let mut numbers = vec![-0.5f32; 70];
            numbers[place] = -2.0;
            numbers[(place + 1) % 70] = f32::NAN;
            assert_eq!(largest(&numbers), 2.0);
        }
        assert_eq!(largest(&[]), 0.0);
    }

    proptest! {
        #[test]
        fn products_of_codes_are_exact(
            codes in proptest::collection::vec((-8191i16..=8191, -127i8..=127), 0..900),
        ) {
            let (a, b): (Vec<i16>, Vec<i8>) = codes.into_iter().unzip();
            let sum: i64 = a.iter().zip(&b).map(|(a, b)| i64::from(*a) * i64::from(*b)).sum();
            prop_assert_eq!(i64::from(product_of_codes(&a, &b)), sum);
            prop_assert_eq!(i64::from(multiply_codes(&a, &b)), sum);
        }

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
