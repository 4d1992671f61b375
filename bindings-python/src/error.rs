//! The exception tree, and the one table from error kinds to it.

use kalam_core::{Error as EngineError, ErrorKind, Result, guarded};
use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::connection::Connection;
use crate::interrupt;

create_exception!(kalamdb, Warning, PyException, "An important warning (PEP 249); never raised.");
create_exception!(
    kalamdb,
    Error,
    PyException,
    "Any failure of the database.\n\nsqlstate, code, position, hint and detail say more; each may be None."
);
create_exception!(
    kalamdb,
    InterfaceError,
    Error,
    "The handle is closed, or was carried over fork(). Reopen."
);
create_exception!(kalamdb, DatabaseError, Error, "The database refused.");
create_exception!(
    kalamdb,
    DataError,
    DatabaseError,
    "A value, option or parameter is wrong. Fix the value."
);
create_exception!(
    kalamdb,
    OperationalError,
    DatabaseError,
    "The database could not do it now, or not for you."
);
create_exception!(
    kalamdb,
    IntegrityError,
    DatabaseError,
    "The data breaks a constraint. Fix the data."
);
create_exception!(kalamdb, InternalError, DatabaseError, "A bug of the engine. Report it.");
create_exception!(kalamdb, ProgrammingError, DatabaseError, "The SQL is wrong. Fix it.");
create_exception!(
    kalamdb,
    NotSupportedError,
    DatabaseError,
    "The feature is not there. The hint says what is."
);
create_exception!(
    kalamdb,
    InvalidStatementError,
    ProgrammingError,
    "The SQL text is wrong; position says where."
);
create_exception!(
    kalamdb,
    NotFoundError,
    ProgrammingError,
    "A named object is not there, or is not yours."
);
create_exception!(
    kalamdb,
    AlreadyExistsError,
    ProgrammingError,
    "A named object is there already."
);
create_exception!(
    kalamdb,
    PermissionDeniedError,
    OperationalError,
    "The session may not do this. Use another user."
);
create_exception!(
    kalamdb,
    ConflictError,
    OperationalError,
    "Another commit changed the same rows first. Retry."
);
create_exception!(
    kalamdb,
    LimitExceededError,
    OperationalError,
    "A limit was reached. Ask for less, or raise it."
);
create_exception!(
    kalamdb,
    CancelledError,
    OperationalError,
    "The call was cancelled or timed out."
);
create_exception!(
    kalamdb,
    UnavailableError,
    OperationalError,
    "A resource is in use or does not answer. Retry later."
);
create_exception!(
    kalamdb,
    CorruptedError,
    OperationalError,
    "Stored bytes are damaged. Stop, restore, report."
);

/// The class for a kind. PEP 249 fixes the upper classes; ours stand below them
/// where one PEP 249 class has several kinds.
fn class(py: Python<'_>, kind: ErrorKind) -> Bound<'_, PyType> {
    match kind {
        ErrorKind::InvalidStatement => py.get_type::<InvalidStatementError>(),
        ErrorKind::InvalidArgument => py.get_type::<DataError>(),
        ErrorKind::NotFound => py.get_type::<NotFoundError>(),
        ErrorKind::AlreadyExists => py.get_type::<AlreadyExistsError>(),
        ErrorKind::Constraint => py.get_type::<IntegrityError>(),
        ErrorKind::PermissionDenied => py.get_type::<PermissionDeniedError>(),
        ErrorKind::Conflict => py.get_type::<ConflictError>(),
        ErrorKind::LimitExceeded => py.get_type::<LimitExceededError>(),
        ErrorKind::Cancelled => py.get_type::<CancelledError>(),
        ErrorKind::Unavailable => py.get_type::<UnavailableError>(),
        ErrorKind::Corrupted => py.get_type::<CorruptedError>(),
        ErrorKind::Unsupported => py.get_type::<NotSupportedError>(),
        ErrorKind::Closed => py.get_type::<InterfaceError>(),
        ErrorKind::Internal => py.get_type::<InternalError>(),
        // ErrorKind is non-exhaustive; a kind without a row here is still ours.
        _ => py.get_type::<DatabaseError>(),
    }
}

/// The exception for an error of the engine.
pub fn exception(py: Python<'_>, error: &EngineError) -> PyErr {
    let build = || -> PyResult<Bound<'_, PyAny>> {
        let value = class(py, error.kind()).call1((text(error),))?;
        value.setattr("sqlstate", error.sqlstate().as_str())?;
        value.setattr("code", format!("{:?}", error.kind()))?;
        value.setattr("position", error.position().map(|at| (at.line, at.column)))?;
        value.setattr("hint", error.hint())?;
        value.setattr("detail", error.detail())?;
        Ok(value)
    };
    build().map_or_else(|failure| failure, PyErr::from_value)
}

/// The message, with the hint on a line of its own.
pub fn text(error: &EngineError) -> String {
    match error.hint() {
        Some(hint) => format!("{error}\nhint: {hint}"),
        None => error.to_string(),
    }
}

/// Calls the engine with the interpreter lock released.
///
/// A panic of the engine becomes an `InternalError`: pyo3's own PanicException is
/// no `Exception`, and would pass every handler. What a signal handler raised while the
/// engine worked, such as KeyboardInterrupt, is raised in the place of the error of the
/// statement that was stopped for it.
pub fn engine<T: Send>(py: Python<'_>, call: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
    let (outcome, raised) = interrupt::waiting(py, || guarded(call));
    match raised {
        Some(raised) => Err(raised),
        None => outcome.map_err(|error| exception(py, &error)),
    }
}

/// Drops a value of the engine without the interpreter lock: the last handle of
/// a database waits for its background work.
pub fn drop_detached<T: Send>(value: T) {
    let mut value = Some(value);
    // Without an interpreter (it is shutting down) there is no lock to release.
    Python::try_attach(|py| {
        let value = value.take();
        py.detach(move || drop(value));
    });
}

/// Puts the exceptions into the module and, as PEP 249 offers, on `Connection`.
pub fn add_exceptions(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let base = py.get_type::<Error>();
    for attribute in ["sqlstate", "code", "position", "hint", "detail"] {
        base.setattr(attribute, py.None())?;
    }
    let connection = py.get_type::<Connection>();
    for class in [
        py.get_type::<Warning>(),
        base,
        py.get_type::<InterfaceError>(),
        py.get_type::<DatabaseError>(),
        py.get_type::<DataError>(),
        py.get_type::<OperationalError>(),
        py.get_type::<IntegrityError>(),
        py.get_type::<InternalError>(),
        py.get_type::<ProgrammingError>(),
        py.get_type::<NotSupportedError>(),
    ] {
        connection.setattr(class.name()?, &class)?;
        module.add(class.name()?.to_str()?, class)?;
    }
    for class in [
        py.get_type::<InvalidStatementError>(),
        py.get_type::<NotFoundError>(),
        py.get_type::<AlreadyExistsError>(),
        py.get_type::<PermissionDeniedError>(),
        py.get_type::<ConflictError>(),
        py.get_type::<LimitExceededError>(),
        py.get_type::<CancelledError>(),
        py.get_type::<UnavailableError>(),
        py.get_type::<CorruptedError>(),
    ] {
        module.add(class.name()?.to_str()?, class)?;
    }
    Ok(())
}
