//! Columns of which a filter asks for a value: rows that show NULL are none of its.

use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, Operator};

use crate::catalog::Table;
use crate::model::ColumnId;

/// The columns that rows lack which were written before the column was added, and that are
/// not NULL in any row that the filters let pass.
///
/// DataFusion prunes a file by a column that is NULL in all of its rows only if the file has
/// the column: a comparison with the literal NULL tells it nothing.
pub(super) fn filled_columns(table: &Table, filters: &[Expr]) -> Vec<ColumnId> {
    let names: Vec<&str> =
        filters.iter().flat_map(split_conjunction).flat_map(asked_columns).collect();
    let columns = table.definition.columns.iter();
    columns
        .filter(|column| column.initial.is_none() && names.contains(&column.name.as_str()))
        .map(|column| column.id)
        .collect()
}

/// The columns without which a condition is not true.
fn asked_columns(condition: &Expr) -> Vec<&str> {
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_strict(*op) => {
            column(left).into_iter().chain(column(right)).collect()
        }
        Expr::IsNotNull(expr) | Expr::IsTrue(expr) | Expr::IsFalse(expr) | Expr::Not(expr) => {
            column(expr).into_iter().collect()
        }
        Expr::Between(Between { expr, .. }) => column(expr).into_iter().collect(),
        Expr::InList(list) => column(&list.expr).into_iter().collect(),
        Expr::Like(like) => column(&like.expr).into_iter().collect(),
        Expr::Column(_) => column(condition).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// Whether the operator gives NULL for NULL.
fn is_strict(op: Operator) -> bool {
    matches!(
        op,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::LikeMatch
            | Operator::ILikeMatch
    )
}

/// The column that an expression is, whatever type it is brought to.
fn column(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Column(column) => Some(&column.name),
        Expr::Cast(cast) => column(&cast.expr),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{col, lit};

    use super::*;

    #[test]
    fn a_condition_asks_for_the_columns_that_it_compares() {
        for (condition, expected) in [
            (col("a").eq(lit(1)), vec!["a"]),
            (lit(1).lt(col("a")), vec!["a"]),
            (col("a").gt(col("b")), vec!["a", "b"]),
            (col("a").is_not_null(), vec!["a"]),
            (col("a").like(lit("x%")), vec!["a"]),
            (col("a").between(lit(1), lit(2)), vec!["a"]),
            (col("a").in_list(vec![lit(1)], true), vec!["a"]),
            (col("a").is_null(), vec![]),
            (col("a").eq(lit(1)).or(col("b").eq(lit(1))), vec![]),
            (col("a").is_not_true(), vec![]),
            ((col("a") + lit(1)).eq(lit(2)), vec![]),
        ] {
            assert_eq!(asked_columns(&condition), expected, "{condition}");
        }
    }
}
