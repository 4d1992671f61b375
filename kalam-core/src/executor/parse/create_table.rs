//! CREATE TABLE and CREATE TABLE AS.

use datafusion::sql::sqlparser::ast::ColumnOption;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::input::{Input, Parse, unsupported};
use super::query;
use crate::executor::limits::{self, COLUMNS_MAX};
use crate::executor::statement::{
    CheckClause, ColumnSpec, CreateTable, CreateTableAs, PrimaryKeyClause, Statement, TableOption,
    UniqueClause,
};
use crate::model::TableKind;
use crate::{Error, Position, SqlState};

/// Constraints that are refused, because they would have to be enforced.
const REFUSED_CONSTRAINTS: &[&str] = &["FOREIGN", "REFERENCES", "EXCLUDE"];

/// Clauses after the columns that are other systems' or not there.
const REFUSED_CLAUSES: &[&str] =
    &["AS", "PARTITION", "INHERITS", "TABLESPACE", "ON", "USING", "ENGINE", "LIKE"];

/// What follows `CREATE [USER|SHARED|STREAM] TABLE`.
pub(super) fn create_table(input: &mut Input<'_>, kind: Option<TableKind>) -> Parse<Statement> {
    let if_not_exists = input.take_if_not_exists();
    let table = input.table()?;
    let mut create = CreateTable {
        kind,
        if_not_exists,
        table,
        columns: Vec::new(),
        primary_keys: Vec::new(),
        checks: Vec::new(),
        uniques: Vec::new(),
        options: Vec::new(),
        comment: None,
    };
    let names = if names_only(input) { input.names()? } else { Vec::new() };
    if !names.is_empty() || ["AS", "WITH"].iter().any(|word| input.is_word(0, word)) {
        while clause(input, &mut create)? {}
        return create_table_as(input, create, names);
    }
    input.expect(&Token::LParen)?;
    if !input.take(&Token::RParen) {
        input.separated(|input| element(input, &mut create))?;
        input.expect(&Token::RParen)?;
    }
    while clause(input, &mut create)? {}
    if let Some(word) = REFUSED_CLAUSES.iter().find(|word| input.is_word(0, word)) {
        return Err(unsupported(format!("CREATE TABLE .. {word}"), input.position()));
    }
    Ok(Statement::CreateTable(create))
}

/// Whether names without types are next: `(a, b)`.
fn names_only(input: &Input<'_>) -> bool {
    input.parser.peek_token_ref().token == Token::LParen
        && matches!(input.parser.peek_nth_token_ref(1).token, Token::Word(_))
        && matches!(input.parser.peek_nth_token_ref(2).token, Token::Comma | Token::RParen)
}

/// `AS query [WITH [NO] DATA]`.
fn create_table_as(
    input: &mut Input<'_>,
    create: CreateTable,
    names: Vec<(String, Position)>,
) -> Parse<Statement> {
    input.expect_word("AS")?;
    if input.is_word(0, "EXECUTE") {
        return Err(unsupported("CREATE TABLE .. AS EXECUTE", input.position()));
    }
    let query = query::query(input)?;
    let with_data = !input.take_words(&["WITH", "NO", "DATA"]);
    if with_data {
        input.take_words(&["WITH", "DATA"]);
    }
    Ok(Statement::CreateTableAs(CreateTableAs { create, names, query, with_data }))
}

fn element(input: &mut Input<'_>, create: &mut CreateTable) -> Parse<()> {
    if input.is_word(0, "LIKE") {
        return Err(unsupported("CREATE TABLE .. LIKE", input.position()));
    }
    match table_constraint(input)? {
        Some(TableConstraint::PrimaryKey(clause)) => create.primary_keys.push(clause),
        Some(TableConstraint::Check(clause)) => create.checks.push(*clause),
        Some(TableConstraint::Unique(clause)) => create.uniques.push(clause),
        None => {
            if create.columns.len() == COLUMNS_MAX {
                let message = format!("table has more than {COLUMNS_MAX} columns");
                return Err(limits::exceeded(message).with_position(input.position()).into());
            }
            create.columns.push(column(input)?);
        }
    }
    Ok(())
}

/// A constraint that stands beside the columns.
pub(super) enum TableConstraint {
    PrimaryKey(PrimaryKeyClause),
    Check(Box<CheckClause>),
    Unique(UniqueClause),
}

/// Takes a constraint if one is next, and not a column.
pub(super) fn table_constraint(input: &mut Input<'_>) -> Parse<Option<TableConstraint>> {
    // `CONSTRAINT name` only gives a constraint a name; a column may be called
    // `constraint` or `check`, but then a type follows, not a name or `(`.
    let place = input.position();
    let mut name = None;
    if input.is_word(0, "CONSTRAINT")
        && ["PRIMARY", "CHECK", "UNIQUE", "FOREIGN", "EXCLUDE"].iter().any(|w| input.is_word(2, w))
    {
        input.parser.advance_token();
        name = Some(input.name()?);
    }
    if input.take_words(&["PRIMARY", "KEY"]) {
        let columns = input.names()?;
        let clause = PrimaryKeyClause { columns, position: place };
        return Ok(Some(TableConstraint::PrimaryKey(clause)));
    }
    let opens = input.parser.peek_nth_token_ref(1).token == Token::LParen;
    if name.is_some() || opens || input.is_word(1, "NULLS") {
        if input.is_word(0, "CHECK") {
            return check(input, name).map(|clause| Some(TableConstraint::Check(Box::new(clause))));
        }
        if input.take_word("UNIQUE") {
            nulls_distinct(input)?;
            let columns = input.names()?;
            refuse_deferred(input)?;
            let clause = UniqueClause { name, columns, position: place };
            return Ok(Some(TableConstraint::Unique(clause)));
        }
    }
    if let Some(word) = REFUSED_CONSTRAINTS.iter().find(|word| input.is_word(0, word))
        && (opens || input.is_word(1, "KEY"))
    {
        return Err(refused_constraint(word, place));
    }
    Ok(None)
}

fn refused_constraint(word: &str, place: Position) -> super::Failure {
    let name = if word == "FOREIGN" { "FOREIGN KEY" } else { word };
    Error::new(SqlState::FEATURE_NOT_SUPPORTED, format!("constraint {name} is not supported"))
        .with_hint("PRIMARY KEY, UNIQUE, CHECK and NOT NULL are enforced; look for the other row before writing")
        .with_position(place)
        .into()
}

/// `CHECK (condition)`.
fn check(input: &mut Input<'_>, name: Option<(String, Position)>) -> Parse<CheckClause> {
    input.expect_word("CHECK")?;
    input.expect(&Token::LParen)?;
    let position = input.position();
    let expr = query::expr(input)?;
    input.expect(&Token::RParen)?;
    if input.is_word(0, "NO") && input.is_word(1, "INHERIT") {
        return Err(unsupported("CHECK .. NO INHERIT", input.position()));
    }
    refuse_deferred(input)?;
    Ok(CheckClause { name, expr, position })
}

/// `[NULLS DISTINCT]`, which is how NULLs are.
fn nulls_distinct(input: &mut Input<'_>) -> Parse<()> {
    if input.is_word(0, "NULLS") && input.is_word(1, "NOT") {
        return Err(unsupported("UNIQUE NULLS NOT DISTINCT", input.position()));
    }
    input.take_words(&["NULLS", "DISTINCT"]);
    Ok(())
}

/// A constraint holds from its statement on, and at the end of every statement.
fn refuse_deferred(input: &Input<'_>) -> Parse<()> {
    let not = usize::from(input.is_word(0, "NOT"));
    let words = ["DEFERRABLE", "VALID", "ENFORCED", "INITIALLY"];
    match words.iter().find(|word| input.is_word(not, word)) {
        Some(word) => Err(unsupported(format!("a constraint with {word}"), input.position())),
        None => Ok(()),
    }
}

/// `name type options`.
pub(super) fn column(input: &mut Input<'_>) -> Parse<ColumnSpec> {
    let (name, place) = input.name()?;
    let type_position = input.position();
    let data_type = match &input.parser.peek_token_ref().token {
        Token::Word(_) => input.parser.parse_data_type()?,
        _ => return input.refuse(),
    };
    let mut column = ColumnSpec {
        name,
        position: place,
        data_type,
        type_position,
        not_null: None,
        default: None,
        primary_key: false,
        checks: Vec::new(),
        uniques: Vec::new(),
        identity: false,
        comment: None,
    };
    while column_option(input, &mut column)? {}
    Ok(column)
}

/// Takes one option of a column; `false` if none is next.
fn column_option(input: &mut Input<'_>, column: &mut ColumnSpec) -> Parse<bool> {
    if matches!(input.parser.peek_token_ref().token, Token::Comma | Token::RParen | Token::EOF) {
        return Ok(false);
    }
    let place = input.position();
    let name = if input.take_word("CONSTRAINT") { Some(input.name()?) } else { None };
    if input.is_word(0, "CHECK") {
        column.checks.push(check(input, name)?);
        return Ok(true);
    }
    if input.take_word("UNIQUE") {
        nulls_distinct(input)?;
        refuse_deferred(input)?;
        let columns = vec![(column.name.clone(), place)];
        column.uniques.push(UniqueClause { name, columns, position: place });
        return Ok(true);
    }
    if let Some(word) = REFUSED_CONSTRAINTS.iter().find(|word| input.is_word(0, word)) {
        return Err(refused_constraint(word, place));
    }
    if input.take_word("AUTO_INCREMENT") || input.take_word("AUTOINCREMENT") {
        column.identity = true;
        return Ok(true);
    }
    if input.is_word(0, "GENERATED") {
        return identity(input, column);
    }
    if input.is_word(0, "COLLATE") || input.is_word(0, "CHARACTER") {
        return Err(unsupported("COLLATE and CHARACTER SET", place));
    }
    if input.take_word("COMMENT") {
        column.comment = Some(input.text()?);
        return Ok(true);
    }
    let is_known = input.is_word(0, "DEFAULT")
        || input.is_word(0, "NULL")
        || (input.is_word(0, "NOT") && input.is_word(1, "NULL"))
        || (input.is_word(0, "PRIMARY") && input.is_word(1, "KEY"));
    if !is_known {
        return input.refuse();
    }
    let expression_position =
        crate::executor::placeholder::position(input.parser.peek_nth_token_ref(1).span.start);
    // Read by the parser's own method: only it knows that `DEFAULT 5 NOT NULL` is
    // two options and not one expression.
    match input.parser.parse_optional_column_option()? {
        Some(ColumnOption::Null) => set_not_null(column, false, place)?,
        Some(ColumnOption::NotNull) => set_not_null(column, true, place)?,
        Some(ColumnOption::PrimaryKey(_)) => column.primary_key = true,
        Some(ColumnOption::Default(_)) if column.default.is_some() => {
            return Err(Error::new(
                SqlState::SYNTAX_ERROR,
                format!("column \"{}\" has two defaults", column.name),
            )
            .with_position(place)
            .into());
        }
        Some(ColumnOption::Default(expr)) => column.default = Some((expr, expression_position)),
        _ => return Err(ParserError::ParserError("not an option of a column".to_owned()).into()),
    }
    Ok(true)
}

fn set_not_null(column: &mut ColumnSpec, not_null: bool, place: Position) -> Parse<()> {
    if column.not_null.is_some_and(|known| known != not_null) {
        return Err(Error::new(
            SqlState::SYNTAX_ERROR,
            format!("column \"{}\" is both NULL and NOT NULL", column.name),
        )
        .with_position(place)
        .into());
    }
    column.not_null = Some(not_null);
    Ok(())
}

/// `GENERATED ALWAYS | BY DEFAULT AS IDENTITY`.
fn identity(input: &mut Input<'_>, column: &mut ColumnSpec) -> Parse<bool> {
    let place = input.position();
    input.expect_word("GENERATED")?;
    let _ = input.take_word("ALWAYS") || input.take_words(&["BY", "DEFAULT"]);
    input.expect_word("AS")?;
    if input.parser.peek_token_ref().token == Token::LParen {
        return Err(unsupported("a generated column", place));
    }
    input.expect_word("IDENTITY")?;
    if input.parser.peek_token_ref().token == Token::LParen {
        return Err(unsupported("IDENTITY with sequence options", place));
    }
    column.identity = true;
    Ok(true)
}

/// Takes one clause after the columns; `false` if none is next.
fn clause(input: &mut Input<'_>, create: &mut CreateTable) -> Parse<bool> {
    if input.take_word("WITH") {
        input.expect(&Token::LParen)?;
        if !input.take(&Token::RParen) {
            create.options.extend(input.separated(option)?);
            input.expect(&Token::RParen)?;
        }
        return Ok(true);
    }
    if input.take_word("COMMENT") {
        let _ = input.take(&Token::Eq);
        create.comment = Some(input.text()?);
        return Ok(true);
    }
    Ok(false)
}

/// `name = 'text' | number | word`.
pub(super) fn option(input: &mut Input<'_>) -> Parse<TableOption> {
    let (name, place) = input.name()?;
    input.expect(&Token::Eq)?;
    let negative = input.take(&Token::Minus);
    let value = match &input.parser.peek_token_ref().token {
        Token::Number(digits, _) => {
            let value = if negative { format!("-{digits}") } else { digits.clone() };
            input.parser.advance_token();
            value
        }
        _ if negative => return input.refuse(),
        Token::Word(word) => {
            let value = word.value.clone();
            input.parser.advance_token();
            value
        }
        _ => input.text()?,
    };
    Ok(TableOption { name: name.to_ascii_uppercase(), value, position: place })
}
