//! Newtype ids. A value that exists is valid.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Error, Result, SqlState};

macro_rules! numeric_id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The number.
            #[must_use]
            pub fn get(self) -> $inner {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

numeric_id! {
    /// A table, for ever: ids are never reused.
    TableId(u32)
}
numeric_id! {
    /// A column of one table, for ever: ids are never reused within the table.
    /// Id 0 is the hidden key of a table without a primary key.
    ColumnId(u32)
}
numeric_id! {
    /// A UNIQUE constraint of one table, for ever: ids are never reused within the table.
    #[derive(Default)]
    ConstraintId(u32)
}
numeric_id! {
    /// A segment file, for ever.
    SegmentId(u64)
}
numeric_id! {
    /// A version of a table's columns, from 1.
    SchemaVersion(u16)
}
numeric_id! {
    /// The surrogate of a [`UserId`] in keys; 0 owns the rows of SHARED tables.
    UserKey(u64)
}
numeric_id! {
    /// A commit's place in the commit order: 41 bits of milliseconds since
    /// 2024-01-01 UTC and a 22-bit counter.
    Seq(u64)
}

/// The rows of one owner in one table: what a segment, a manifest and a flush are
/// about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct ScopeId {
    pub(crate) table: TableId,
    pub(crate) user: UserKey,
}

impl ScopeId {
    pub(crate) const ENCODED_LEN: usize = 12;
}

impl Seq {
    /// 2024-01-01 00:00:00 UTC.
    pub(crate) const EPOCH_MS: i64 = 1_704_067_200_000;
    const COUNTER_BITS: u32 = 22;
    /// Late in 2092. A clock that is beyond, wrong as it may be, leaves more numbers than
    /// anybody needs below the largest BIGINT.
    const LAST_MS: u64 = (1 << 41) - (1 << 35);

    /// The smallest number of a millisecond since 1970 UTC; 0 before 2024.
    #[must_use]
    pub fn first_of_ms(ms: i64) -> Seq {
        let since = u64::try_from(ms.saturating_sub(Self::EPOCH_MS)).unwrap_or(0);
        Seq(since.min(Self::LAST_MS) << Self::COUNTER_BITS)
    }

    /// The millisecond since 1970 UTC that it was handed out in.
    #[must_use]
    pub fn ms(self) -> i64 {
        Self::EPOCH_MS.saturating_add_unsigned(self.0 >> Self::COUNTER_BITS)
    }
}

impl UserKey {
    /// The owner of the rows of SHARED tables.
    pub const SHARED: UserKey = UserKey(0);
    /// A user who owns no rows: no key ever has this owner.
    pub const NOBODY: UserKey = UserKey(u64::MAX);
}

impl ColumnId {
    /// The hidden key of a table without a primary key.
    pub const HIDDEN_KEY: ColumnId = ColumnId(0);
}

/// The id of a user, as the embedding program names them: 1 to 255 bytes of UTF-8
/// without control characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserId(Arc<str>);

impl UserId {
    /// Largest length, in bytes.
    pub const BYTES_MAX: usize = 255;

    /// Checks and takes a user id.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) if it is empty, too
    /// long, or holds a control character.
    pub fn new(id: impl Into<Arc<str>>) -> Result<Self> {
        let id = id.into();
        let problem = if id.is_empty() {
            "is empty"
        } else if id.len() > Self::BYTES_MAX {
            "is longer than 255 bytes"
        } else if id.chars().any(char::is_control) {
            "holds a control character"
        } else {
            return Ok(UserId(id));
        };
        Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("user id {problem}"))
            .with_hint("user ids are 1 to 255 bytes of text without control characters"))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UserId {
    type Error = Error;
    fn try_from(id: String) -> Result<Self> {
        UserId::new(id)
    }
}

impl From<UserId> for String {
    fn from(id: UserId) -> String {
        id.0.to_string()
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
