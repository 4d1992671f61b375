//! Reading columns of records straight into Arrow arrays.

use std::io::Write;
use std::mem;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, BooleanBufferBuilder, Int64Array};
use datafusion::common::ScalarValue;

use super::builder::ColumnBuilder;
use super::layout::{Layouts, RowLayout, Slot};
use super::{RowHeader, damaged, read_stored_value};
use crate::model::{ColumnDefinition, ColumnId, KalamDataType, SchemaVersion, to_widened_text};
use crate::store::key::take_i64;
use crate::{Error, Result, SqlState};

/// What one output column of a [`RowDecoder`] shows.
#[derive(Clone, Debug)]
pub(crate) enum DecodeTarget {
    /// A column of the table.
    Column(ColumnTarget),
    /// The commit order, as Int64.
    Seq,
    /// Whether the row was deleted, as Boolean.
    Deleted,
    /// The hidden key, as Int64.
    HiddenKey,
    /// The same value in every row.
    Constant(ScalarValue),
}

/// A column of the table, as records of every version show it.
#[derive(Clone, Debug)]
pub(crate) struct ColumnTarget {
    id: ColumnId,
    /// Its type now; records of earlier versions are widened to it.
    data_type: KalamDataType,
    /// The type that earlier values have before they become text.
    text_of: Option<KalamDataType>,
    /// The stored bytes of what records of versions without the column show.
    initial: Option<Vec<u8>>,
}

impl DecodeTarget {
    /// The target that shows a column.
    pub(crate) fn column(column: &ColumnDefinition) -> DecodeTarget {
        DecodeTarget::Column(ColumnTarget::new(column))
    }
}

/// Decodes the wanted columns of records straight into Arrow arrays; no other column
/// is touched. Every read is bounds-checked: damaged bytes are an error.
pub(crate) struct RowDecoder {
    layouts: Arc<Layouts>,
    /// One for each version that was met, the current one first.
    plans: Vec<Plan>,
    outputs: Vec<Output>,
    /// The plan of the last record: most records are of one version.
    plan: usize,
    rows: usize,
    /// Set by an error, which leaves columns of different lengths.
    is_spent: bool,
    scratch: Vec<u8>,
}

/// Reads one column of records where it lies.
pub(crate) struct StoredColumn {
    layouts: Arc<Layouts>,
    target: ColumnTarget,
    /// One for each version that was met, the last one that was asked for first.
    plans: Vec<(Arc<RowLayout>, Source)>,
}

impl StoredColumn {
    /// A column whose earlier types, if it had any, are stored as its present one is.
    pub(crate) fn new(column: &ColumnDefinition, layouts: Arc<Layouts>) -> StoredColumn {
        StoredColumn { layouts, target: ColumnTarget::new(column), plans: Vec::new() }
    }

    /// The stored bytes of the column in a record; `None` for NULL.
    ///
    /// # Errors
    /// `XX001` if the record is damaged, or of a version without a layout.
    #[inline]
    pub(crate) fn value<'a>(
        &'a mut self,
        version: SchemaVersion,
        record: &'a [u8],
    ) -> Result<Option<&'a [u8]>> {
        if self.plans.first().is_none_or(|(layout, _)| layout.version != version) {
            self.turn_to(version)?;
        }
        let (layout, source) = &self.plans[0];
        layout.check(record)?;
        match source {
            Source::Same { number, slot } if !RowLayout::is_null(record, *number) => {
                layout.value(record, *slot).map(Some)
            }
            Source::Same { .. } => Ok(None),
            Source::Missing | Source::NotStored => Ok(self.target.initial.as_deref()),
            Source::Widened { .. } => Err(damaged()),
        }
    }

    /// Puts the plan for a version first.
    fn turn_to(&mut self, version: SchemaVersion) -> Result<()> {
        let known = self.plans.iter().position(|(layout, _)| layout.version == version);
        let at = match known {
            Some(known) => known,
            None => {
                let layout = self.layouts.at(version)?;
                let source = Source::of_column(&self.target, &layout)?;
                self.plans.push((layout, source));
                self.plans.len() - 1
            }
        };
        self.plans.swap(0, at);
        Ok(())
    }
}

/// Where each output finds its value in the records of one version.
struct Plan {
    layout: Arc<RowLayout>,
    sources: Vec<Source>,
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
    Column(ColumnBuilder, ColumnTarget),
    Seq(Vec<i64>),
    Deleted(BooleanBufferBuilder),
    HiddenKey(Vec<i64>),
    Constant(ScalarValue),
}

impl RowDecoder {
    /// A decoder of records of these layouts, with room for a first batch of `capacity` rows.
    /// Each later one has room for as much as the one before it.
    /// Without targets it counts.
    ///
    /// # Errors
    /// `XX001` if the current layout holds a column in a type that does not widen to
    /// the target's.
    pub(crate) fn new(
        targets: Vec<DecodeTarget>,
        layouts: Arc<Layouts>,
        capacity: usize,
    ) -> Result<Self> {
        let outputs: Vec<_> =
            targets.into_iter().map(|target| Output::new(target, capacity)).collect();
        let plans = vec![Plan::new(layouts.current().clone(), &outputs)?];
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
        if self.plans[self.plan].layout.version != header.version {
            self.plan = self.plan_of(header.version)?;
        }
        let Plan { layout, sources } = &self.plans[self.plan];
        layout.check(record)?;
        for (output, source) in self.outputs.iter_mut().zip(sources) {
            match output {
                Output::Column(builder, target) => match source {
                    Source::Same { number, .. } | Source::Widened { number, .. }
                        if RowLayout::is_null(record, *number) =>
                    {
                        builder.append_null();
                    }
                    Source::Same { slot, .. } => builder.append(layout.value(record, *slot)?)?,
                    Source::Widened { slot, from, .. } => {
                        self.scratch.clear();
                        let value = layout.value(record, *slot)?;
                        target.widen(from, value, &mut self.scratch)?;
                        builder.append(&self.scratch)?;
                    }
                    Source::Missing | Source::NotStored => match &target.initial {
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

    /// The plan for the records of a version, made when the first one is met.
    fn plan_of(&mut self, version: SchemaVersion) -> Result<usize> {
        if let Some(known) = self.plans.iter().position(|plan| plan.layout.version == version) {
            return Ok(known);
        }
        self.plans.push(Plan::new(self.layouts.at(version)?, &self.outputs)?);
        Ok(self.plans.len() - 1)
    }

    /// The arrays of the rows since the last call, in the order of the targets, of
    /// exactly their types' Arrow types; starts the next batch, with room for about as many.
    ///
    /// # Errors
    /// `XX001` if stored text is not UTF-8, or `push` has failed.
    pub(crate) fn finish(&mut self) -> Result<Vec<ArrayRef>> {
        self.finish_with(self.rows + self.rows / 8)
    }

    /// The same, of rows that are the last.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub(crate) fn finish_last(&mut self) -> Result<Vec<ArrayRef>> {
        self.finish_with(0)
    }

    fn finish_with(&mut self, room: usize) -> Result<Vec<ArrayRef>> {
        if self.is_spent {
            return Err(damaged());
        }
        let rows = mem::take(&mut self.rows);
        self.outputs.iter_mut().map(|output| output.finish(rows, room)).collect()
    }
}

impl Plan {
    fn new(layout: Arc<RowLayout>, outputs: &[Output]) -> Result<Plan> {
        let sources =
            outputs.iter().map(|output| Source::find(output, &layout)).collect::<Result<_>>()?;
        Ok(Plan { layout, sources })
    }
}

impl Source {
    fn find(output: &Output, layout: &RowLayout) -> Result<Source> {
        match output {
            Output::Column(_, target) => Source::of_column(target, layout),
            _ => Ok(Source::NotStored),
        }
    }

    fn of_column(target: &ColumnTarget, layout: &RowLayout) -> Result<Source> {
        let ColumnTarget { id, data_type, .. } = target;
        let Some(number) = layout.columns.iter().position(|column| column.id == *id) else {
            return Ok(Source::Missing);
        };
        let column = &layout.columns[number];
        if column.data_type == *data_type {
            return Ok(Source::Same { number, slot: column.slot });
        }
        if !column.data_type.widens_to(data_type) {
            return Err(damaged().with_detail(format!(
                "column {id} is {}, which does not widen to {data_type}",
                column.data_type
            )));
        }
        Ok(Source::Widened { number, slot: column.slot, from: column.data_type.clone() })
    }
}

impl Output {
    fn new(target: DecodeTarget, capacity: usize) -> Output {
        match target {
            DecodeTarget::Column(column) => {
                Output::Column(ColumnBuilder::new(&column.data_type, capacity), column)
            }
            DecodeTarget::Seq => Output::Seq(Vec::with_capacity(capacity)),
            DecodeTarget::Deleted => Output::Deleted(BooleanBufferBuilder::new(capacity)),
            DecodeTarget::HiddenKey => Output::HiddenKey(Vec::with_capacity(capacity)),
            DecodeTarget::Constant(value) => Output::Constant(value),
        }
    }

    fn finish(&mut self, rows: usize, room: usize) -> Result<ArrayRef> {
        Ok(match self {
            Output::Column(builder, _) => builder.finish(room)?,
            Output::Seq(values) | Output::HiddenKey(values) => {
                let next = Vec::with_capacity(room);
                Arc::new(Int64Array::from(mem::replace(values, next)))
            }
            Output::Deleted(values) => Arc::new(BooleanArray::new(values.finish(), None)),
            Output::Constant(value) => value.to_array_of_size(rows).map_err(|e| {
                Error::new(SqlState::INTERNAL_ERROR, "constant has no array").with_source(e)
            })?,
        })
    }
}

impl ColumnTarget {
    fn new(column: &ColumnDefinition) -> ColumnTarget {
        ColumnTarget {
            id: column.id,
            data_type: column.data_type.clone(),
            text_of: column.text_of.clone(),
            initial: column.initial.clone(),
        }
    }

    /// Appends the stored bytes of a value of type `from` in the column's type.
    fn widen(&self, from: &KalamDataType, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        match &self.text_of {
            Some(before) if before != from && self.data_type == KalamDataType::Text => {
                let mut value = Vec::new();
                widen(from, before, bytes, &mut value)?;
                widen(before, &self.data_type, &value, out)
            }
            _ => widen(from, &self.data_type, bytes, out),
        }
    }
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
            let text = to_widened_text(&read_stored_value(from, Some(bytes))?)?;
            out.extend_from_slice(text.value(0).as_bytes());
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
