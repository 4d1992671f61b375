//! The public error: one word wide, with a kind, an SQLSTATE and a way out.

use std::borrow::Cow;
use std::fmt;

/// The result of every fallible call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller should do about an error. A kind exists only where the caller
/// would act differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The SQL text is wrong. Fix the statement; [`Error::position`] says where.
    InvalidStatement,
    /// A value, option or parameter is wrong. Fix the value.
    InvalidArgument,
    /// A named object is not there, or is not yours. Create it or fix the name.
    NotFound,
    /// A named object is there already. Use `IF NOT EXISTS` or another name.
    AlreadyExists,
    /// The data breaks a constraint. Fix the data.
    Constraint,
    /// The session may not do this. Use another user.
    PermissionDenied,
    /// Another commit changed the same rows first. Retry the transaction.
    Conflict,
    /// A limit was reached. Ask for less, or raise the limit.
    LimitExceeded,
    /// The call was cancelled or timed out. Nothing to do.
    Cancelled,
    /// A resource is in use or does not answer. Retry later.
    Unavailable,
    /// Stored bytes are damaged. Stop, restore, report.
    Corrupted,
    /// The feature is not there. Do it another way; the hint says which.
    Unsupported,
    /// The handle is closed, or a commit could not be written. Reopen.
    Closed,
    /// A bug of the engine. Report it.
    Internal,
}

/// A five-character SQLSTATE code.
///
/// Source: PostgreSQL, "Appendix A. PostgreSQL Error Codes"; class KD is ours.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SqlState(&'static str);

macro_rules! sqlstates {
    ($($(#[$doc:meta])* $name:ident = $code:literal => $kind:ident;)*) => {
        impl SqlState {
            $($(#[$doc])* pub const $name: SqlState = SqlState($code);)*

            /// The kind that this code belongs to.
            #[must_use]
            pub fn kind(self) -> ErrorKind {
                match self.0 {
                    $($code => ErrorKind::$kind,)*
                    _ => ErrorKind::Internal,
                }
            }

            /// Every code that the engine raises, with its name.
            pub const ALL: &'static [(&'static str, SqlState)] =
                &[$((stringify!($name), SqlState($code)),)*];
        }
    };
}

sqlstates! {
    /// Statement that cannot be parsed.
    SYNTAX_ERROR = "42601" => InvalidStatement;
    /// Parameter that the statement names and the caller did not bind, or the reverse.
    UNDEFINED_PARAMETER = "42P02" => InvalidStatement;
    /// Expression whose type does not fit where it stands.
    DATATYPE_MISMATCH = "42804" => InvalidStatement;
    /// Column reference that fits more than one column.
    AMBIGUOUS_COLUMN = "42702" => InvalidStatement;
    /// Columns that are no unique key where one is needed.
    INVALID_COLUMN_REFERENCE = "42P10" => InvalidStatement;
    /// Column that must be grouped or aggregated.
    GROUPING_ERROR = "42803" => InvalidStatement;
    /// Table where a view is asked for, or the reverse.
    WRONG_OBJECT_TYPE = "42809" => InvalidStatement;
    /// Definition that cannot be: a view of itself, a CHECK whose answer may change.
    INVALID_OBJECT_DEFINITION = "42P17" => InvalidStatement;
    /// Table definition that contradicts itself.
    INVALID_TABLE_DEFINITION = "42P16" => InvalidStatement;
    /// Name that breaks the naming rules, or is reserved.
    INVALID_NAME = "42602" => InvalidStatement;
    /// Value or option that is not allowed.
    INVALID_PARAMETER_VALUE = "22023" => InvalidArgument;
    /// Setting that cannot be changed now.
    CANNOT_CHANGE_SETTING = "55P02" => InvalidArgument;
    /// Number outside the range of its type.
    NUMERIC_OUT_OF_RANGE = "22003" => InvalidArgument;
    /// Text that is not valid UTF-8.
    INVALID_ENCODING = "22021" => InvalidArgument;
    /// Text that does not read as a value of the type.
    INVALID_TEXT_REPRESENTATION = "22P02" => InvalidArgument;
    /// File that is not of the format that COPY reads.
    BAD_COPY_FILE_FORMAT = "22P04" => InvalidArgument;
    /// Text longer than its column allows.
    STRING_TOO_LONG = "22001" => InvalidArgument;
    /// Pattern that is no regular expression.
    INVALID_REGULAR_EXPRESSION = "2201B" => InvalidArgument;
    /// Date or time outside its range.
    DATETIME_OUT_OF_RANGE = "22008" => InvalidArgument;
    /// Division by zero.
    DIVISION_BY_ZERO = "22012" => InvalidArgument;
    /// Table that does not exist, or is not visible.
    UNDEFINED_TABLE = "42P01" => NotFound;
    /// Column that does not exist.
    UNDEFINED_COLUMN = "42703" => NotFound;
    /// Namespace that does not exist.
    UNDEFINED_NAMESPACE = "3F000" => NotFound;
    /// Storage, user, type, topic or index that does not exist.
    UNDEFINED_OBJECT = "42704" => NotFound;
    /// Prepared statement that does not exist.
    UNDEFINED_PREPARED_STATEMENT = "26000" => NotFound;
    /// Function that does not exist for these arguments.
    UNDEFINED_FUNCTION = "42883" => NotFound;
    /// Table that exists already.
    DUPLICATE_TABLE = "42P07" => AlreadyExists;
    /// Column that exists already.
    DUPLICATE_COLUMN = "42701" => AlreadyExists;
    /// Prepared statement that exists already.
    DUPLICATE_PREPARED_STATEMENT = "42P05" => AlreadyExists;
    /// Namespace that exists already.
    DUPLICATE_NAMESPACE = "42P06" => AlreadyExists;
    /// Storage, user, topic or index that exists already.
    DUPLICATE_OBJECT = "42710" => AlreadyExists;
    /// Key that exists already.
    UNIQUE_VIOLATION = "23505" => Constraint;
    /// NULL in a NOT NULL column.
    NOT_NULL_VIOLATION = "23502" => Constraint;
    /// Row that fails a CHECK.
    CHECK_VIOLATION = "23514" => Constraint;
    /// More than one row where one is needed: of a subquery, or for a row that is changed.
    CARDINALITY_VIOLATION = "21000" => Constraint;
    /// Object that other objects still use.
    DEPENDENT_OBJECTS = "2BP01" => Constraint;
    /// Statement or object that the role may not use.
    INSUFFICIENT_PRIVILEGE = "42501" => PermissionDenied;
    /// Wrong user name or password.
    INVALID_PASSWORD = "28P01" => PermissionDenied;
    /// Write in a read-only database or transaction.
    READ_ONLY = "25006" => PermissionDenied;
    /// BEGIN while a transaction is open.
    ACTIVE_TRANSACTION = "25001" => InvalidStatement;
    /// COMMIT, ROLLBACK or SAVEPOINT while no transaction is open.
    NO_ACTIVE_TRANSACTION = "25P01" => InvalidStatement;
    /// Statement in a transaction of which one failed.
    IN_FAILED_TRANSACTION = "25P02" => InvalidStatement;
    /// Savepoint that does not exist.
    INVALID_SAVEPOINT = "3B001" => NotFound;
    /// Commit that lost against an earlier one.
    SERIALIZATION_FAILURE = "40001" => Conflict;
    /// Statement beyond a limit of the engine.
    PROGRAM_LIMIT_EXCEEDED = "54000" => LimitExceeded;
    /// Memory limit reached.
    OUT_OF_MEMORY = "53200" => LimitExceeded;
    /// No space left on the device.
    DISK_FULL = "53100" => LimitExceeded;
    /// Statement cancelled or timed out.
    QUERY_CANCELED = "57014" => Cancelled;
    /// Input or output error.
    IO_ERROR = "58030" => Unavailable;
    /// Database directory held by another process, or object in use.
    OBJECT_IN_USE = "55006" => Unavailable;
    /// Stored bytes that fail their checksum or do not decode.
    DATA_CORRUPTED = "XX001" => Corrupted;
    /// Feature that is not there.
    FEATURE_NOT_SUPPORTED = "0A000" => Unsupported;
    /// Connection or database that is closed, or takes no writes after a failed one.
    CONNECTION_CLOSED = "08003" => Closed;
    /// Commit that could not be written, so that only the next open knows whether it is there.
    TRANSACTION_RESOLUTION_UNKNOWN = "08007" => Closed;
    /// Handle used after fork().
    FORKED = "KD001" => Closed;
    /// Bug of the engine.
    INTERNAL_ERROR = "XX000" => Internal;
}

impl SqlState {
    /// The five characters.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A place in the SQL text, counted in characters from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
}

/// Any failure of the engine.
///
/// The message is lower case, without a full stop, and names the object. Rows of
/// other users never appear in it.
pub struct Error(Box<Inner>);

struct Inner {
    state: SqlState,
    message: Cow<'static, str>,
    detail: Option<String>,
    hint: Option<Cow<'static, str>>,
    position: Option<Position>,
    object: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error with this code and message.
    #[must_use]
    pub fn new(state: SqlState, message: impl Into<Cow<'static, str>>) -> Self {
        Error(Box::new(Inner {
            state,
            message: message.into(),
            detail: None,
            hint: None,
            position: None,
            object: None,
            source: None,
        }))
    }

    /// The error of a statement that another commit came before: `40001`.
    pub(crate) fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Error::new(SqlState::SERIALIZATION_FAILURE, message).with_hint("retry the statement")
    }

    /// Adds what the caller can do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds a second sentence with the particulars.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Adds the place in the SQL text.
    #[must_use]
    pub fn with_position(mut self, position: Position) -> Self {
        self.0.position = Some(position);
        self
    }

    /// Adds the name of what was refused, for the audit log.
    #[must_use]
    pub(crate) fn about(mut self, object: impl fmt::Display) -> Self {
        self.0.object = Some(object.to_string());
        self
    }

    /// The name of what was refused.
    #[must_use]
    pub(crate) fn object(&self) -> Option<&str> {
        self.0.object.as_deref()
    }

    /// Takes away the place, which is one of another text.
    pub(crate) fn without_position(mut self) -> Self {
        self.0.position = None;
        self
    }

    /// Adds the error below this one.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What the caller should do.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.state.kind()
    }

    /// The SQLSTATE.
    #[must_use]
    pub fn sqlstate(&self) -> SqlState {
        self.0.state
    }

    /// The sentence that says what happened.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The particulars, if any.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// The way out, if there is one.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The place in the SQL text, if the error has one.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.0.position
    }

    /// The same error without its source, for a second receiver.
    pub(crate) fn duplicate(&self) -> Error {
        Error(Box::new(Inner {
            state: self.0.state,
            message: self.0.message.clone(),
            detail: self.0.detail.clone(),
            hint: self.0.hint.clone(),
            position: self.0.position,
            object: self.0.object.clone(),
            source: None,
        }))
    }

    /// Whether the same call can succeed when it is repeated unchanged.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind(), ErrorKind::Conflict | ErrorKind::Unavailable)
    }
}

/// The code of an input or output error.
pub(crate) fn io_state(error: &std::io::Error) -> SqlState {
    use std::io::ErrorKind as Io;
    match error.kind() {
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => SqlState::DISK_FULL,
        _ => SqlState::IO_ERROR,
    }
}

/// An input or output error, with `53100` where the device is full.
pub(crate) fn io_error(what: &str, path: &std::path::Path, error: std::io::Error) -> Error {
    let state = io_state(&error);
    Error::new(state, format!("cannot {what} \"{}\": {error}", path.display())).with_source(error)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.0.message, self.0.state)?;
        if let Some(detail) = &self.0.detail {
            write!(f, "; detail: {detail}")?;
        }
        if let Some(hint) = &self.0.hint {
            write!(f, "; hint: {hint}")?;
        }
        if let Some(source) = &self.0.source {
            write!(f, "; caused by: {source}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|e| e as _)
    }
}
