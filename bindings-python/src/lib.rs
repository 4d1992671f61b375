//! The Python package `kalamdb`: PEP 249, Arrow in and out, nothing required.
//!
//! A method here decodes its arguments, releases the interpreter lock, calls the
//! engine, and encodes what comes back. Decisions are the engine's.

mod array;
mod connect;
mod connection;
mod cursor;
mod error;
mod input;
mod interrupt;
mod lookahead;
mod parameter;
mod parameter_sets;
mod result;
mod schema;
mod statement;
mod stream;
mod table_definition;
mod value;

use pyo3::prelude::*;

/// The compiled half of the package `kalamdb`.
#[pymodule(gil_used = false)]
fn _kalamdb(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    // PEP 249: `?` is the native style; `$1` and `:name` work too, and threads
    // may share the module and connections.
    module.add("apilevel", "2.0")?;
    module.add("threadsafety", 2)?;
    module.add("paramstyle", "qmark")?;
    module.add_function(wrap_pyfunction!(connect::connect, module)?)?;
    module.add_function(wrap_pyfunction!(connect::restore, module)?)?;
    module.add_class::<connection::Connection>()?;
    module.add_class::<cursor::Cursor>()?;
    module.add_class::<result::ResultSet>()?;
    module.add_class::<schema::ResultSchema>()?;
    module.add_class::<statement::Statement>()?;
    module.add_class::<interrupt::CallStop>()?;
    error::add_exceptions(module)
}
