//! A vector that stored ones are compared with.

use super::kernel::{Term, largest, product_of_codes, sums};
use super::{Bounds, Sketch, cosine_distance, cosine_of, inner_product, is_trusted, l2_distance};

/// How far two vectors are from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    Cosine,
    L2,
    NegativeInnerProduct,
}

impl Metric {
    const ALL: [Metric; 3] = [Metric::Cosine, Metric::L2, Metric::NegativeInnerProduct];

    /// The SQL function that computes it.
    pub(crate) fn function(self) -> &'static str {
        match self {
            Metric::Cosine => "cosine_distance",
            Metric::L2 => "l2_distance",
            Metric::NegativeInnerProduct => "negative_inner_product",
        }
    }

    /// The one that a function computes.
    pub(crate) fn of_function(name: &str) -> Option<Metric> {
        Metric::ALL.into_iter().find(|metric| metric.function() == name)
    }
}

/// A vector that many stored ones are compared with, and what is known of it.
#[derive(Debug, PartialEq)]
pub(crate) struct Question {
    metric: Metric,
    vector: Vec<f32>,
    /// The square of its length, and its length.
    squares: f64,
    length: f64,
    /// The multiples of one number that are nearest to the elements, that number, and the
    /// length of the difference at most.
    codes: Vec<i16>,
    scale: f64,
    rest: f64,
}

/// The largest code.
const CODE_MAX: i32 = 8191;

/// Part of the lengths by which the product of a distance may be off; it stays below a quarter
/// of this.
const ROUNDING: f64 = 4e-6;

impl Question {
    pub(crate) fn new(metric: Metric, vector: Vec<f32>) -> Question {
        let squares = super::squares(&vector);
        let length = squares.sqrt();
        let mut question =
            Question { metric, vector, squares, length, codes: Vec::new(), scale: 1.0, rest: 0.0 };
        if question.has_bounds() {
            question.encode();
        }
        question
    }

    /// Makes the codes.
    fn encode(&mut self) {
        // The sum of all products with codes of a sketch fits 32 bits.
        let elements = i32::try_from(self.vector.len()).unwrap_or(i32::MAX).max(1);
        let most = CODE_MAX.min(i32::MAX / elements / 128);
        self.scale = f64::from(largest(&self.vector)) / f64::from(most);
        let code = |x: &f32| (f64::from(*x) / self.scale).round() as i16;
        self.codes = self.vector.iter().map(code).collect();
        let pairs = self.vector.iter().zip(&self.codes);
        let rest = pairs.map(|(x, code)| f64::from(*x) - self.scale * f64::from(*code));
        self.rest = rest.map(|x| x * x).sum::<f64>().sqrt() * 1.001;
    }

    /// How the distance is measured.
    pub(crate) fn metric(&self) -> Metric {
        self.metric
    }

    /// Elements of the vector.
    pub(crate) fn dimensions(&self) -> usize {
        self.vector.len()
    }

    /// The distance to a stored vector: what the function of the metric returns.
    ///
    /// # Panics
    /// If the vectors differ in length.
    pub(crate) fn distance(&self, stored: &[u8]) -> f64 {
        let (a, (b, _)) = (&self.vector, stored.as_chunks::<4>());
        match self.metric {
            Metric::Cosine => {
                let [dot, squares] = sums(a, b, |a, b| [Term(a, b), Term(b, b)]);
                if dot.is_finite() && is_trusted(squares) && is_trusted(self.squares) {
                    cosine_of(dot, self.squares, squares)
                } else {
                    cosine_distance(a, b)
                }
            }
            Metric::L2 => l2_distance(a, b),
            // Not by the sign: minus zero is written so.
            Metric::NegativeInnerProduct => 0.0 - inner_product(a, b),
        }
    }

    /// Whether [`bounds`](Self::bounds) can be told.
    pub(crate) fn has_bounds(&self) -> bool {
        is_trusted(self.squares) && self.vector.iter().all(|x| x.is_finite())
    }

    /// Between what the distance to a vector of a sketch lies; `None` for NULL.
    ///
    /// # Panics
    /// If the vectors differ in length.
    pub(crate) fn bounds(&self, sketch: &Sketch, row: usize) -> Option<Bounds> {
        let stored = sketch.row(row)?;
        let product = f64::from(product_of_codes(&self.codes, stored.codes));
        let product = product * self.scale * f64::from(stored.scale);
        // A product is as large as that of the lengths at most (Cauchy and Schwarz): that of
        // what the codes leave out, with the other vector.
        let stored_rest = f64::from(stored.rest);
        let off = self.length * (stored_rest + ROUNDING * stored.length)
            + self.rest * (stored.length + stored_rest);
        let (least, most) = (product - off, product + off);
        Some(match self.metric {
            Metric::Cosine if stored.length == 0.0 => Bounds { low: 1.0, high: 1.0 },
            Metric::Cosine => {
                let lengths = self.length * stored.length;
                Bounds { low: 1.0 - most / lengths, high: 1.0 - least / lengths }
            }
            Metric::L2 => {
                let squares = self.squares + stored.length * stored.length;
                let off = ROUNDING * squares;
                let root = |squares: f64| squares.max(0.0).sqrt();
                let low = root(squares - 2.0 * most - off);
                Bounds { low, high: root(squares - 2.0 * least + off) }
            }
            Metric::NegativeInnerProduct => Bounds { low: -most, high: -least },
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(vector: &[f32]) -> Vec<u8> {
        vector.iter().flat_map(|element| element.to_le_bytes()).collect()
    }

    /// Vectors of one dimension, some of sizes whose squares no 32-bit float holds.
    fn vectors() -> impl Strategy<Value = (Vec<f32>, Vec<f32>)> {
        let size = prop_oneof![8 => Just(1f32), 1 => Just(0.0), 1 => Just(1e-25), 1 => Just(1e25)];
        (1usize..500, size).prop_flat_map(|(n, size)| {
            let vector = move |size: f32| {
                proptest::collection::vec((-10f32..10f32).prop_map(move |x| x * size), n)
            };
            (vector(1.0), vector(size))
        })
    }

    proptest! {
        #[test]
        fn distances_are_those_of_the_functions_and_lie_within_their_bounds(
            (question, stored) in vectors(),
        ) {
            let mut sketch = Sketch::new(stored.len(), 2);
            sketch.push(None);
            sketch.push(Some(&bytes(&stored)));
            for metric in Metric::ALL {
                let asked = Question::new(metric, question.clone());
                let found = asked.distance(&bytes(&stored));
                let expected = match metric {
                    Metric::Cosine => cosine_distance(&question, &stored),
                    Metric::L2 => l2_distance(&question, &stored),
                    Metric::NegativeInnerProduct => 0.0 - inner_product(&question, &stored),
                };
                prop_assert_eq!(found, expected);
                prop_assert_eq!(Metric::of_function(metric.function()), Some(metric));
                if asked.has_bounds() {
                    prop_assert_eq!(asked.bounds(&sketch, 0), None);
                    let bounds = asked.bounds(&sketch, 1).expect("it is not NULL");
                    prop_assert!(
                        bounds.low <= found && found <= bounds.high,
                        "{metric:?} {found} {bounds:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn bounds_are_narrow_where_vectors_are_ordinary() {
        let wave = |step: f32| (0..384).map(|i| (i as f32 * step).sin()).collect::<Vec<f32>>();
        let mut sketch = Sketch::new(384, 1);
        sketch.push(Some(&bytes(&wave(0.37))));
        let asked = Question::new(Metric::Cosine, wave(0.38));
        let bounds = asked.bounds(&sketch, 0).expect("it is not NULL");
        assert!(bounds.high - bounds.low < 0.02, "{bounds:?}");
    }

    #[test]
    fn vectors_with_infinities_and_nan_are_never_left_out() {
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
            let mut sketch = Sketch::new(2, 1);
            sketch.push(Some(&bytes(&[odd, 1.0])));
            for metric in Metric::ALL {
                let bounds = Question::new(metric, vec![1.0, 2.0]).bounds(&sketch, 0);
                let bounds = bounds.expect("it is not NULL");
                assert!(bounds.low <= 0.0 && bounds.high == f64::INFINITY, "{odd} {bounds:?}");
            }
        }
    }
}
