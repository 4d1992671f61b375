//! The functions and operators of JSON, as PostgreSQL has them for `jsonb`.
//!
//! Values stay as they are written: `->` gives a part of the text, with its white
//! space, its order of keys and every digit of its numbers.

mod argument;
mod operation;
pub(in crate::executor) mod text;

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int32Array, StringBuilder};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TypeSignature, Volatility,
};

pub(in crate::executor) use argument::is_json;
use argument::{Argument, Takes};
use operation::Step;
use text::Kind;

use super::{as_scalar, external};
use crate::model::KalamDataType;
use crate::{Error, Result, SqlState};

/// One value of a result.
enum Output<'a> {
    Text(Cow<'a, str>),
    Boolean(bool),
    Int(i32),
}

impl Output<'_> {
    fn boolean(self) -> Option<bool> {
        if let Output::Boolean(value) = self { Some(value) } else { None }
    }

    fn int(self) -> Option<i32> {
        if let Output::Int(value) = self { Some(value) } else { None }
    }
}

/// The arguments of one row.
#[derive(Clone, Copy)]
struct Row<'a> {
    arguments: &'a [Argument],
    row: usize,
}

impl<'a> Row<'a> {
    fn text(self, place: usize) -> Option<&'a str> {
        self.arguments.get(place).and_then(|argument| argument.text(self.row))
    }

    fn path(self, place: usize) -> Option<&'a [String]> {
        self.arguments.get(place).and_then(|argument| argument.path(self.row))
    }

    /// The texts from a place on; `None` if one is NULL.
    fn texts(self, from: usize) -> Option<Vec<String>> {
        (from..self.arguments.len()).map(|place| self.text(place).map(str::to_owned)).collect()
    }
}

type Compute = for<'a> fn(Row<'a>) -> Result<Option<Output<'a>>>;

/// What a function takes after its fixed arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    None,
    Optional(Takes),
    Any(Takes),
}

/// A function before it has its frame.
struct Entry(&'static str, &'static [Takes], Rest, KalamDataType, Compute);

/// The functions; those named `json_..` are there as `jsonb_..` too.
pub(crate) fn json_functions() -> Vec<Arc<ScalarUDF>> {
    use KalamDataType::{Boolean, Int, Json, Text};
    use Takes::Any;
    const J: Takes = Takes::Json;
    [
        Entry("json_get", &[J, Takes::Step], Rest::None, Json, |r| Ok(get(r)?.map(json))),
        Entry("json_get_text", &[J, Takes::Step], Rest::None, Text, |r| unquoted(get(r)?)),
        Entry("json_get_path", &[J, Takes::Path], Rest::None, Json, |r| Ok(get_path(r)?.map(json))),
        Entry("json_get_path_text", &[J, Takes::Path], Rest::None, Text, |r| {
            unquoted(get_path(r)?)
        }),
        Entry("json_extract_path", &[J], Rest::Any(Takes::Text), Json, |r| {
            Ok(extract(r)?.map(json))
        }),
        Entry("json_extract_path_text", &[J], Rest::Any(Takes::Text), Text, |r| {
            unquoted(extract(r)?)
        }),
        Entry("json_contains", &[J, J], Rest::None, Boolean, |r| contains(r, 0, 1)),
        Entry("json_contained", &[J, J], Rest::None, Boolean, |r| contains(r, 1, 0)),
        Entry("json_exists", &[J, Takes::Text], Rest::None, Boolean, exists),
        Entry("json_exists_any", &[J, Takes::Path], Rest::None, Boolean, |r| exists_of(r, false)),
        Entry("json_exists_all", &[J, Takes::Path], Rest::None, Boolean, |r| exists_of(r, true)),
        Entry("json_typeof", &[J], Rest::None, Text, |r| Ok(r.text(0).map(type_of))),
        Entry("json_array_length", &[J], Rest::None, Int, array_length),
        Entry("json_valid", &[Takes::Text], Rest::None, Boolean, |r| {
            Ok(r.text(0).map(|text| Output::Boolean(text::check(text).is_ok())))
        }),
        Entry("json_set", &[J, Takes::Path, J], Rest::Optional(Takes::Boolean), Json, set),
        Entry("json_concat", &[J, J], Rest::None, Json, concat),
        Entry("json_build_array", &[], Rest::Any(Any), Json, build_array),
        Entry("json_build_object", &[], Rest::Any(Any), Json, build_object),
        Entry("to_json", &[Any], Rest::None, Json, |r| Ok(r.text(0).map(json))),
        Entry("to_jsonb", &[Any], Rest::None, Json, |r| Ok(r.text(0).map(json))),
    ]
    .into_iter()
    .map(|entry| Arc::new(ScalarUDF::new_from_impl(JsonFunction::new(entry))))
    .collect()
}

/// What `CAST(.. AS JSON)` is: the text, checked.
pub(crate) fn json_cast() -> ScalarUDF {
    ScalarUDF::new_from_impl(JsonFunction::new(Entry(
        "json_cast",
        &[Takes::Json],
        Rest::None,
        KalamDataType::Json,
        |row| Ok(row.text(0).map(json)),
    )))
}

fn json(part: &str) -> Output<'_> {
    Output::Text(Cow::Borrowed(part))
}

fn unquoted(part: Option<&str>) -> Result<Option<Output<'_>>> {
    match part {
        Some(part) => Ok(operation::as_text(part)?.map(Output::Text)),
        None => Ok(None),
    }
}

fn get(row: Row<'_>) -> Result<Option<&str>> {
    let index = row.arguments[1].index(row.row).map(Step::Index);
    match (row.text(0), index.or_else(|| row.text(1).map(Step::Name))) {
        (Some(json), Some(step)) => operation::get(json, &step),
        _ => Ok(None),
    }
}

fn get_path(row: Row<'_>) -> Result<Option<&str>> {
    match (row.text(0), row.path(1)) {
        (Some(json), Some(path)) => operation::get_path(json, path),
        _ => Ok(None),
    }
}

fn extract(row: Row<'_>) -> Result<Option<&str>> {
    match (row.text(0), row.texts(1)) {
        (Some(json), Some(path)) => operation::get_path(json, &path),
        _ => Ok(None),
    }
}

fn contains(row: Row<'_>, outer: usize, inner: usize) -> Result<Option<Output<'_>>> {
    let found = row.arguments[outer].with_parsed(row.row, |outer| {
        row.arguments[inner].with_parsed(row.row, |inner| Ok(operation::contains(outer, inner)))
    })?;
    Ok(found.flatten().map(Output::Boolean))
}

fn exists(row: Row<'_>) -> Result<Option<Output<'_>>> {
    match (row.text(0), row.text(1)) {
        (Some(json), Some(key)) => Ok(Some(Output::Boolean(operation::exists(json, key)?))),
        _ => Ok(None),
    }
}

fn exists_of(row: Row<'_>, all: bool) -> Result<Option<Output<'_>>> {
    let (Some(json), Some(keys)) = (row.text(0), row.path(1)) else { return Ok(None) };
    for key in keys {
        if operation::exists(json, key)? != all {
            return Ok(Some(Output::Boolean(!all)));
        }
    }
    Ok(Some(Output::Boolean(all)))
}

fn type_of(json: &str) -> Output<'_> {
    Output::Text(Cow::Borrowed(match text::kind(json) {
        Kind::Object => "object",
        Kind::Array => "array",
        Kind::String => "string",
        Kind::Number => "number",
        Kind::Boolean => "boolean",
        Kind::Null => "null",
    }))
}

fn array_length(row: Row<'_>) -> Result<Option<Output<'_>>> {
    let Some(json) = row.text(0) else { return Ok(None) };
    if text::kind(json) != Kind::Array {
        return Err(invalid("json_array_length takes an array"));
    }
    let length = i32::try_from(text::elements(json)?.len()).unwrap_or(i32::MAX);
    Ok(Some(Output::Int(length)))
}

fn set(row: Row<'_>) -> Result<Option<Output<'_>>> {
    let create = match row.arguments.get(3) {
        Some(argument) => argument.boolean(row.row),
        None => Some(true),
    };
    match (row.text(0), row.path(1), row.text(2), create) {
        (Some(json), Some(path), Some(new), Some(create)) => {
            let changed = operation::set(json, path, new, create)?;
            Ok(Some(Output::Text(Cow::Owned(changed))))
        }
        _ => Ok(None),
    }
}

fn concat(row: Row<'_>) -> Result<Option<Output<'_>>> {
    match (row.text(0), row.text(1)) {
        (Some(left), Some(right)) => {
            Ok(Some(Output::Text(Cow::Owned(operation::concat(left, right)?))))
        }
        _ => Ok(None),
    }
}

fn build_array(row: Row<'_>) -> Result<Option<Output<'_>>> {
    let elements = (0..row.arguments.len()).map(|place| row.text(place).unwrap_or("null"));
    Ok(Some(Output::Text(Cow::Owned(operation::array(elements)))))
}

fn build_object(row: Row<'_>) -> Result<Option<Output<'_>>> {
    if !row.arguments.len().is_multiple_of(2) {
        return Err(invalid("json_build_object takes keys and values by turns"));
    }
    let mut members = Vec::with_capacity(row.arguments.len() / 2);
    for place in (0..row.arguments.len()).step_by(2) {
        let key = row.text(place).ok_or_else(|| invalid("a key of an object is NULL"))?;
        let key = if text::kind(key) == Kind::String { text::string(key)? } else { key.into() };
        members.push((key, row.text(place + 1).unwrap_or("null")));
    }
    let object = operation::object(members.iter().map(|(key, value)| (key.as_ref(), *value)));
    Ok(Some(Output::Text(Cow::Owned(object))))
}

fn invalid(message: &'static str) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

#[derive(Debug)]
struct JsonFunction {
    name: &'static str,
    aliases: Vec<String>,
    takes: &'static [Takes],
    rest: Rest,
    returns: KalamDataType,
    compute: Compute,
    signature: Signature,
}

impl PartialEq for JsonFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for JsonFunction {}

impl Hash for JsonFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl JsonFunction {
    fn new(Entry(name, takes, rest, returns, compute): Entry) -> JsonFunction {
        let aliases = name.strip_prefix("json_").map(|rest| format!("jsonb_{rest}"));
        let mut signature = Signature::variadic_any(Volatility::Immutable);
        if takes.is_empty() {
            let either = vec![TypeSignature::Nullary, TypeSignature::VariadicAny];
            signature = Signature::one_of(either, Volatility::Immutable);
        }
        let aliases = aliases.into_iter().collect();
        JsonFunction { name, aliases, takes, rest, returns, compute, signature }
    }

    /// What is taken at a place; `None` past the end.
    fn takes(&self, place: usize) -> Option<Takes> {
        match (self.takes.get(place), self.rest) {
            (Some(takes), _) => Some(*takes),
            (None, Rest::Any(takes)) => Some(takes),
            (None, Rest::Optional(takes)) if place == self.takes.len() => Some(takes),
            _ => None,
        }
    }

    fn check(&self, fields: &[FieldRef]) -> Result<()> {
        let fits = |(place, field): (usize, &FieldRef)| {
            self.takes(place).is_some_and(|takes| takes.fits(field))
        };
        if fields.len() >= self.takes.len() && fields.iter().enumerate().all(fits) {
            return Ok(());
        }
        let got: Vec<String> =
            fields.iter().map(|field| KalamDataType::name_of_arrow_field(field)).collect();
        Err(Error::new(
            SqlState::UNDEFINED_FUNCTION,
            format!("function \"{}\" does not take ({})", self.name, got.join(", ")),
        ))
    }

    fn run(&self, args: &ScalarFunctionArgs, rows: usize) -> Result<ArrayRef> {
        let arguments = args
            .args
            .iter()
            .zip(&args.arg_fields)
            .enumerate()
            .map(|(place, (value, field))| {
                Argument::read(self.takes(place).unwrap_or(Takes::Any), value, field)
            })
            .collect::<Result<Vec<_>>>()?;
        let values = (0..rows).map(|row| (self.compute)(Row { arguments: &arguments, row }));
        Ok(match self.returns {
            KalamDataType::Boolean => Arc::new(
                values
                    .map(|value| Ok(value?.and_then(Output::boolean)))
                    .collect::<Result<BooleanArray>>()?,
            ),
            KalamDataType::Int => Arc::new(
                values
                    .map(|value| Ok(value?.and_then(Output::int)))
                    .collect::<Result<Int32Array>>()?,
            ),
            _ => {
                let mut texts = StringBuilder::new();
                for value in values {
                    match value? {
                        Some(Output::Text(text)) => texts.append_value(text),
                        _ => texts.append_null(),
                    }
                }
                Arc::new(texts.finish())
            }
        })
    }
}

impl ScalarUDFImpl for JsonFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DataFusionResult<DataType> {
        Ok(self.returns.arrow_type())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> DataFusionResult<FieldRef> {
        self.check(args.arg_fields).map_err(external)?;
        Ok(Arc::new(self.returns.arrow_field(self.name, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let constant = !args.args.is_empty()
            && args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let array = self.run(&args, rows).map_err(external)?;
        if constant { as_scalar(&array) } else { Ok(ColumnarValue::Array(array)) }
    }
}
