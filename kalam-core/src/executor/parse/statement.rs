//! One statement: what it is, by its first words.

use std::sync::Arc;

use datafusion::sql::sqlparser::tokenizer::Token;

use super::input::{Input, Parse, unsupported};
use super::transaction::transaction;
use super::unsupported::refusal;
use super::{
    alter_table, backup, copy, create_table, create_view, insert, merge, modify, query, setting,
    storage, user, with,
};
use crate::executor::placeholder::Placeholders;
use crate::executor::query_shape::ParsedQuery;
use crate::executor::statement::{
    Execute, Explain, Parsed, Prepare, RegisterTable, Statement, TableRef,
};
use crate::executor::type_name::kalam_type;
use crate::model::TableKind;

/// Parses the statement that the tokens are.
pub(super) fn parse(input: &mut Input<'_>) -> Parse<Statement> {
    let statement = match input.peek_word(0).as_deref() {
        None if input.parser.peek_token_ref().token == Token::LParen => select(input)?,
        None => return input.refuse(),
        Some("SELECT" | "VALUES" | "FROM") => select(input)?,
        Some("WITH") => with::with(input)?,
        Some("INSERT") => insert::insert(input, None)?,
        Some("UPDATE") => modify::update(input, None)?,
        Some("DELETE") => modify::delete(input, None)?,
        Some("MERGE") => merge::merge(input, None)?,
        Some("COPY") => copy::copy(input)?,
        Some("REGISTER") if input.is_word(1, "TABLE") => register(input)?,
        Some("UNREGISTER") if input.is_word(1, "TABLE") => unregister(input)?,
        Some("CREATE") => create(input)?,
        Some("ALTER") if input.is_word(1, "USER") => user::alter_user(input)?,
        Some("ALTER") => alter(input)?,
        Some("COMMENT") if input.is_word(1, "ON") => {
            input.take_words(&["COMMENT", "ON"]);
            Statement::Comment(alter_table::comment(input)?)
        }
        Some("DROP") => drop(input)?,
        Some("TRUNCATE") => truncate(input)?,
        Some("USE") => use_namespace(input)?,
        Some("SHOW") => show(input)?,
        Some("SET") => Statement::Set(setting::set(input)?),
        Some("RESET") => Statement::Set(setting::reset(input)?),
        Some("DESCRIBE" | "DESC") => describe(input)?,
        Some("EXPLAIN") => explain(input)?,
        Some("PREPARE") => return prepare(input),
        Some("EXECUTE") if input.is_word(1, "AS") => user::execute_as(input)?,
        Some("EXECUTE") => execute(input)?,
        Some("DEALLOCATE") => deallocate(input)?,
        Some("STORAGE") => storage_verb(input)?,
        Some("VACUUM") => Statement::Vacuum { table: table_or_all(input, "VACUUM")? },
        Some("ANALYZE") => Statement::Analyze { table: table_or_all(input, "ANALYZE")? },
        Some("BACKUP") if input.is_word(1, "DATABASE") => backup::backup(input)?,
        Some("RESTORE") if input.is_word(1, "DATABASE") => backup::restore(input)?,
        Some("EXPORT") if input.is_word(1, "USER") => user::export_user(input)?,
        Some("VERIFY") if input.is_word(1, "BACKUP") => backup::verify(input)?,
        Some("KILL") if input.is_word(1, "JOB") => {
            input.take_words(&["KILL", "JOB"]);
            Statement::KillJob { id: user::given_text(input)? }
        }
        Some(
            "BEGIN" | "START" | "COMMIT" | "END" | "ABORT" | "ROLLBACK" | "SAVEPOINT" | "RELEASE",
        ) => Statement::Transaction(transaction(input)?),
        Some(_) => return Err(refusal(input)),
    };
    input.expect_end()?;
    Ok(statement)
}

fn select(input: &mut Input<'_>) -> Parse<Statement> {
    query::query(input).map(|query| Statement::Query(ParsedQuery::new(query)))
}

fn create(input: &mut Input<'_>) -> Parse<Statement> {
    if input.take_words(&["CREATE", "NAMESPACE"]) || input.take_words(&["CREATE", "SCHEMA"]) {
        let if_not_exists = input.take_if_not_exists();
        let (name, _) = input.name()?;
        let described = input.take_word("DESCRIPTION") || input.take_word("COMMENT");
        let description = if described { Some(input.text()?) } else { None };
        return Ok(Statement::CreateNamespace { if_not_exists, name, description });
    }
    let kinds =
        [("USER", TableKind::User), ("SHARED", TableKind::Shared), ("STREAM", TableKind::Stream)];
    for (word, kind) in kinds {
        if input.take_words(&["CREATE", word, "TABLE"]) {
            return create_table::create_table(input, Some(kind));
        }
    }
    if input.take_words(&["CREATE", "TABLE"]) {
        return create_table::create_table(input, None);
    }
    if input.take_words(&["CREATE", "VIEW"]) {
        return create_view::create_view(input, false);
    }
    if input.take_words(&["CREATE", "OR", "REPLACE", "VIEW"]) {
        return create_view::create_view(input, true);
    }
    if input.take_words(&["CREATE", "USER"]) {
        return user::create_user(input);
    }
    if input.take_words(&["CREATE", "STORAGE"]) {
        return storage::create_storage(input);
    }
    Err(refusal(input))
}

fn alter(input: &mut Input<'_>) -> Parse<Statement> {
    if input.take_words(&["ALTER", "NAMESPACE"]) || input.take_words(&["ALTER", "SCHEMA"]) {
        return alter_table::alter_namespace(input);
    }
    if input.take_words(&["ALTER", "STORAGE"]) {
        return storage::alter_storage(input);
    }
    let is_table =
        ["USER", "SHARED", "STREAM"].iter().any(|kind| input.take_words(&["ALTER", kind, "TABLE"]))
            || input.take_words(&["ALTER", "TABLE"]);
    if is_table {
        return alter_table::alter_table(input).map(Statement::AlterTable);
    }
    Err(refusal(input))
}

fn drop(input: &mut Input<'_>) -> Parse<Statement> {
    if input.take_words(&["DROP", "NAMESPACE"]) || input.take_words(&["DROP", "SCHEMA"]) {
        let if_exists = input.take_if_exists();
        let (name, _) = input.name()?;
        let cascade = take_cascade(input);
        return Ok(Statement::DropNamespace { if_exists, name, cascade });
    }
    if input.take_words(&["DROP", "STORAGE"]) {
        return storage::drop_storage(input);
    }
    if input.take_words(&["DROP", "VIEW"]) {
        let if_exists = input.take_if_exists();
        let names = input.separated(Input::table)?;
        let cascade = take_cascade(input);
        return Ok(Statement::DropView { if_exists, names, cascade });
    }
    let is_table =
        ["USER", "SHARED", "STREAM"].iter().any(|kind| input.take_words(&["DROP", kind, "TABLE"]))
            || input.take_words(&["DROP", "TABLE"]);
    if !is_table && input.take_words(&["DROP", "USER"]) {
        return user::drop_user(input);
    }
    if !is_table {
        return Err(refusal(input));
    }
    let if_exists = input.take_if_exists();
    let names = input.separated(Input::table)?;
    let cascade = take_cascade(input);
    Ok(Statement::DropTable { if_exists, names, cascade })
}

/// `[CASCADE | RESTRICT]`; RESTRICT is what neither word says too.
fn take_cascade(input: &mut Input<'_>) -> bool {
    input.take_word("CASCADE") || {
        input.take_word("RESTRICT");
        false
    }
}

/// `REGISTER TABLE [IF NOT EXISTS] n FROM path`.
fn register(input: &mut Input<'_>) -> Parse<Statement> {
    input.take_words(&["REGISTER", "TABLE"]);
    let if_not_exists = input.take_if_not_exists();
    let table = input.table()?;
    input.expect_word("FROM")?;
    let path = user::given_text(input)?;
    Ok(Statement::RegisterTable(RegisterTable { if_not_exists, table, path }))
}

/// `UNREGISTER TABLE [IF EXISTS] n [CASCADE | RESTRICT]`.
fn unregister(input: &mut Input<'_>) -> Parse<Statement> {
    input.take_words(&["UNREGISTER", "TABLE"]);
    let if_exists = input.take_if_exists();
    let table = input.table()?;
    Ok(Statement::UnregisterTable { if_exists, table, cascade: take_cascade(input) })
}

/// `TRUNCATE [TABLE] [ONLY] t [, ..] [CONTINUE IDENTITY] [CASCADE | RESTRICT]`. No
/// table refers to another, so CASCADE adds none.
fn truncate(input: &mut Input<'_>) -> Parse<Statement> {
    input.expect_word("TRUNCATE")?;
    let is_name =
        |input: &Input<'_>| matches!(input.parser.peek_nth_token_ref(1).token, Token::Word(_));
    let _ = is_name(input) && input.take_word("TABLE");
    let tables = input.separated(|input| {
        let _ = is_name(input) && input.take_word("ONLY");
        input.table()
    })?;
    if input.is_word(0, "RESTART") {
        return Err(unsupported("TRUNCATE .. RESTART IDENTITY", input.position()));
    }
    input.take_words(&["CONTINUE", "IDENTITY"]);
    take_cascade(input);
    Ok(Statement::Truncate { tables })
}

fn use_namespace(input: &mut Input<'_>) -> Parse<Statement> {
    input.expect_word("USE")?;
    let _ = input.is_word(0, "NAMESPACE") && input.peek_word(1).is_some() && {
        input.take_word("NAMESPACE")
    };
    Ok(Statement::UseNamespace(input.name()?.0))
}

fn show(input: &mut Input<'_>) -> Parse<Statement> {
    if input.take_words(&["SHOW", "NAMESPACES"]) || input.take_words(&["SHOW", "SCHEMAS"]) {
        return Ok(Statement::ShowNamespaces);
    }
    if input.take_words(&["SHOW", "STORAGES"]) {
        return Ok(Statement::ShowStorages);
    }
    if input.take_words(&["SHOW", "TABLES"]) {
        let in_namespace = input.take_word("IN") || input.take_word("FROM");
        let namespace = if in_namespace { Some(input.name()?.0) } else { None };
        return Ok(Statement::ShowTables { namespace });
    }
    if input.take_words(&["SHOW", "CREATE", "TABLE"]) {
        return Ok(Statement::ShowCreateTable { table: input.table()? });
    }
    if input.take_words(&["SHOW", "CREATE", "VIEW"]) {
        return Ok(Statement::ShowCreateView { view: input.table()? });
    }
    if input.take_words(&["SHOW", "STATS"]) {
        input.expect_word("FOR")?;
        return Ok(Statement::ShowStats { table: table_after_optional_word(input)? });
    }
    if input.is_word(1, "JOBS") && input.take_words(&["SHOW", "JOBS"]) {
        return Ok(Statement::ShowJobs);
    }
    if input.take_words(&["SHOW", "MANIFEST"]) {
        input.expect_word("FOR")?;
        return Ok(Statement::ShowManifest { table: table_after_optional_word(input)? });
    }
    setting::show(input).map(Statement::ShowSetting)
}

fn describe(input: &mut Input<'_>) -> Parse<Statement> {
    input.parser.advance_token();
    let table = table_after_optional_word(input)?;
    if input.take_word("HISTORY") {
        return Ok(Statement::DescribeHistory { table });
    }
    if input.take_words(&["AS", "OF"]) {
        input.expect_word("SCHEMA")?;
        input.expect_word("VERSION")?;
        let version = input.parser.parse_literal_uint()?;
        return Ok(Statement::DescribeVersion { table, version });
    }
    Ok(Statement::Describe { table })
}

/// `[TABLE] t`; a table may itself be called `table`.
fn table_after_optional_word(input: &mut Input<'_>) -> Parse<TableRef> {
    if input.is_word(0, "TABLE") {
        let next = &input.parser.peek_nth_token_ref(1).token;
        if matches!(next, Token::Word(_)) {
            input.parser.advance_token();
        }
    }
    input.table()
}

fn explain(input: &mut Input<'_>) -> Parse<Statement> {
    input.expect_word("EXPLAIN")?;
    let (mut analyze, mut verbose) = (false, false);
    if input.parser.peek_token_ref().token == Token::LParen
        && matches!(input.peek_word(1).as_deref(), Some("ANALYZE" | "VERBOSE" | "FORMAT"))
    {
        input.expect(&Token::LParen)?;
        input.separated(|input| {
            let place = input.position();
            match input.peek_word(0).as_deref() {
                Some("ANALYZE") => analyze = explain_switch(input)?,
                Some("VERBOSE") => verbose = explain_switch(input)?,
                Some(option) => return Err(unsupported(format!("EXPLAIN option {option}"), place)),
                None => return input.refuse(),
            }
            Ok(())
        })?;
        input.expect(&Token::RParen)?;
    } else {
        analyze = input.take_word("ANALYZE");
        verbose = input.take_word("VERBOSE");
    }
    match input.peek_word(0).as_deref() {
        Some("SELECT" | "WITH" | "VALUES" | "FROM" | "INSERT" | "UPDATE" | "DELETE") => {}
        None if input.parser.peek_token_ref().token == Token::LParen => {}
        None => return input.refuse(),
        Some(word) => return Err(unsupported(format!("EXPLAIN {word}"), input.position())),
    }
    Ok(Statement::Explain(Explain { analyze, verbose, statement: Box::new(parse(input)?) }))
}

/// `PREPARE p [(types)] AS statement`. Its parameters are told apart from those of the
/// text by [`super::parse_one`].
fn prepare(input: &mut Input<'_>) -> Parse<Statement> {
    let place = input.position();
    input.expect_word("PREPARE")?;
    if input.is_word(0, "TRANSACTION") && !input.is_word(1, "AS") {
        return Err(unsupported("PREPARE TRANSACTION", place));
    }
    let (name, _) = input.name()?;
    let mut types = Vec::new();
    if input.take(&Token::LParen) {
        types = input.separated(|input| Ok(kalam_type(&input.parser.parse_data_type()?)?.0))?;
        input.expect(&Token::RParen)?;
    }
    input.expect_word("AS")?;
    let place = input.position();
    match input.peek_word(0).as_deref() {
        Some("SELECT" | "WITH" | "VALUES" | "FROM" | "INSERT" | "UPDATE" | "DELETE" | "MERGE") => {}
        Some("EXECUTE") if input.is_word(1, "AS") => {}
        None if input.parser.peek_token_ref().token == Token::LParen => {}
        None => return input.refuse(),
        Some(
            word @ ("CREATE" | "ALTER" | "COMMENT" | "DROP" | "USE" | "SHOW" | "DESCRIBE" | "DESC"
            | "EXPLAIN" | "STORAGE" | "VACUUM" | "ANALYZE" | "PREPARE" | "EXECUTE"
            | "DEALLOCATE" | "TRUNCATE"),
        ) => return Err(unsupported(format!("PREPARE .. AS {word}"), place)),
        Some(_) => return Err(refusal(input)),
    }
    let statement = Parsed { statement: parse(input)?, placeholders: Placeholders::default() };
    Ok(Statement::Prepare(Prepare { name, types, statement: Arc::new(statement) }))
}

/// `EXECUTE p [(values)]`.
fn execute(input: &mut Input<'_>) -> Parse<Statement> {
    input.expect_word("EXECUTE")?;
    let (name, _) = input.name()?;
    let mut values = Vec::new();
    if input.take(&Token::LParen) {
        values = input.separated(query::expr)?;
        input.expect(&Token::RParen)?;
    }
    Ok(Statement::Execute(Execute { name, values }))
}

/// `DEALLOCATE [PREPARE] p | ALL`.
fn deallocate(input: &mut Input<'_>) -> Parse<Statement> {
    input.expect_word("DEALLOCATE")?;
    let _ = input.is_word(0, "PREPARE")
        && matches!(input.parser.peek_nth_token_ref(1).token, Token::Word(_))
        && input.take_word("PREPARE");
    let name = if input.take_word("ALL") { None } else { Some(input.name()?.0) };
    Ok(Statement::Deallocate { name })
}

/// A verb that is about a table or, without one, about all.
fn table_or_all(input: &mut Input<'_>, verb: &'static str) -> Parse<Option<TableRef>> {
    input.expect_word(verb)?;
    let is_named = matches!(input.parser.peek_token_ref().token, Token::Word(_));
    if is_named { input.table().map(Some) } else { Ok(None) }
}

/// `ANALYZE [TRUE|ON|FALSE|OFF]` within the parentheses of EXPLAIN.
fn explain_switch(input: &mut Input<'_>) -> Parse<bool> {
    input.parser.advance_token();
    if input.take_word("FALSE") || input.take_word("OFF") {
        return Ok(false);
    }
    let _ = input.take_word("TRUE") || input.take_word("ON");
    Ok(true)
}

fn storage_verb(input: &mut Input<'_>) -> Parse<Statement> {
    if input.take_words(&["STORAGE", "CHECK"]) {
        return storage::check_storage(input);
    }
    if input.take_words(&["STORAGE", "FLUSH", "TABLE"]) {
        return Ok(Statement::FlushTable { table: input.table()? });
    }
    if input.take_words(&["STORAGE", "FLUSH", "ALL"]) {
        let namespace = if input.take_word("IN") { Some(input.name()?.0) } else { None };
        return Ok(Statement::FlushAll { namespace });
    }
    if input.take_words(&["STORAGE", "COMPACT", "TABLE"]) {
        return Ok(Statement::CompactTable { table: input.table()? });
    }
    if input.take_words(&["STORAGE", "COMPACT", "ALL"]) {
        let namespace = if input.take_word("IN") { Some(input.name()?.0) } else { None };
        return Ok(Statement::CompactAll { namespace });
    }
    if input.is_word(1, "FLUSH") || input.is_word(1, "COMPACT") {
        input.parser.advance_token();
        input.parser.advance_token();
        return input.refuse();
    }
    Err(refusal(input))
}
