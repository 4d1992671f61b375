//! What a column that is given no value gets.

use datafusion::common::ScalarValue;

/// What a missing value becomes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum DefaultValue {
    /// The same value for every row.
    Constant(ScalarValue),
    /// The time of the statement.
    Now,
    /// The date of the statement, in UTC.
    Today,
    /// A new id.
    SnowflakeId,
    /// A new UUID of version 7.
    UuidV7,
    /// A new UUID of version 4.
    UuidV4,
    /// A new ULID.
    Ulid,
    /// The session's user.
    CurrentUser,
    /// The session's role.
    CurrentRole,
    /// Letters and digits, this many.
    RandomString(u32),
}
