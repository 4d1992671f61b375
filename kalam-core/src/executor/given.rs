//! Texts of a statement that may be parameters.

use datafusion::common::ScalarValue;

use crate::jobs::JobId;
use crate::model::{Secret, UserId};
use crate::{Error, Result, SqlState};

/// A text of a statement: written in it, or the value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Given<T> {
    /// Written.
    Written(T),
    /// The parameter with this index, from 0.
    Parameter(usize),
}

impl Given<String> {
    /// The user that the text names.
    ///
    /// # Errors
    /// `22023` for no text and for an invalid user id.
    pub(crate) fn user(&self, params: &[ScalarValue]) -> Result<UserId> {
        match self {
            Given::Written(name) => UserId::new(name.as_str()),
            Given::Parameter(index) => UserId::new(parameter("user", *index, params)?),
        }
    }

    /// The job that the text names.
    ///
    /// # Errors
    /// `22023` for no text and for what is no id.
    pub(crate) fn job(&self, params: &[ScalarValue]) -> Result<JobId> {
        match self {
            Given::Written(id) => id.parse(),
            Given::Parameter(index) => parameter("job", *index, params)?.parse(),
        }
    }
}

impl Given<Secret> {
    /// The password.
    ///
    /// # Errors
    /// `22023` for no text.
    pub(crate) fn secret(&self, params: &[ScalarValue]) -> Result<Secret> {
        match self {
            Given::Written(secret) => Ok(secret.clone()),
            Given::Parameter(index) => parameter("password", *index, params).map(Secret::new),
        }
    }
}

fn parameter<'a>(what: &str, index: usize, params: &'a [ScalarValue]) -> Result<&'a str> {
    match params.get(index) {
        Some(
            ScalarValue::Utf8(Some(text))
            | ScalarValue::LargeUtf8(Some(text))
            | ScalarValue::Utf8View(Some(text)),
        ) => Ok(text),
        // The value is not shown: it may be a password all the same.
        _ => Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("parameter ${} is no text, which the {what} has to be", index + 1),
        )),
    }
}
