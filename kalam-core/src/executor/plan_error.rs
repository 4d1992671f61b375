//! DataFusion's errors as ours, by their variants.

use std::ops::ControlFlow;

use arrow::error::ArrowError;
use datafusion::common::{DataFusionError, SchemaError};
use datafusion::sql::sqlparser::ast::{Expr, Statement, visit_expressions};

use super::cte_scope::fold;
use super::placeholder::position;
use crate::error::io_state;
use crate::{Error, Position, SqlState};

/// Errors of planning that are told apart only by their words.
const PLAN_STATES: [(&str, SqlState); 9] = [
    ("must appear in the GROUP BY clause", SqlState::GROUPING_ERROR),
    ("Aggregate functions are not allowed in", SqlState::GROUPING_ERROR),
    ("Correlated scalar subquery must be aggregated", SqlState::FEATURE_NOT_SUPPORTED),
    ("with non-boolean predicate", SqlState::DATATYPE_MISMATCH),
    ("failed to match any signature", SqlState::UNDEFINED_FUNCTION),
    (", but received", SqlState::UNDEFINED_FUNCTION),
    ("arguments but received", SqlState::UNDEFINED_FUNCTION),
    ("does not support zero arguments", SqlState::UNDEFINED_FUNCTION),
    ("Cannot coerce arithmetic expression", SqlState::UNDEFINED_FUNCTION),
];

const MANY_ROWS: &str = "Scalar subquery returned more than one row";

const NO_PHYSICAL_FORM: &str = "Physical plan does not support logical expression";

/// Arrow's words for a number that does not fit: an integer or a float, a decimal.
const NUMBER_DOES_NOT_FIT: [&str; 2] = ["Can't cast value", "value of "];

/// The code of an error of planning, if its words tell one.
pub(crate) fn plan_state(text: &str) -> Option<SqlState> {
    PLAN_STATES.iter().find(|(words, _)| text.contains(words)).map(|(_, state)| *state)
}

/// An expression that is planned only as a condition of WHERE, HAVING or ON.
fn no_physical_form(text: &str) -> Error {
    let rest = text[NO_PHYSICAL_FORM.len()..].trim_start();
    let what = match rest.split('(').next().unwrap_or_default() {
        "Exists" => "EXISTS outside of WHERE, HAVING and ON",
        "InSubquery" => "IN (subquery) outside of WHERE, HAVING and ON",
        "OuterReferenceColumn" => "this use of a column of the outer query",
        "WindowFunction" => "a window function outside of the SELECT list and ORDER BY",
        _ => "this expression here",
    };
    let error = Error::new(SqlState::FEATURE_NOT_SUPPORTED, format!("{what} is not supported"));
    match rest.starts_with("OuterReferenceColumn") {
        true => error.with_hint("write a join"),
        false => error,
    }
}

/// Maps an error of planning or execution. Errors of ours that travelled through
/// DataFusion come out as they went in.
pub(crate) fn from_datafusion(error: DataFusionError) -> Error {
    match error {
        DataFusionError::External(source) => match source.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(source) => match source.downcast::<DataFusionError>() {
                Ok(inner) => from_datafusion(*inner),
                Err(source) => from_foreign(&*source),
            },
        },
        DataFusionError::Context(_, inner) => from_datafusion(*inner),
        DataFusionError::Diagnostic(_, inner) => from_datafusion(*inner),
        DataFusionError::Collection(mut errors) if !errors.is_empty() => {
            from_datafusion(errors.swap_remove(0))
        }
        DataFusionError::Shared(shared) => match std::sync::Arc::try_unwrap(shared) {
            Ok(inner) => from_datafusion(inner),
            Err(shared) => from_shared(&shared),
        },
        DataFusionError::ArrowError(inner, _) => from_arrow(*inner),
        other => from_shared(&other),
    }
}

/// Where a statement has what an error of its planning is about: the place that the
/// error knows, or that of the first mention of the column.
pub(crate) fn place(error: &DataFusionError, statement: &Statement) -> Option<Position> {
    if let Some(span) = error.diagnostic().and_then(|d| d.span) {
        return Some(Position { line: span.start.line, column: span.start.column });
    }
    let DataFusionError::SchemaError(cause, _) = error.find_root() else { return None };
    let (SchemaError::FieldNotFound { field, .. } | SchemaError::AmbiguousReference { field }) =
        cause.as_ref()
    else {
        return None;
    };
    let mut found = None;
    let _ = visit_expressions(statement, |expr| {
        let (first, last) = match expr {
            Expr::Identifier(name) => (Some(name), Some(name)),
            Expr::CompoundIdentifier(names) => (names.first(), names.last()),
            _ => (None, None),
        };
        if last.is_some_and(|name| fold(name) == field.name) {
            found = first.map(|name| position(name.span.start));
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    found.filter(|place| place.line > 0)
}

/// An error of a library below DataFusion.
fn from_foreign(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Error {
    if error.is::<regex_syntax::Error>() {
        return Error::new(SqlState::INVALID_REGULAR_EXPRESSION, "invalid regular expression")
            .with_detail(error.to_string());
    }
    Error::new(SqlState::INTERNAL_ERROR, error.to_string())
}

/// An error that others still hold: its kind and text, without its source.
fn from_shared(error: &DataFusionError) -> Error {
    let state = match error {
        DataFusionError::External(source) => {
            if let Some(ours) = source.downcast_ref::<Error>() {
                return ours.duplicate();
            }
            SqlState::INTERNAL_ERROR
        }
        DataFusionError::Context(_, inner) => return from_shared(inner),
        DataFusionError::Diagnostic(_, inner) => return from_shared(inner),
        DataFusionError::Shared(inner) => return from_shared(inner),
        DataFusionError::SQL(..) => SqlState::SYNTAX_ERROR,
        DataFusionError::Plan(text) => plan_state(text).unwrap_or(SqlState::DATATYPE_MISMATCH),
        DataFusionError::NotImplemented(_) => SqlState::FEATURE_NOT_SUPPORTED,
        DataFusionError::ResourcesExhausted(_) => SqlState::OUT_OF_MEMORY,
        // What queries spill may fill the disk.
        DataFusionError::IoError(error) => io_state(error),
        DataFusionError::ObjectStore(_) => SqlState::IO_ERROR,
        DataFusionError::ParquetError(_) => SqlState::DATA_CORRUPTED,
        DataFusionError::Execution(text) if text.starts_with(MANY_ROWS) => {
            SqlState::CARDINALITY_VIOLATION
        }
        DataFusionError::Execution(_) | DataFusionError::Configuration(_) => {
            SqlState::INVALID_PARAMETER_VALUE
        }
        DataFusionError::SchemaError(inner, _) => return from_schema(inner),
        DataFusionError::ArrowError(inner, _) => arrow_state(inner),
        _ => SqlState::INTERNAL_ERROR,
    };
    let text = match error {
        DataFusionError::NotImplemented(text) if text.starts_with(NO_PHYSICAL_FORM) => {
            return no_physical_form(text);
        }
        DataFusionError::Plan(text)
        | DataFusionError::NotImplemented(text)
        | DataFusionError::Execution(text)
        | DataFusionError::ResourcesExhausted(text) => text.clone(),
        other => other.strip_backtrace(),
    };
    Error::new(state, first_line(&text))
}

fn from_schema(error: &SchemaError) -> Error {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let missing = Error::new(
                SqlState::UNDEFINED_COLUMN,
                format!("column \"{}\" does not exist", field.name),
            );
            let near = valid_fields
                .iter()
                .map(|f| f.name.as_str())
                .filter(|name| strsim::damerau_levenshtein(name, &field.name) <= 2)
                .min_by_key(|name| strsim::damerau_levenshtein(name, &field.name));
            match near {
                Some(name) => missing.with_hint(format!("did you mean \"{name}\"?")),
                None => missing,
            }
        }
        SchemaError::AmbiguousReference { field } => Error::new(
            SqlState::AMBIGUOUS_COLUMN,
            format!("column reference \"{}\" is ambiguous", field.name),
        )
        .with_hint("qualify it with its table"),
        SchemaError::DuplicateQualifiedField { name, .. }
        | SchemaError::DuplicateUnqualifiedField { name } => {
            Error::new(SqlState::AMBIGUOUS_COLUMN, format!("column name \"{name}\" occurs twice"))
                .with_hint("give one of them an alias")
        }
    }
}

fn from_arrow(error: ArrowError) -> Error {
    match error {
        ArrowError::ExternalError(source) => match source.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(source) => match source.downcast::<DataFusionError>() {
                Ok(inner) => from_datafusion(*inner),
                Err(source) => Error::new(SqlState::INTERNAL_ERROR, source.to_string()),
            },
        },
        ArrowError::DivideByZero => Error::new(SqlState::DIVISION_BY_ZERO, "division by zero"),
        other => Error::new(arrow_state(&other), first_line(&other.to_string())),
    }
}

fn arrow_state(error: &ArrowError) -> SqlState {
    match error {
        ArrowError::DivideByZero => SqlState::DIVISION_BY_ZERO,
        ArrowError::ArithmeticOverflow(_) => SqlState::NUMERIC_OUT_OF_RANGE,
        ArrowError::CastError(text)
            if NUMBER_DOES_NOT_FIT.iter().any(|words| text.starts_with(words)) =>
        {
            SqlState::NUMERIC_OUT_OF_RANGE
        }
        ArrowError::CastError(_) | ArrowError::ParseError(_) => {
            SqlState::INVALID_TEXT_REPRESENTATION
        }
        ArrowError::InvalidArgumentError(_) | ArrowError::ComputeError(_) => {
            SqlState::INVALID_PARAMETER_VALUE
        }
        ArrowError::NotYetImplemented(_) => SqlState::FEATURE_NOT_SUPPORTED,
        ArrowError::IoError(..) => SqlState::IO_ERROR,
        ArrowError::MemoryError(_) => SqlState::OUT_OF_MEMORY,
        ArrowError::ParquetError(_) => SqlState::DATA_CORRUPTED,
        _ => SqlState::INTERNAL_ERROR,
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim_end_matches('.').to_owned()
}
