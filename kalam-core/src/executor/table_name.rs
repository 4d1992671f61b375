//! A table's name given outside SQL.

use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::dialect::KalamDialect;
use super::statement::TableRef;
use crate::{Error, Position, Result, SqlState};

/// Reads `table` or `namespace.table`, each part folded unless it is quoted.
///
/// # Errors
/// `42601` if the text is anything else.
pub(crate) fn parse_table_name(text: &str) -> Result<TableRef> {
    let invalid = || {
        Error::new(SqlState::SYNTAX_ERROR, format!("\"{text}\" is not the name of a table"))
            .with_hint("write table or namespace.table")
    };
    let dialect = KalamDialect::for_tokens(text.len());
    let mut parser = Parser::new(&dialect).try_with_sql(text).map_err(|_| invalid())?;
    let name = parser.parse_object_name(false).map_err(|_| invalid())?;
    if parser.peek_token().token != Token::EOF {
        return Err(invalid());
    }
    let mut parts = name
        .0
        .iter()
        .map(|part| {
            let ident = part.as_ident().ok_or_else(invalid)?;
            Ok(match ident.quote_style {
                Some(_) => ident.value.clone(),
                None => ident.value.to_lowercase(),
            })
        })
        .collect::<Result<Vec<String>>>()?;
    let table = parts.pop().ok_or_else(invalid)?;
    let namespace = parts.pop();
    if !parts.is_empty() {
        return Err(invalid());
    }
    Ok(TableRef { namespace, table, position: Position { line: 1, column: 1 } })
}
