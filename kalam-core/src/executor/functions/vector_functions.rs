//! `cosine_distance`, `l2_distance` and what else is computed from vectors.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int32Array, ListArray};
use arrow::datatypes::{DataType, Field, FieldRef, Float32Type};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::vector_argument::{Vectors, is_vector};
use super::{as_scalar, external};
use crate::model::KalamDataType;
use crate::vector::{cosine_distance, inner_product, l2_distance, norm};
use crate::{Error, Result, SqlState};

/// The functions of vectors, named as pgvector names them.
///
/// Arguments are embeddings, lists of numbers or their text. NULL gives NULL.
pub(crate) fn vector_functions() -> Vec<Arc<ScalarUDF>> {
    let of_two = [
        ("cosine_distance", Computation::Pair(cosine_distance::<f32>)),
        ("l2_distance", Computation::Pair(l2_distance::<f32>)),
        ("inner_product", Computation::Pair(inner_product::<f32>)),
        // Not by the sign: minus zero is written so.
        ("negative_inner_product", Computation::Pair(|a, b| 0.0 - inner_product(a, b))),
    ];
    let of_one = [
        ("vector_norm", Computation::Norm),
        ("vector_dims", Computation::Dimensions),
        ("l2_normalize", Computation::Normalize),
    ];
    of_two
        .into_iter()
        .chain(of_one)
        .map(|(name, computation)| {
            let arguments = if matches!(computation, Computation::Pair(_)) { 2 } else { 1 };
            let signature = Signature::any(arguments, Volatility::Immutable);
            let function = VectorFunction { name, computation, signature };
            Arc::new(ScalarUDF::new_from_impl(function))
        })
        .collect()
}

#[derive(Clone, Copy, Debug)]
enum Computation {
    Pair(fn(&[f32], &[f32]) -> f64),
    Norm,
    Dimensions,
    Normalize,
}

#[derive(Debug)]
struct VectorFunction {
    name: &'static str,
    computation: Computation,
    signature: Signature,
}

impl PartialEq for VectorFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for VectorFunction {}

impl std::hash::Hash for VectorFunction {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl VectorFunction {
    fn compute(&self, arguments: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let vectors = arguments.iter().map(Vectors::read).collect::<Result<Vec<_>>>()?;
        match (self.computation, vectors.as_slice()) {
            (Computation::Pair(compute), [left, right]) => {
                let mut found = Float64Array::builder(rows);
                for row in 0..rows {
                    found.append_option(match (left.get(row), right.get(row)) {
                        (Some(a), Some(b)) if a.len() == b.len() => Some(compute(a, b)),
                        (Some(a), Some(b)) => return Err(self.dimensions_differ(a, b)),
                        _ => None,
                    });
                }
                Ok(Arc::new(found.finish()))
            }
            (Computation::Norm, [vector]) => {
                let norms = (0..rows).map(|row| vector.get(row).map(norm));
                Ok(Arc::new(norms.collect::<Float64Array>()))
            }
            (Computation::Dimensions, [vector]) => {
                let sizes = (0..rows).map(|row| vector.get(row).map(|v| v.len() as i32));
                Ok(Arc::new(sizes.collect::<Int32Array>()))
            }
            (Computation::Normalize, [vector]) => {
                Ok(Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(
                    (0..rows).map(|row| vector.get(row).map(unit)),
                )))
            }
            _ => Err(Error::new(
                SqlState::UNDEFINED_FUNCTION,
                format!("{} takes other arguments", self.name),
            )),
        }
    }

    fn dimensions_differ(&self, a: &[f32], b: &[f32]) -> Error {
        Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!(
                "{} takes vectors of one dimension, got {} and {}",
                self.name,
                a.len(),
                b.len()
            ),
        )
    }
}

impl ScalarUDFImpl for VectorFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DataFusionResult<DataType> {
        Ok(match self.computation {
            Computation::Pair(_) | Computation::Norm => DataType::Float64,
            Computation::Dimensions => DataType::Int32,
            Computation::Normalize => DataType::List(KalamDataType::Float.list_item_field()),
        })
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> DataFusionResult<FieldRef> {
        if let Some(other) = args.arg_fields.iter().map(|f| f.data_type()).find(|t| !is_vector(t)) {
            let got = KalamDataType::name_of_arrow_type(other);
            return Err(external(Error::new(
                SqlState::UNDEFINED_FUNCTION,
                format!("function \"{}\" takes vectors, got {got}", self.name),
            )));
        }
        Ok(Arc::new(Field::new(self.name, self.return_type(&[])?, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let constant = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let array = self.compute(&args.args, rows).map_err(external)?;
        if constant { as_scalar(&array) } else { Ok(ColumnarValue::Array(array)) }
    }
}

/// The vector of length one in the same direction; zero stays zero.
fn unit(vector: &[f32]) -> Vec<Option<f32>> {
    let norm = norm(vector);
    let scaled = |x: &f32| if norm == 0.0 { *x } else { (f64::from(*x) / norm) as f32 };
    vector.iter().map(|x| Some(scaled(x))).collect()
}
