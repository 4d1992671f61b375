//! Statements of other systems, and ours that other handlers bring: named, refused.

use super::input::{Failure, Input, unsupported};

/// First words of statements that stand alone.
const VERBS: &[&str] = &[
    "ACK",
    "ATTACH",
    "BACKUP",
    "CALL",
    "CHECKPOINT",
    "CLOSE",
    "CLUSTER",
    "COMMENT",
    "CONSUME",
    "COPY",
    "DECLARE",
    "DETACH",
    "DISCARD",
    "DO",
    "EXECUTE",
    "EXPORT",
    "FETCH",
    "GRANT",
    "IMPORT",
    "INSTALL",
    "KILL",
    "LISTEN",
    "LOAD",
    "LOCK",
    "MOVE",
    "NOTIFY",
    "OPTIMIZE",
    "PRAGMA",
    "REASSIGN",
    "REFRESH",
    "REGISTER",
    "REINDEX",
    "REPLACE",
    "RESTORE",
    "REVOKE",
    "SECURITY",
    "SET",
    "STORAGE",
    "SUBSCRIBE",
    "TABLE",
    "UNLISTEN",
    "UNLOAD",
    "UNREGISTER",
];

/// Words between CREATE, ALTER or DROP and the kind of object.
const MODIFIERS: &[&str] = &[
    "OR",
    "REPLACE",
    "TEMP",
    "TEMPORARY",
    "UNLOGGED",
    "EXTERNAL",
    "UNBOUNDED",
    "UNIQUE",
    "MATERIALIZED",
    "GLOBAL",
    "LOCAL",
    "RECURSIVE",
    "FOREIGN",
    "DEFAULT",
    "EVENT",
    "ACCESS",
    "USER",
    "SHARED",
    "STREAM",
    "TRUSTED",
    "VIRTUAL",
];

/// Kinds of objects.
const OBJECTS: &[&str] = &[
    "AGGREGATE",
    "CAST",
    "COLLATION",
    "CONVERSION",
    "DATABASE",
    "DOMAIN",
    "EXTENSION",
    "FUNCTION",
    "GROUP",
    "INDEX",
    "LANGUAGE",
    "MACRO",
    "METHOD",
    "NAMESPACE",
    "OPERATOR",
    "POLICY",
    "PROCEDURE",
    "PUBLICATION",
    "ROLE",
    "ROUTINE",
    "RULE",
    "SCHEMA",
    "SECRET",
    "SEQUENCE",
    "SERVER",
    "STATISTICS",
    "STORAGE",
    "SUBSCRIPTION",
    "SYSTEM",
    "TABLE",
    "TABLESPACE",
    "TOPIC",
    "TRANSFORM",
    "TRIGGER",
    "TYPE",
    "USER",
    "VIEW",
];

/// The error for a statement that has no parser: `0A000` with its leading words if
/// it is known, a syntax error if not.
pub(super) fn refusal(input: &Input<'_>) -> Failure {
    match leading_words(input) {
        Some(words) => unsupported(words, input.position()),
        None => match input.refuse::<()>() {
            Err(failure) => failure,
            Ok(()) => unreachable!("refuse always fails"),
        },
    }
}

fn leading_words(input: &Input<'_>) -> Option<String> {
    let first = input.peek_word(0)?;
    if first == "STORAGE" || first == "SHOW" {
        return Some(match input.peek_word(1) {
            Some(second) => format!("{first} {second}"),
            None => first,
        });
    }
    if VERBS.contains(&first.as_str()) {
        return Some(first);
    }
    if !["CREATE", "ALTER", "DROP"].contains(&first.as_str()) {
        return None;
    }
    let mut words = vec![first];
    loop {
        let word = input.peek_word(words.len())?;
        let next_is_object =
            input.peek_word(words.len() + 1).is_some_and(|next| OBJECTS.contains(&next.as_str()));
        let is_modifier = MODIFIERS.contains(&word.as_str());
        let is_object = OBJECTS.contains(&word.as_str());
        let ends = is_object && !(is_modifier && next_is_object);
        if !ends && !is_modifier {
            return None;
        }
        words.push(word);
        if ends {
            return Some(words.join(" "));
        }
    }
}
