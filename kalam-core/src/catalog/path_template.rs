//! Paths of segments, resolved in two steps: once for a table, once for a write.

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::model::{TableName, UserId};
use crate::{Error, Result, SqlState};

/// A path with `{namespace}`, `{tableName}`, `{userId}` and `{shard}` in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PathTemplate {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Namespace,
    TableName,
    UserId,
    Shard,
}

/// A template with the table filled in: what is cached for each table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TablePath {
    parts: Vec<Part>,
    names_table: bool,
}

impl PathTemplate {
    /// Reads and checks a template.
    ///
    /// # Errors
    /// `22023` for an unknown or unclosed placeholder, an absolute path, an empty
    /// or `..` part, or a character that not every file system takes.
    pub fn parse(text: &str) -> Result<PathTemplate> {
        let invalid = |problem: String| {
            Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("storage template \"{text}\" {problem}"),
            )
            .with_hint("placeholders are {namespace}, {tableName}, {userId} and {shard}")
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_-=./{}".contains(c);
        if let Some(bad) = text.chars().find(|c| !allowed(*c)) {
            return Err(invalid(format!("holds the character {bad:?}")));
        }
        if text.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
            return Err(invalid("has an empty, '.' or '..' part".into()));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find(['{', '}']) {
            let (before, after) = rest.split_at(open);
            if !before.is_empty() {
                parts.push(Part::Text(before.into()));
            }
            let close = after.find('}').filter(|_| after.starts_with('{'));
            let Some(close) = close else {
                return Err(invalid("has a brace without its partner".into()));
            };
            parts.push(match &after[1..close] {
                "namespace" => Part::Namespace,
                "tableName" => Part::TableName,
                "userId" => Part::UserId,
                "shard" => Part::Shard,
                other => return Err(invalid(format!("has the unknown placeholder {{{other}}}"))),
            });
            rest = &after[close + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.into()));
        }
        Ok(PathTemplate { text: text.into(), parts })
    }

    /// Reads the template of USER tables.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and `22023` without `{userId}`: the files of two users
    /// would lie in one folder.
    pub fn of_user_tables(text: &str) -> Result<PathTemplate> {
        let template = PathTemplate::parse(text)?;
        if template.parts.contains(&Part::UserId) {
            return Ok(template);
        }
        Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("template \"{text}\" of USER tables has no {{userId}}"),
        )
        .with_hint("each user's segments need a folder of their own"))
    }

    /// Reads the template of SHARED tables.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and `22023` with `{userId}`: their rows have no user.
    pub fn of_shared_tables(text: &str) -> Result<PathTemplate> {
        let template = PathTemplate::parse(text)?;
        if !template.parts.contains(&Part::UserId) {
            return Ok(template);
        }
        Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("template \"{text}\" of SHARED tables has {{userId}}"),
        )
        .with_hint("rows of SHARED tables belong to no user"))
    }

    /// The template as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether no two tables can have the same folder: namespace and name of the table are
    /// in it, with a `/` between them, which no name has.
    fn names_table(&self) -> bool {
        let place = |wanted: Part| self.parts.iter().position(|part| *part == wanted);
        let (Some(one), Some(other)) = (place(Part::Namespace), place(Part::TableName)) else {
            return false;
        };
        let between = &self.parts[one.min(other)..one.max(other)];
        between.iter().any(|part| matches!(part, Part::Text(text) if text.contains('/')))
    }

    /// Fills in the table: the step that is done once and cached.
    #[must_use]
    pub fn resolve_table(&self, name: &TableName) -> TablePath {
        let mut parts: Vec<Part> = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let text = match part {
                Part::Text(text) => text.clone(),
                Part::Namespace => path_part(name.namespace.as_str()),
                Part::TableName => path_part(name.table.as_str()),
                Part::UserId | Part::Shard => {
                    parts.push(part.clone());
                    continue;
                }
            };
            match parts.last_mut() {
                Some(Part::Text(last)) => last.push_str(&text),
                _ => parts.push(Part::Text(text)),
            }
        }
        TablePath { parts, names_table: self.names_table() }
    }
}

impl TablePath {
    /// Whether no other table can have the same folders.
    #[must_use]
    pub fn names_table(&self) -> bool {
        self.names_table
    }

    /// The folder of a scope's segments, relative to the storage.
    #[must_use]
    pub fn resolve(&self, user: Option<&UserId>) -> String {
        let id = user.map_or("", UserId::as_str);
        let mut path = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => path.push_str(text),
                Part::UserId if user.is_none() => path.push_str("shared"),
                Part::UserId => path.push_str(&path_part(id)),
                Part::Shard => {
                    write!(path, "{:02x}", shard(id)).expect("writing to a string succeeds");
                }
                Part::Namespace | Part::TableName => {
                    unreachable!("resolve_table replaced both placeholders")
                }
            }
        }
        path
    }
}

/// The shard of a user: XXH3-64 of the id, modulo 256. Fixed for ever.
fn shard(id: &str) -> u8 {
    xxh3_64(id.as_bytes()).to_le_bytes()[0]
}

/// Encodes a value as one path part: ASCII letters, digits, `_` and `-` stay, every
/// other byte becomes `%XX`, so no value can name another folder. Long values are
/// cut and end in `%` and their XXH3-128, because a part may have 255 bytes.
fn path_part(value: &str) -> String {
    const PART_BYTES_MAX: usize = 120;
    let mut part = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' {
            part.push(char::from(byte));
        } else {
            write!(part, "%{byte:02X}").expect("writing to a string succeeds");
        }
    }
    if part.len() > PART_BYTES_MAX {
        part.truncate(PART_BYTES_MAX - 34);
        write!(part, "%-{:032x}", xxh3_128(value.as_bytes()))
            .expect("writing to a string succeeds");
    }
    part
}

impl TryFrom<String> for PathTemplate {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        PathTemplate::parse(&text)
    }
}

impl From<PathTemplate> for String {
    fn from(template: PathTemplate) -> String {
        template.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Name;

    fn table() -> TableName {
        let name = |n| Name::new("x", n).expect("valid");
        TableName { namespace: name("chat"), table: name("messages") }
    }

    #[test]
    fn placeholders_are_filled_in_two_steps() {
        let template =
            PathTemplate::parse("{namespace}/{tableName}/{shard}/{userId}").expect("valid");
        let path = template.resolve_table(&table());
        assert_eq!(path.parts.len(), 4);
        let user = UserId::new("alice").expect("valid");
        assert!(path.resolve(Some(&user)).starts_with("chat/messages/"));
        assert!(path.resolve(Some(&user)).ends_with("/alice"));
    }

    #[test]
    fn hostile_user_ids_stay_in_their_folder() {
        let path =
            PathTemplate::parse("{tableName}/{userId}").expect("valid").resolve_table(&table());
        for id in ["..", "../../etc", "a/b", "C:\\x", "~", "%2e%2e", &"x".repeat(255), "ÄÖ"] {
            let user = UserId::new(id.to_string()).expect("valid");
            let resolved = path.resolve(Some(&user));
            let part = resolved.strip_prefix("messages/").expect("stays below the table");
            assert!(!part.contains(['/', '\\', '.']) && part.len() <= 255, "{part}");
        }
    }

    #[test]
    fn a_folder_is_of_one_table_where_namespace_and_name_are_parts_of_it() {
        for (template, is_own) in [
            ("{namespace}/{tableName}", true),
            ("u/{tableName}/{userId}/{namespace}", true),
            ("{namespace}_{tableName}", false),
            ("{namespace}{tableName}/{userId}", false),
            ("{tableName}/{userId}", false),
            ("{userId}/x", false),
        ] {
            let path = PathTemplate::parse(template).expect("valid").resolve_table(&table());
            assert_eq!(path.names_table(), is_own, "{template}");
        }
    }

    #[test]
    fn bad_templates_are_refused() {
        for bad in ["", "/abs", "a/../b", "{nope}", "{userId", "a}b", "a//b", "a b", "a\0b"] {
            assert!(PathTemplate::parse(bad).is_err(), "{bad:?}");
        }
    }
}
