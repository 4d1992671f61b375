//! What the JSON operators and functions do with one row.
//!
//! Source: PostgreSQL, "9.16. JSON Functions and Operators".

use std::borrow::Cow;

use serde_json::Value;

use super::text::{self, Kind};
use crate::{Error, Result, SqlState};

/// A step into a value.
pub(super) enum Step<'a> {
    /// The key of an object, or the position in an array if it is a number.
    Name(&'a str),
    /// A position in an array, from the end if it is negative.
    Index(i64),
}

/// The part one step inside.
pub(super) fn get<'a>(json: &'a str, step: &Step<'_>) -> Result<Option<&'a str>> {
    match (text::kind(json), step) {
        (Kind::Object, Step::Name(name)) => text::member(json, name),
        (Kind::Array, Step::Index(index)) => {
            let elements = text::elements(json)?;
            Ok(position(*index, elements.len()).map(|place| elements[place]))
        }
        _ => Ok(None),
    }
}

/// The part at the end of a path, in which numbers are positions in arrays.
pub(super) fn get_path<'a>(json: &'a str, path: &[String]) -> Result<Option<&'a str>> {
    let mut part = json.trim();
    for name in path {
        let step = match (text::kind(part), name.parse()) {
            (Kind::Array, Ok(index)) => Step::Index(index),
            _ => Step::Name(name),
        };
        match get(part, &step)? {
            Some(found) => part = found,
            None => return Ok(None),
        }
    }
    Ok(Some(part))
}

/// A part as text: strings without quotes, `null` as NULL.
pub(super) fn as_text(part: &str) -> Result<Option<Cow<'_, str>>> {
    match text::kind(part) {
        Kind::Null => Ok(None),
        Kind::String => text::string(part).map(Some),
        _ => Ok(Some(Cow::Borrowed(part))),
    }
}

/// Whether a text is a key of the object, an element of the array, or the string.
pub(super) fn exists(json: &str, wanted: &str) -> Result<bool> {
    match text::kind(json) {
        Kind::Object => Ok(text::member(json, wanted)?.is_some()),
        Kind::String => Ok(text::string(json)? == wanted),
        Kind::Array => {
            for element in text::elements(json)? {
                if text::kind(element) == Kind::String && text::string(element)? == wanted {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        _ => Ok(false),
    }
}

/// The value of a text, for comparison.
pub(super) fn parsed(json: &str) -> Result<Value> {
    serde_json::from_str(json).map_err(|e| text::malformed(&e))
}

/// `left @> right`: every part of the right is in the left at its place. An array
/// contains a value that is one of its elements, which nothing else does.
pub(super) fn contains(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Array(elements), Value::Array(_) | Value::Object(_)) => within(elements, right),
        (Value::Array(elements), scalar) => elements.iter().any(|e| equal(e, scalar)),
        _ => contains_at(left, right),
    }
}

fn within(elements: &[Value], right: &Value) -> bool {
    match right {
        Value::Array(wanted) => wanted.iter().all(|w| elements.iter().any(|e| contains_at(e, w))),
        _ => false,
    }
}

/// Containment below the top, where the kinds have to be the same.
fn contains_at(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => right
            .iter()
            .all(|(key, wanted)| left.get(key).is_some_and(|found| contains_at(found, wanted))),
        (Value::Array(elements), Value::Array(_)) => within(elements, right),
        _ => equal(left, right),
    }
}

/// Equality of scalars; 1 and 1.0 are one number.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => left == right,
    }
}

/// `left || right`: objects are merged, everything else is put into one array.
pub(super) fn concat(left: &str, right: &str) -> Result<String> {
    if let (Kind::Object, Kind::Object) = (text::kind(left), text::kind(right)) {
        let mut merged = text::members(left)?;
        for (key, value) in text::members(right)? {
            match merged.iter_mut().find(|(known, _)| *known == key) {
                Some((_, slot)) => *slot = value,
                None => merged.push((key, value)),
            }
        }
        return Ok(object(merged.iter().map(|(key, value)| (key.as_ref(), *value))));
    }
    let elements = |json| match text::kind(json) {
        Kind::Array => text::elements(json),
        _ => Ok(vec![json.trim()]),
    };
    Ok(array(elements(left)?.into_iter().chain(elements(right)?)))
}

/// A value with the part at the end of a path replaced, or added if `create` says so
/// and only the last step is missing.
///
/// # Errors
/// `22P02` for a step into an array that is no number.
pub(super) fn set(json: &str, path: &[String], new: &str, create: bool) -> Result<String> {
    let Some((step, deeper)) = path.split_first() else {
        return Ok(json.to_owned());
    };
    let inside = |part: &str| match deeper {
        [] => Ok(new.to_owned()),
        _ => set(part, deeper, new, create),
    };
    let adds = create && deeper.is_empty();
    match text::kind(json) {
        Kind::Object => {
            let mut parts: Vec<(Cow<'_, str>, Cow<'_, str>)> =
                text::members(json)?.into_iter().map(|(k, v)| (k, Cow::Borrowed(v))).collect();
            match parts.iter_mut().find(|(key, _)| key == step) {
                Some((_, part)) => *part = Cow::Owned(inside(part)?),
                None if adds => parts.push((Cow::Borrowed(step), Cow::Borrowed(new))),
                None => {}
            }
            Ok(object(parts.iter().map(|(key, value)| (key.as_ref(), value.as_ref()))))
        }
        Kind::Array => {
            let index: i64 = step.parse().map_err(|_| {
                Error::new(
                    SqlState::INVALID_TEXT_REPRESENTATION,
                    format!("path step \"{step}\" is no position in an array"),
                )
            })?;
            let elements = text::elements(json)?;
            let mut parts: Vec<Cow<'_, str>> = elements.into_iter().map(Cow::Borrowed).collect();
            match position(index, parts.len()) {
                Some(place) => parts[place] = Cow::Owned(inside(&parts[place])?),
                None if adds && index < 0 => parts.insert(0, Cow::Borrowed(new)),
                None if adds => parts.push(Cow::Borrowed(new)),
                None => {}
            }
            Ok(array(parts.iter().map(Cow::as_ref)))
        }
        _ => Ok(json.to_owned()),
    }
}

/// An object of parts, as `jsonb` is written.
pub(super) fn object<'a>(members: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let members: Vec<_> =
        members.map(|(key, value)| format!("{}: {value}", text::quoted(key))).collect();
    format!("{{{}}}", members.join(", "))
}

/// An array of parts, as `jsonb` is written.
pub(super) fn array<'a>(elements: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", elements.collect::<Vec<_>>().join(", "))
}

fn position(index: i64, length: usize) -> Option<usize> {
    let from_start =
        if index < 0 { index.checked_add(i64::try_from(length).ok()?)? } else { index };
    usize::try_from(from_start).ok().filter(|place| *place < length)
}
