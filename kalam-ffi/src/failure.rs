//! What a call failed with, before it becomes a `KalamError`.

use std::fmt;

use kalam_core::{Error, SqlState};

use crate::status::{KalamStatus, status_of};

/// The result of what a C function does.
pub type Result<T> = std::result::Result<T, Failure>;

/// An error, the status that goes with it, and the argument that is wrong, if one is.
#[derive(Debug)]
pub struct Failure {
    pub status: KalamStatus,
    pub argument: Option<&'static str>,
    pub error: Error,
}

impl Failure {
    /// An argument that is not what the function takes: `argument "name" what`.
    pub fn argument(name: &'static str, what: impl fmt::Display) -> Failure {
        let error =
            Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("argument \"{name}\" {what}"));
        Failure::from(error).about(name)
    }

    /// A handle that is none, or none any more.
    pub fn handle(name: &'static str, state: SqlState, what: impl fmt::Display) -> Failure {
        let error = Error::new(state, format!("argument \"{name}\" {what}"));
        Failure { status: KalamStatus::InvalidHandle, argument: Some(name), error }
    }

    /// The same failure, which is one of this argument.
    #[must_use]
    pub fn about(mut self, name: &'static str) -> Failure {
        self.argument = Some(name);
        self
    }

    #[must_use]
    pub fn with_hint(mut self, hint: &'static str) -> Failure {
        self.error = self.error.with_hint(hint);
        self
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure { status: status_of(&error), argument: None, error }
    }
}

/// Where the engine calls back, it takes an error of its own.
impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        failure.error
    }
}

impl Failure {
    /// The message, with the hint on a line of its own.
    pub fn text(&self) -> String {
        match self.error.hint() {
            Some(hint) => format!("{}\nhint: {hint}", self.error),
            None => self.error.to_string(),
        }
    }

    /// The same failure once more, without the error below it.
    #[must_use]
    pub fn copy(&self) -> Failure {
        let mut error = Error::new(self.error.sqlstate(), self.error.message().to_owned());
        if let Some(hint) = self.error.hint() {
            error = error.with_hint(hint.to_owned());
        }
        if let Some(detail) = self.error.detail() {
            error = error.with_detail(detail);
        }
        if let Some(position) = self.error.position() {
            error = error.with_position(position);
        }
        Failure { status: self.status, argument: self.argument, error }
    }
}
