//! One line of the audit log.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::model::{Role, UserId};

/// Longest object or detail that is kept, in bytes.
const TEXT_BYTES_MAX: usize = 512;

/// What became of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    /// It happened.
    Ok,
    /// The role did not allow it.
    Denied,
    /// It was allowed and did not happen.
    Failed,
}

impl Outcome {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Denied => "denied",
            Outcome::Failed => "failed",
        }
    }
}

/// Who acts, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Actor {
    /// Whose session it is; `None`: a login of someone who is not known.
    pub(crate) user: Option<UserId>,
    /// The role of the session.
    pub(crate) role: Option<Role>,
    /// Whom EXECUTE AS USER named.
    pub(crate) subject: Option<UserId>,
}

/// One line of the audit log: words of statements and names of objects, no values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AuditRecord {
    /// Milliseconds since 1970 UTC.
    pub(crate) at_ms: i64,
    pub(crate) user: Option<UserId>,
    pub(crate) role: Option<Role>,
    pub(crate) subject: Option<UserId>,
    /// The statement's words.
    pub(crate) action: Cow<'static, str>,
    /// The name of what it is about.
    pub(crate) object: Option<String>,
    pub(crate) outcome: Outcome,
    pub(crate) detail: Option<String>,
}

impl AuditRecord {
    /// Something that happened. The log fills in the time.
    pub(crate) fn new(actor: Actor, action: &'static str, object: Option<String>) -> AuditRecord {
        AuditRecord {
            at_ms: 0,
            user: actor.user,
            role: actor.role,
            subject: actor.subject,
            action: Cow::Borrowed(action),
            object: object.map(cut),
            outcome: Outcome::Ok,
            detail: None,
        }
    }

    pub(crate) fn with_outcome(mut self, outcome: Outcome) -> AuditRecord {
        self.outcome = outcome;
        self
    }

    pub(crate) fn with_detail(mut self, detail: impl Into<String>) -> AuditRecord {
        self.detail = Some(cut(detail.into()));
        self
    }
}

fn cut(mut text: String) -> String {
    if text.len() > TEXT_BYTES_MAX {
        let end = (0..=TEXT_BYTES_MAX).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or_default());
    }
    text
}
