//! CREATE VIEW.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::input::{Input, Parse, unsupported};
use super::query;
use crate::executor::statement::{CreateView, Statement};

/// What follows `CREATE [OR REPLACE] VIEW`: `[IF NOT EXISTS] v [(a, b)] AS query`.
pub(super) fn create_view(input: &mut Input<'_>, or_replace: bool) -> Parse<Statement> {
    if or_replace && input.is_word(0, "IF") && input.is_word(1, "NOT") {
        return input.refuse();
    }
    let if_not_exists = input.take_if_not_exists();
    let view = input.table()?;
    let has_names = input.parser.peek_token_ref().token == Token::LParen;
    let names = if has_names { input.names()? } else { Vec::new() };
    if input.is_word(0, "WITH") {
        return Err(unsupported("CREATE VIEW .. WITH", input.position()));
    }
    input.expect_word("AS")?;
    let query = query::query(input)?;
    if input.is_word(0, "WITH") {
        return Err(unsupported("CREATE VIEW .. WITH CHECK OPTION", input.position()));
    }
    Ok(Statement::CreateView(CreateView { or_replace, if_not_exists, view, names, query }))
}
