//! Vectors in a quarter of their bytes, from which bounds of their distances follow.
//!
//! Finding the nearest of all vectors is reading them: what counts is how many bytes there
//! are. A sketch has a code of 8 bits for each element, the multiple of one number per vector
//! that is nearest to it, and the length of what the codes leave out. That bounds the
//! distance, so only vectors whose lower bound is below the k-th upper one are looked at
//! themselves: some dozens of a hundred thousand. The answer is the exact one.

use super::is_trusted;
use super::kernel::{Term, encode, largest, sums};

/// The codes of some vectors of one dimension, in their order.
pub(crate) struct Sketch {
    dimensions: usize,
    codes: Vec<i8>,
    rows: Vec<Row>,
    values: u32,
}

struct Row {
    /// Its number among those that are not NULL; [`NULL`].
    value: u32,
    scale: f32,
    rest: f32,
    length: f64,
}

/// No value.
const NULL: u32 = u32::MAX;

/// The largest code.
const CODE_MAX: f32 = 127.0;

/// A vector of a sketch.
pub(super) struct SketchedVector<'a> {
    pub(super) codes: &'a [i8],
    /// What a code is multiplied by.
    pub(super) scale: f32,
    /// The length of the difference at most.
    pub(super) rest: f32,
    /// The length of the vector itself.
    pub(super) length: f64,
}

/// A distance lies between them, both included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Sketch {
    /// Of no vectors, with room for `rows`.
    pub(crate) fn new(dimensions: usize, rows: usize) -> Sketch {
        let codes = Vec::with_capacity(dimensions * rows);
        Sketch { dimensions, codes, rows: Vec::with_capacity(rows), values: 0 }
    }

    /// Bytes of the sketch of so many vectors.
    pub(crate) fn bytes_of(dimensions: usize, rows: usize) -> usize {
        rows * (dimensions + size_of::<Row>())
    }

    /// Bytes that it holds.
    pub(crate) fn bytes(&self) -> usize {
        self.codes.capacity() + self.rows.capacity() * size_of::<Row>()
    }

    /// How many vectors there are, those that are NULL included.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many of them are not NULL.
    pub(crate) fn values(&self) -> usize {
        self.values as usize
    }

    /// The number of a vector among those that are not NULL; `None` for NULL.
    pub(crate) fn value_of(&self, row: usize) -> Option<usize> {
        let value = self.rows[row].value;
        (value != NULL).then_some(value as usize)
    }

    /// Adds a stored vector, or NULL.
    ///
    /// # Panics
    /// If it is of another dimension.
    pub(crate) fn push(&mut self, stored: Option<&[u8]>) {
        let Some(stored) = stored else {
            self.codes.resize(self.codes.len() + self.dimensions, 0);
            self.rows.push(Row { value: NULL, scale: 0.0, rest: 0.0, length: 0.0 });
            return;
        };
        let (elements, _) = stored.as_chunks::<4>();
        assert_eq!(elements.len(), self.dimensions, "vectors of one dimension");
        let numbers: Vec<f32> = elements.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let largest = largest(&numbers);
        let [squares] = sums(&numbers, &numbers, |x, _| [Term(x, x)]);
        let value = self.values;
        self.values += 1;
        let is_zero = numbers.iter().all(|x| *x == 0.0);
        if !is_trusted(squares) || !largest.is_finite() {
            self.codes.resize(self.codes.len() + self.dimensions, 0);
            // Nothing is known of it, but that zero is zero.
            let (rest, length) = if is_zero { (0.0, 0.0) } else { (f32::INFINITY, 1.0) };
            self.rows.push(Row { value, scale: 0.0, rest, length });
            return;
        }
        let scale = largest / CODE_MAX;
        let codes = self.codes.len();
        self.codes.resize(codes + self.dimensions, 0);
        let codes = &mut self.codes[codes..];
        encode(&numbers, scale, codes);
        let [rest] = sums(&numbers, codes, |x, code| {
            let rest = x - scale * code;
            [Term(rest, rest)]
        });
        // Rounding: of the sum, and of each of its terms.
        let terms = 2e-7 * largest * (self.dimensions as f32).sqrt();
        let rest = (rest.sqrt() * 1.001) as f32 + terms;
        self.rows.push(Row { value, scale, rest, length: squares.sqrt() });
    }

    /// A vector; `None` for NULL.
    #[inline]
    pub(super) fn row(&self, row: usize) -> Option<SketchedVector<'_>> {
        let Row { value, scale, rest, length } = self.rows[row];
        let codes = &self.codes[row * self.dimensions..(row + 1) * self.dimensions];
        (value != NULL).then_some(SketchedVector { codes, scale, rest, length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sketch_knows_which_value_a_row_is_among_those_that_are_not_null() {
        let mut sketch = Sketch::new(1, 3);
        for stored in [Some(1f32), None, Some(-2f32)] {
            sketch.push(stored.map(f32::to_le_bytes).as_ref().map(<[u8; 4]>::as_slice));
        }
        assert_eq!((sketch.len(), sketch.values()), (3, 2));
        assert_eq!([0, 1, 2].map(|row| sketch.value_of(row)), [Some(0), None, Some(1)]);
        let codes = [0, 2].map(|row| sketch.row(row).expect("it is not NULL").codes.to_vec());
        assert_eq!(codes, [[127], [-127]]);
        assert!(sketch.bytes() >= Sketch::bytes_of(1, 3));
    }
}
