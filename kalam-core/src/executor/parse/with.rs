//! WITH, before a query or before a statement that changes rows.

use datafusion::sql::sqlparser::ast::{SetExpr, Values, With};
use datafusion::sql::sqlparser::parser::Parser;

use super::input::{Input, Parse};
use super::{insert, merge, modify, query};
use crate::executor::built_query::query_of;
use crate::executor::query_shape::ParsedQuery;
use crate::executor::statement::Statement;

/// `WITH a AS (..), .. SELECT | INSERT | UPDATE | DELETE | MERGE`.
pub(super) fn with(input: &mut Input<'_>) -> Parse<Statement> {
    let ctes = ctes(input)?;
    match input.peek_word(0).as_deref() {
        Some("INSERT") => insert::insert(input, Some(settled(ctes)?)),
        Some("UPDATE") => modify::update(input, Some(settled(ctes)?)),
        Some("DELETE") => modify::delete(input, Some(settled(ctes)?)),
        Some("MERGE") => merge::merge(input, Some(settled(ctes)?)),
        Some("WITH") => input.refuse(),
        _ => {
            let mut query = input.parser.parse_query()?;
            query.with = Some(ctes);
            query::settle(query.as_mut())?;
            Ok(Statement::Query(ParsedQuery::new(query)))
        }
    }
}

fn ctes(input: &mut Input<'_>) -> Parse<With> {
    input.expect_word("WITH")?;
    let with_token = input.parser.get_current_token().clone().into();
    let recursive = input.take_word("RECURSIVE");
    let cte_tables = input.parser.parse_comma_separated(Parser::parse_cte)?;
    Ok(With { with_token, recursive, cte_tables })
}

/// The CTEs, checked as those of a query are: each may read the ones before it.
fn settled(ctes: With) -> Parse<Box<With>> {
    let values = Values { explicit_row: false, value_keyword: false, rows: Vec::new() };
    let mut query = query_of(SetExpr::Values(values));
    query.with = Some(ctes);
    query::settle(&mut query)?;
    Ok(Box::new(query.with.take().expect("it was put there")))
}
