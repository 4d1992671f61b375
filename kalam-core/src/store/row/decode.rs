//! Reading columns of records straight into Arrow arrays.

use std::io::Write;
use std::mem;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, BooleanBufferBuilder, Int64Array};
use datafusion::common::ScalarValue;

use super::builder::ColumnBuilder;
use super::layout::{RowLayout, Slot};
use super::{RowHeader, damaged};
use crate::model::{ColumnId, KalamDataType, to_text};
use crate::store::column::Column;
use crate::store::key::take_i64;
use crate::{Error, Result, SqlState};

/// What one output column of a [`RowDecoder`] shows.
#[derive(Clone, Debug)]
pub(crate) enum DecodeTarget {
    /// A column of the table.
    Column {
        /// Which.
        id: ColumnId,
        /// Its type now; records of earlier versions are widened to it.
        data_type: KalamDataType,
        /// What records of versions without the column show; `None` is NULL.
        missing: Option<ScalarValue>,
    },
    /// The commit order, as Int64.
    Seq,
    /// Whether the row was deleted, as Boolean.
    Deleted,
    /// The hidden key, as Int64.
    HiddenKey,
    /// The same value in every row.
    Constant(ScalarValue),
}

/// Decodes the wanted columns of records straight into Arrow arrays; no other column
/// is touched. Every read is bounds-checked: damaged bytes are an error.
pub(crate) struct RowDecoder {
    layouts: Vec<Arc<RowLayout>>,
    /// For each layout, where each output finds its value.
    plans: Vec<Vec<Source>>,
    outputs: Vec<Output>,
    /// The plan of the last record: most records are of one version.
    plan: usize,
    rows: usize,
    /// Set by an error, which leaves columns of different lengths.
    is_spent: bool,
    scratch: Vec<u8>,
}

/// Where an output finds its value in the records of one layout.
enum Source {
    /// Not among the columns of the record.
    NotStored,
    /// In the column with this number, as it is.
    Same { number: usize, slot: Slot },
    /// In the column with this number, which was narrower then.
    Widened { number: usize, slot: Slot, from: KalamDataType },
    /// The layout lacks the column.
    Missing,
}

enum Output {
    /// The bytes are what a record without the column shows; `None` is NULL.
    Column(ColumnBuilder, KalamDataType, Option<Vec<u8>>),
    Seq(Vec<i64>),
    Deleted(BooleanBufferBuilder),
    HiddenKey(Vec<i64>),
    Constant(ScalarValue),
}

impl RowDecoder {
    /// A decoder of records of these layouts, for batches of about `capacity` rows.
    /// Without targets it counts.
    ///
    /// # Errors
    /// `XX000` if a layout holds a column in a type that does not widen to the
    /// target's, or a missing value is of another type.
    pub(crate) fn new(
        targets: Vec<DecodeTarget>,
        layouts: Vec<Arc<RowLayout>>,
        capacity: usize,
    ) -> Result<Self> {
        let plans = layouts
            .iter()
            .map(|layout| targets.iter().map(|target| Source::find(target, layout)).collect())
            .collect::<Result<_>>()?;
        let outputs = targets
            .into_iter()
            .map(|target| Output::new(target, capacity))
            .collect::<Result<_>>()?;
        Ok(RowDecoder {
            layouts,
            plans,
            outputs,
            plan: 0,
            rows: 0,
            is_spent: false,
            scratch: Vec::new(),
        })
    }

    /// Rows since the last [`finish`](Self::finish).
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Decodes one record. `key_suffix` is the key after the scope prefix.
    ///
    /// # Errors
    /// `XX001` if the record is damaged, or of a version without a layout. The
    /// decoder is of no use afterwards.
    pub(crate) fn push(&mut self, key_suffix: &[u8], record: &[u8]) -> Result<()> {
        let result = self.decode(key_suffix, record);
        self.is_spent |= result.is_err();
        result
    }

    fn decode(&mut self, key_suffix: &[u8], record: &[u8]) -> Result<()> {
        let header = RowHeader::read(record)?;
        if self.layouts.get(self.plan).is_none_or(|layout| layout.version != header.version) {
            let plan = self.layouts.iter().position(|layout| layout.version == header.version);
            self.plan = plan.ok_or_else(|| {
                damaged().with_detail(format!("schema version {} is unknown", header.version))
            })?;
        }
        let layout = &self.layouts[self.plan];
        layout.check(record)?;
        for (output, source) in self.outputs.iter_mut().zip(&self.plans[self.plan]) {
            match output {
                Output::Column(builder, data_type, missing) => match source {
                    Source::Same { number, .. } | Source::Widened { number, .. }
                        if RowLayout::is_null(record, *number) =>
                    {
                        builder.append_null();
                    }
                    Source::Same { slot, .. } => builder.append(layout.value(record, *slot)?)?,
                    Source::Widened { slot, from, .. } => {
                        self.scratch.clear();
                        let value = layout.value(record, *slot)?;
                        widen(from, data_type, value, &mut self.scratch)?;
                        builder.append(&self.scratch)?;
                    }
                    Source::Missing | Source::NotStored => match missing {
                        Some(value) => builder.append(value)?,
                        None => builder.append_null(),
                    },
                },
                Output::Seq(values) => values.push(header.seq.get().cast_signed()),
                Output::Deleted(values) => values.append(header.is_deleted()),
                Output::HiddenKey(values) => {
                    let mut rest = key_suffix;
                    match take_i64(&mut rest) {
                        Some(value) if rest.is_empty() => values.push(value),
                        _ => {
                            return Err(Error::new(SqlState::DATA_CORRUPTED, "row key is damaged"));
                        }
                    }
                }
                Output::Constant(_) => {}
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// The arrays of the rows since the last call, in the order of the targets, of
    /// exactly their types' Arrow types; starts the next batch.
    ///
    /// # Errors
    /// `XX001` if stored text is not UTF-8, or `push` has failed.
    pub(crate) fn finish(&mut self) -> Result<Vec<ArrayRef>> {
        if self.is_spent {
            return Err(damaged());
        }
        let rows = mem::take(&mut self.rows);
        self.outputs.iter_mut().map(|output| output.finish(rows)).collect()
    }
}

impl Source {
    fn find(target: &DecodeTarget, layout: &RowLayout) -> Result<Source> {
        let DecodeTarget::Column { id, data_type, .. } = target else {
            return Ok(Source::NotStored);
        };
        let Some(number) = layout.columns.iter().position(|column| column.id == *id) else {
            return Ok(Source::Missing);
        };
        let column = &layout.columns[number];
        if column.data_type == *data_type {
            return Ok(Source::Same { number, slot: column.slot });
        }
        if !column.data_type.widens_to(data_type) {
            return Err(Error::new(
                SqlState::INTERNAL_ERROR,
                format!("column {id} is {}, which does not widen to {data_type}", column.data_type),
            ));
        }
        Ok(Source::Widened { number, slot: column.slot, from: column.data_type.clone() })
    }
}

impl Output {
    fn new(target: DecodeTarget, capacity: usize) -> Result<Output> {
        Ok(match target {
            DecodeTarget::Column { data_type, missing, .. } => {
                let missing = match missing {
                    Some(value) if !value.is_null() => Some(stored_bytes(&data_type, &value)?),
                    _ => None,
                };
                Output::Column(ColumnBuilder::new(&data_type, capacity), data_type, missing)
            }
            DecodeTarget::Seq => Output::Seq(Vec::with_capacity(capacity)),
            DecodeTarget::Deleted => Output::Deleted(BooleanBufferBuilder::new(capacity)),
            DecodeTarget::HiddenKey => Output::HiddenKey(Vec::with_capacity(capacity)),
            DecodeTarget::Constant(value) => Output::Constant(value),
        })
    }

    fn finish(&mut self, rows: usize) -> Result<ArrayRef> {
        Ok(match self {
            Output::Column(builder, ..) => builder.finish()?,
            Output::Seq(values) | Output::HiddenKey(values) => {
                let next = Vec::with_capacity(values.capacity());
                Arc::new(Int64Array::from(mem::replace(values, next)))
            }
            Output::Deleted(values) => Arc::new(BooleanArray::new(values.finish(), None)),
            Output::Constant(value) => value.to_array_of_size(rows).map_err(|e| {
                Error::new(SqlState::INTERNAL_ERROR, "constant has no array").with_source(e)
            })?,
        })
    }
}

/// The bytes that a record would have for a value.
fn stored_bytes(data_type: &KalamDataType, value: &ScalarValue) -> Result<Vec<u8>> {
    let array = value.to_array().map_err(|e| {
        Error::new(SqlState::INTERNAL_ERROR, "missing value has no array").with_source(e)
    })?;
    let column = Column::new(data_type, &array)?;
    let mut bytes = Vec::new();
    match data_type.is_fixed_width() {
        Some(width) => {
            bytes.resize(width, 0);
            column.write_fixed(0, &mut bytes);
        }
        None => column.append_variable(0, &mut bytes),
    }
    Ok(bytes)
}

/// Appends the stored bytes of a value in a wider type.
fn widen(from: &KalamDataType, to: &KalamDataType, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
    use KalamDataType::{BigInt, Decimal, Double, File, Float, Int, Json, SmallInt, Text};
    match (from, to) {
        (SmallInt, Int) => {
            out.extend_from_slice(&i32::from(i16::from_le_bytes(fixed(bytes)?)).to_le_bytes());
        }
        (SmallInt, BigInt) => {
            out.extend_from_slice(&i64::from(i16::from_le_bytes(fixed(bytes)?)).to_le_bytes());
        }
        (Int, BigInt) => {
            out.extend_from_slice(&i64::from(i32::from_le_bytes(fixed(bytes)?)).to_le_bytes());
        }
        (Float, Double) => {
            out.extend_from_slice(&f64::from(f32::from_le_bytes(fixed(bytes)?)).to_le_bytes());
        }
        (Decimal { scale: from_scale, .. }, Decimal { scale, .. }) => {
            let power = 10i128.pow(u32::from(scale - from_scale));
            let value = i128::from_le_bytes(fixed(bytes)?);
            let value = value.checked_mul(power).ok_or_else(damaged)?;
            out.extend_from_slice(&value.to_le_bytes());
        }
        (Json | File, Text) => out.extend_from_slice(bytes),
        (SmallInt, Text) => write_text(i16::from_le_bytes(fixed(bytes)?), out),
        (Int, Text) => write_text(i32::from_le_bytes(fixed(bytes)?), out),
        (BigInt, Text) => write_text(i64::from_le_bytes(fixed(bytes)?), out),
        // Rare enough to go through an array of one value.
        _ => {
            let mut value = ColumnBuilder::new(from, 1);
            value.append(bytes)?;
            out.extend_from_slice(to_text(&value.finish()?)?.value(0).as_bytes());
        }
    }
    Ok(())
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| damaged())
}

fn write_text(value: impl std::fmt::Display, out: &mut Vec<u8>) {
    write!(out, "{value}").expect("writing to memory does not fail");
}
