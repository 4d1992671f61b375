//! What an object store answers, as errors that show no secret.

use object_store::Error as Answer;

use crate::model::{Name, Secret};
use crate::{Error, SqlState};

/// Bytes of an answer that are shown.
const SHOWN_BYTES_MAX: usize = 300;

/// Makes errors of a storage.
pub(super) struct ObjectErrors {
    pub(super) storage: Name,
    /// What no text may hold: an answer may repeat what it was asked with.
    pub(super) secrets: Vec<Secret>,
}

impl ObjectErrors {
    /// The error for an answer. The answer itself is not its source, because whoever
    /// prints sources would print it whole.
    pub(super) fn error(&self, verb: &str, path: &str, answer: &Answer) -> Error {
        let storage = &self.storage;
        let (what, hint) = match answer {
            Answer::NotFound { .. } => {
                ("has no such bucket or object", "create the bucket, or correct its name")
            }
            Answer::PermissionDenied { .. } => {
                ("refuses its credentials", "give them the rights to get, put, list and delete")
            }
            Answer::Unauthenticated { .. } => {
                ("does not know its credentials", "correct them with ALTER STORAGE")
            }
            _ => ("cannot be reached or failed", "run STORAGE CHECK; retry when it is back"),
        };
        let object = if path.is_empty() { String::new() } else { format!(" \"{path}\"") };
        Error::new(
            SqlState::IO_ERROR,
            format!("cannot {verb}{object}: storage \"{storage}\" {what}"),
        )
        .with_detail(self.scrubbed(&answer.to_string()))
        .with_hint(hint)
    }

    /// The text without secrets, and without the queries of addresses, which may be signed.
    pub(super) fn scrubbed(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.secrets.iter().filter(|secret| !secret.reveal().is_empty()) {
            text = text.replace(secret.reveal(), "***");
        }
        let words = text.split_whitespace().map(|word| match word.split_once('?') {
            Some((address, query)) if !query.is_empty() => format!("{address}?***"),
            _ => word.to_owned(),
        });
        let mut text = words.collect::<Vec<_>>().join(" ");
        if text.len() > SHOWN_BYTES_MAX {
            text.truncate(text.floor_char_boundary(SHOWN_BYTES_MAX));
            text.push_str("..");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_shown_without_secrets_and_signed_queries() {
        let errors = ObjectErrors {
            storage: Name::new("storage", "s").expect("valid"),
            secrets: vec![Secret::new("zqx secret"), Secret::new("")],
        };
        let shown = errors.scrubbed("key zqx secret at http://h/b?sig=abc, of zqx secret");
        assert_eq!(shown, "key *** at http://h/b?*** of ***");
        assert!(errors.scrubbed(&"\u{e9}".repeat(400)).len() <= SHOWN_BYTES_MAX + 2);
    }
}
