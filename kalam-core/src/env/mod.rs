//! env.
