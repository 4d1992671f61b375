//! JSON text taken apart without building values: parts stay as they are written.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::Deserializer;

use crate::{Error, Result, SqlState};

/// What a JSON value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::executor) enum Kind {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

/// The kind of a well-formed JSON text.
pub(in crate::executor) fn kind(text: &str) -> Kind {
    match text.trim_start().bytes().next() {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b'"') => Kind::String,
        Some(b't' | b'f') => Kind::Boolean,
        Some(b'n') => Kind::Null,
        _ => Kind::Number,
    }
}

/// Refuses what is not one JSON value.
///
/// # Errors
/// `22P02`.
pub(in crate::executor) fn check(text: &str) -> Result<()> {
    serde_json::from_str::<IgnoredAny>(text).map(drop).map_err(|e| malformed(&e))
}

/// The text that a JSON string stands for.
///
/// # Errors
/// `22P02` if it stands for none, as half of a surrogate pair does.
pub(in crate::executor) fn string(text: &str) -> Result<Cow<'_, str>> {
    let inside = text.trim().trim_start_matches('"');
    if let Some(plain) = inside.strip_suffix('"')
        && !inside.contains('\\')
    {
        return Ok(Cow::Borrowed(plain));
    }
    serde_json::from_str::<String>(text).map(Cow::Owned).map_err(|e| malformed(&e))
}

/// The JSON string of a text.
pub(in crate::executor) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The elements of an array, as they are written.
///
/// # Errors
/// `22P02`.
pub(super) fn elements(text: &str) -> Result<Vec<&str>> {
    let mut rest = after(text, '[')?;
    let mut found = Vec::new();
    while !closes(rest, ']') {
        let (value, tail) = value(rest)?;
        found.push(value);
        rest = separator(tail);
    }
    Ok(found)
}

/// The members of an object in their order; of several with one key the last, as
/// in `jsonb`.
///
/// # Errors
/// `22P02`.
pub(in crate::executor) fn members(text: &str) -> Result<Vec<(Cow<'_, str>, &str)>> {
    let mut found: Vec<(Cow<'_, str>, &str)> = Vec::new();
    visit_members(text, |key, value| match found.iter_mut().find(|(known, _)| *known == key) {
        Some((_, slot)) => *slot = value,
        None => found.push((key, value)),
    })?;
    Ok(found)
}

/// The value of a key; the last one if the key occurs twice.
///
/// # Errors
/// `22P02`.
pub(super) fn member<'a>(text: &'a str, wanted: &str) -> Result<Option<&'a str>> {
    let mut found = None;
    visit_members(text, |key, value| {
        if key == wanted {
            found = Some(value);
        }
    })?;
    Ok(found)
}

fn visit_members<'a>(text: &'a str, mut visit: impl FnMut(Cow<'a, str>, &'a str)) -> Result<()> {
    let mut rest = after(text, '{')?;
    while !closes(rest, '}') {
        let (key, tail) = value(rest)?;
        let (value, tail) = value(after(tail, ':')?)?;
        visit(string(key)?, value);
        rest = separator(tail);
    }
    Ok(())
}

/// The value that a text starts with, and what follows it.
fn value(text: &str) -> Result<(&str, &str)> {
    let mut values = Deserializer::from_str(text).into_iter::<IgnoredAny>();
    match values.next() {
        Some(Ok(_)) => {
            let (value, rest) = text.split_at(values.byte_offset());
            Ok((value.trim_start(), rest))
        }
        Some(Err(error)) => Err(malformed(&error)),
        None => Err(invalid("a value is missing".to_owned())),
    }
}

fn after(text: &str, mark: char) -> Result<&str> {
    text.trim_start().strip_prefix(mark).ok_or_else(|| invalid(format!("'{mark}' is missing")))
}

fn closes(rest: &str, mark: char) -> bool {
    rest.trim_start().starts_with(mark)
}

fn separator(rest: &str) -> &str {
    rest.trim_start().strip_prefix(',').unwrap_or(rest)
}

pub(super) fn malformed(error: &serde_json::Error) -> Error {
    invalid(error.to_string())
}

fn invalid(detail: String) -> Error {
    Error::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid JSON text").with_detail(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_what_is_written() {
        let text = r#" { "a" : 1.50 , "b":[ 1, {"x":"}"} ,"]" ], "a" : null, "\u0063": "\"" } "#;
        let found = members(text).expect("well-formed");
        let keys: Vec<_> = found.iter().map(|(key, value)| (key.as_ref(), *value)).collect();
        assert_eq!(keys, [("a", "null"), ("b", r#"[ 1, {"x":"}"} ,"]" ]"#), ("c", r#""\"""#)]);
        assert_eq!(elements(keys[1].1).expect("well-formed"), ["1", r#"{"x":"}"}"#, r#""]""#]);
        assert_eq!(elements(" [ ] ").expect("well-formed"), Vec::<&str>::new());
        assert_eq!(member(text, "a").expect("well-formed"), Some("null"));
        assert_eq!(string(keys[2].1).expect("a text"), "\"");
    }

    #[test]
    fn broken_texts_are_errors() {
        for text in ["", "[1", "[,]", "{\"a\"}", "{\"a\":}", "{1:2}x", "[1}"] {
            assert!(check(text).is_err(), "{text}");
            assert!(elements(text).is_err() && members(text).is_err(), "{text}");
        }
        assert!(string(r#""\ud800""#).is_err());
    }
}
