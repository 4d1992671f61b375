//! `SUM` of integers that fails where its total leaves 64 bits.
//!
//! DataFusion adds in 64 bits and wraps around. Here integers are added in 128 bits,
//! which no number of rows fills, and the total is checked once, so that neither the
//! order of rows nor their partitions decide whether a sum fails.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Int64Array};
use arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DataFusionResult;
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF,
    SetMonotonicity, Signature,
};

use super::external;
use crate::{Error, SqlState};

/// The type in which integers are added.
const WIDE: DataType = DataType::Decimal128(38, 0);

/// `SUM`, in place of DataFusion's.
pub(crate) fn checked_sum() -> AggregateUDF {
    AggregateUDF::new_from_impl(CheckedSum { sum: Sum::new() })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CheckedSum {
    sum: Sum,
}

fn is_integer(field: &Field) -> bool {
    field.data_type() == &DataType::Int64
}

fn wide(field: &Field) -> FieldRef {
    Arc::new(field.clone().with_data_type(WIDE))
}

fn wide_args<'a>(args: &AccumulatorArgs<'a>) -> AccumulatorArgs<'a> {
    AccumulatorArgs { return_field: wide(&args.return_field), ..*args }
}

impl AggregateUDFImpl for CheckedSum {
    fn name(&self) -> &str {
        self.sum.name()
    }

    fn signature(&self) -> &Signature {
        self.sum.signature()
    }

    fn return_type(&self, types: &[DataType]) -> DataFusionResult<DataType> {
        self.sum.return_type(types)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> DataFusionResult<Box<dyn Accumulator>> {
        if !is_integer(&args.return_field) {
            return self.sum.accumulator(args);
        }
        Ok(Box::new(Checked(self.sum.accumulator(wide_args(&args))?)))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> DataFusionResult<Vec<FieldRef>> {
        if !is_integer(&args.return_field) {
            return self.sum.state_fields(args);
        }
        let return_field = wide(&args.return_field);
        self.sum.state_fields(StateFieldsArgs { return_field, ..args })
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.sum.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> DataFusionResult<Box<dyn GroupsAccumulator>> {
        if !is_integer(&args.return_field) {
            return self.sum.create_groups_accumulator(args);
        }
        Ok(Box::new(CheckedGroups(self.sum.create_groups_accumulator(wide_args(&args))?)))
    }

    /// Sums of distinct values over sliding frames are there only in 64 bits, and
    /// wrap around.
    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> DataFusionResult<Box<dyn Accumulator>> {
        if !is_integer(&args.return_field) || args.is_distinct {
            return self.sum.create_sliding_accumulator(args);
        }
        Ok(Box::new(Checked(self.sum.create_sliding_accumulator(wide_args(&args))?)))
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.sum.reverse_expr()
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.sum.order_sensitivity()
    }

    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        self.sum.set_monotonicity(data_type)
    }
}

/// One sum, in 128 bits inside.
#[derive(Debug)]
struct Checked(Box<dyn Accumulator>);

impl Accumulator for Checked {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        self.0.update_batch(&widened(values)?)
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        match self.0.evaluate()? {
            ScalarValue::Decimal128(total, ..) => {
                total.map(narrowed).transpose().map(ScalarValue::Int64)
            }
            other => Ok(other),
        }
    }

    fn size(&self) -> usize {
        self.0.size()
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        self.0.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        self.0.merge_batch(states)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        self.0.retract_batch(&widened(values)?)
    }

    fn supports_retract_batch(&self) -> bool {
        self.0.supports_retract_batch()
    }
}

/// The sums of groups, in 128 bits inside.
struct CheckedGroups(Box<dyn GroupsAccumulator>);

impl GroupsAccumulator for CheckedGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        groups: usize,
    ) -> DataFusionResult<()> {
        self.0.update_batch(&widened(values)?, group_indices, filter, groups)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> DataFusionResult<ArrayRef> {
        let totals = self.0.evaluate(emit_to)?;
        let totals = totals.as_primitive::<Decimal128Type>();
        Ok(Arc::new(totals.try_unary::<_, Int64Type, _>(narrowed)?))
    }

    fn state(&mut self, emit_to: EmitTo) -> DataFusionResult<Vec<ArrayRef>> {
        self.0.state(emit_to)
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        groups: usize,
    ) -> DataFusionResult<()> {
        self.0.merge_batch(values, group_indices, groups)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> DataFusionResult<Vec<ArrayRef>> {
        self.0.convert_to_state(&widened(values)?, filter)
    }

    fn size(&self) -> usize {
        self.0.size()
    }
}

fn widened(values: &[ArrayRef]) -> DataFusionResult<Vec<ArrayRef>> {
    let widen = |array: &ArrayRef| {
        let integers: &Int64Array = array.as_primitive();
        let wide: Decimal128Array = integers.unary(i128::from);
        debug_assert_eq!(wide.len(), array.len());
        Ok(Arc::new(wide.with_data_type(WIDE)) as ArrayRef)
    };
    values.iter().map(widen).collect()
}

fn narrowed(total: i128) -> DataFusionResult<i64> {
    i64::try_from(total).map_err(|_| {
        external(
            Error::new(SqlState::NUMERIC_OUT_OF_RANGE, "sum is out of range for BIGINT")
                .with_hint("add as DECIMAL: SUM(n::DECIMAL(38, 0))"),
        )
    })
}
