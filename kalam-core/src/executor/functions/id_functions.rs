//! SNOWFLAKE_ID(), UUID_V7(), UUID(), ULID() and RANDOM_STRING(n) in queries.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::common::{exec_datafusion_err, exec_err};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::default_value::{DefaultContext, RANDOM_STRING_CHARS_MAX};
use crate::catalog::DefaultValue;
use crate::env::IdSource;
use crate::model::KalamDataType;

/// The functions that make ids: one value for each row, none of it folded away.
pub(crate) fn id_functions(ids: &Arc<IdSource>) -> Vec<Arc<ScalarUDF>> {
    let generated = [
        ("snowflake_id", DefaultValue::SnowflakeId, KalamDataType::BigInt),
        ("uuid_v7", DefaultValue::UuidV7, KalamDataType::Uuid),
        ("uuid", DefaultValue::UuidV4, KalamDataType::Uuid),
        ("ulid", DefaultValue::Ulid, KalamDataType::Text),
    ];
    let mut functions: Vec<Arc<ScalarUDF>> = generated
        .into_iter()
        .map(|(name, value, data_type)| {
            let signature = Signature::nullary(Volatility::Volatile);
            let ids = ids.clone();
            let function = IdFunction { name, value, data_type, signature, ids };
            Arc::new(ScalarUDF::new_from_impl(function))
        })
        .collect();
    let signature = Signature::exact(vec![DataType::Int64], Volatility::Volatile);
    let random = RandomString { signature, ids: ids.clone() };
    functions.push(Arc::new(ScalarUDF::new_from_impl(random)));
    functions
}

#[derive(Debug)]
struct IdFunction {
    name: &'static str,
    value: DefaultValue,
    data_type: KalamDataType,
    signature: Signature,
    ids: Arc<IdSource>,
}

impl PartialEq for IdFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && Arc::ptr_eq(&self.ids, &other.ids)
    }
}

impl Eq for IdFunction {}

impl Hash for IdFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for IdFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DataFusionResult<DataType> {
        Ok(self.data_type.arrow_type())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs<'_>) -> DataFusionResult<FieldRef> {
        Ok(Arc::new(self.data_type.arrow_field(self.name, false)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let context = DefaultContext { now_us: 0, user: "", role: "", ids: &self.ids };
        let values = self
            .value
            .array(args.number_rows, &context)
            .map_err(|e| DataFusionError::External(Box::new(e)))?;
        Ok(ColumnarValue::Array(values))
    }
}

#[derive(Debug)]
struct RandomString {
    signature: Signature,
    ids: Arc<IdSource>,
}

impl PartialEq for RandomString {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.ids, &other.ids)
    }
}

impl Eq for RandomString {}

impl Hash for RandomString {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl ScalarUDFImpl for RandomString {
    fn name(&self) -> &'static str {
        "random_string"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let Some(lengths) = args.args.first() else {
            return exec_err!("random_string takes the number of characters");
        };
        let lengths: ArrayRef = lengths.to_array(args.number_rows)?;
        let lengths = lengths.as_primitive::<Int64Type>();
        let texts = (0..lengths.len())
            .map(|row| {
                if lengths.is_null(row) {
                    return Ok(None);
                }
                let length = u32::try_from(lengths.value(row)).ok();
                let length = length.filter(|n| *n <= RANDOM_STRING_CHARS_MAX).ok_or_else(|| {
                    exec_datafusion_err!(
                        "random_string takes 0 to {RANDOM_STRING_CHARS_MAX} characters"
                    )
                })?;
                Ok(Some(self.ids.random_string(length as usize)))
            })
            .collect::<DataFusionResult<StringArray>>()?;
        Ok(ColumnarValue::Array(Arc::new(texts)))
    }
}
