//! Where a value that a program passes stands.

use std::fmt;

/// Where a value that a program passes stands, in the words of a message about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValuePlace<'a> {
    /// A parameter by position, from 1.
    Position(usize),
    /// A parameter by name, without the colon.
    Name(&'a str),
    /// A value of a column that is appended.
    Column(&'a str),
}

impl fmt::Display for ValuePlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValuePlace::Position(position) => write!(f, "parameter {position}"),
            ValuePlace::Name(name) => write!(f, "parameter \":{name}\""),
            ValuePlace::Column(name) => write!(f, "column \"{name}\""),
        }
    }
}
