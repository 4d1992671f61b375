//! Statements that change rows, parsed.

use datafusion::sql::sqlparser::ast::{Expr, Query, SelectItem, TableFactor, TableWithJoins, With};

use super::statement::TableRef;
use crate::Position;

/// The CTEs before a statement, which all of its expressions may read.
pub(crate) type Ctes = Option<Box<With>>;

/// A column, where it stands, and its new value.
pub(crate) type Assignment = (String, Position, InsertValue);

/// `INSERT INTO`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Insert {
    /// WITH.
    pub ctes: Ctes,
    /// The target.
    pub table: TableRef,
    /// The target's alias, folded.
    pub alias: Option<String>,
    /// The columns it names; empty: all, in their order.
    pub columns: Vec<(String, Position)>,
    /// Where the rows come from.
    pub source: InsertSource,
    /// What becomes of rows whose key is taken; `None`: the statement fails.
    pub on_conflict: Option<OnConflict>,
    /// RETURNING; empty: nothing.
    pub returning: Vec<SelectItem>,
}

/// Where the rows of an INSERT come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum InsertSource {
    /// `VALUES (..), ..`: rows of one length.
    Values(Vec<Vec<InsertValue>>),
    /// A query.
    Query(Box<Query>),
    /// `DEFAULT VALUES`: one row of defaults.
    DefaultValues,
}

/// A value that a statement gives to a column.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are expressions, and a box would be an allocation for each value"
)]
pub(crate) enum InsertValue {
    /// `DEFAULT`.
    Default,
    /// An expression.
    Expr(Expr),
}

impl InsertValue {
    /// The expression, if it is one.
    pub(crate) fn expression(&self) -> Option<&Expr> {
        match self {
            InsertValue::Expr(expr) => Some(expr),
            InsertValue::Default => None,
        }
    }
}

/// `ON CONFLICT`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OnConflict {
    /// What is unique.
    pub target: ConflictTarget,
    /// Where the target stands.
    pub position: Position,
    /// DO UPDATE; `None`: DO NOTHING.
    pub update: Option<ConflictUpdate>,
}

impl OnConflict {
    /// The expressions of DO UPDATE.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Expr> {
        self.update.iter().flat_map(|update| {
            let values = update.assignments.iter().filter_map(|(_, _, value)| value.expression());
            values.chain(&update.selection)
        })
    }
}

/// Which unique key ON CONFLICT is about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ConflictTarget {
    /// Any.
    Any,
    /// The one over these columns, in any order.
    Columns(Vec<(String, Position)>),
    /// The one of this constraint.
    Constraint(String),
}

/// `DO UPDATE SET .. [WHERE ..]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConflictUpdate {
    /// Columns and their new values.
    pub assignments: Vec<Assignment>,
    /// WHERE.
    pub selection: Option<Expr>,
}

/// `UPDATE .. SET`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Update {
    /// WITH.
    pub ctes: Ctes,
    /// The target.
    pub table: TableRef,
    /// The target's alias, folded.
    pub alias: Option<String>,
    /// Columns and their new values.
    pub assignments: Vec<Assignment>,
    /// FROM.
    pub from: Vec<TableWithJoins>,
    /// WHERE.
    pub selection: Option<Expr>,
    /// RETURNING; empty: nothing.
    pub returning: Vec<SelectItem>,
}

/// `DELETE FROM`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Delete {
    /// WITH.
    pub ctes: Ctes,
    /// The target.
    pub table: TableRef,
    /// The target's alias, folded.
    pub alias: Option<String>,
    /// USING.
    pub using: Vec<TableWithJoins>,
    /// WHERE.
    pub selection: Option<Expr>,
    /// RETURNING; empty: nothing.
    pub returning: Vec<SelectItem>,
}

/// `MERGE INTO`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Merge {
    /// WITH.
    pub ctes: Ctes,
    /// The target.
    pub table: TableRef,
    /// The target's alias, folded.
    pub alias: Option<String>,
    /// What follows USING: one relation with a name.
    pub source: TableFactor,
    /// The name of the source, folded.
    pub source_name: String,
    /// ON.
    pub on: Expr,
    /// WHEN, in their order.
    pub clauses: Vec<MergeClause>,
    /// RETURNING; empty: nothing.
    pub returning: Vec<SelectItem>,
}

/// `WHEN .. [AND ..] THEN ..`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MergeClause {
    /// Which pairs of rows it is about.
    pub matching: Matching,
    /// AND.
    pub condition: Option<Expr>,
    /// What is done with them.
    pub action: MergeAction,
    /// Where the clause starts.
    pub position: Position,
}

/// What ON found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Matching {
    /// A row of the target and one of the source.
    Matched,
    /// A row of the source without one of the target.
    NotMatchedByTarget,
    /// A row of the target without one of the source.
    NotMatchedBySource,
}

/// What a WHEN clause does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum MergeAction {
    /// UPDATE SET.
    Update(Vec<Assignment>),
    /// DELETE.
    Delete,
    /// INSERT: the columns it names, and one row of values; empty: DEFAULT VALUES.
    Insert(Vec<(String, Position)>, Vec<InsertValue>),
    /// DO NOTHING.
    Nothing,
}
