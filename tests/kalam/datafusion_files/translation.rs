//! DataFusion's CREATE TABLE in statements that PostgreSQL has.

/// Types of columns that only DataFusion has, and the next wider ones.
const TYPES: [(&str, &str); 6] = [
    ("bigint unsigned", "BIGINT"),
    ("smallint unsigned", "INT"),
    ("tinyint unsigned", "SMALLINT"),
    ("integer unsigned", "BIGINT"),
    ("int unsigned", "BIGINT"),
    ("tinyint", "SMALLINT"),
];

/// The statements that do what one of the files does: `OR REPLACE` drops the table
/// first, and a table with both columns and a query is filled after it is made.
pub fn translated(sql: &str) -> Vec<String> {
    let Some(create) = Create::read(sql) else { return vec![sql.to_owned()] };
    let mut statements = Vec::new();
    if create.replaces {
        statements.push(format!("DROP TABLE IF EXISTS {}", create.name));
    }
    let columns = create.columns.map(|columns| with_known_types(&columns));
    match (columns, create.query) {
        (Some(columns), Some(query)) => {
            statements.push(format!("CREATE TABLE {}{columns}", create.written_name));
            statements.push(format!("INSERT INTO {} {query}", create.name));
        }
        (Some(columns), None) => {
            statements.push(format!("CREATE TABLE {}{columns}", create.written_name));
        }
        (None, Some(query)) => {
            statements.push(format!("CREATE TABLE {} AS {query}", create.written_name));
        }
        (None, None) => return vec![sql.to_owned()],
    }
    statements
}

/// The parts of a CREATE TABLE.
struct Create {
    replaces: bool,
    name: String,
    /// With IF NOT EXISTS.
    written_name: String,
    /// In their parentheses.
    columns: Option<String>,
    query: Option<String>,
}

impl Create {
    fn read(sql: &str) -> Option<Create> {
        let mut rest = after(sql.trim().trim_end_matches(';'), "create")?;
        let mut replaces = false;
        if let Some(more) = after(rest, "or").and_then(|rest| after(rest, "replace")) {
            (rest, replaces) = (more, true);
        }
        rest = after(rest, "table")?;
        let unless = ["if", "not", "exists"].iter().try_fold(rest, |rest, word| after(rest, word));
        rest = unless.unwrap_or(rest);
        let end = rest.find(|c: char| c.is_whitespace() || c == '(')?;
        let name = rest[..end].to_owned();
        let prefix = if unless.is_some() { "IF NOT EXISTS " } else { "" };
        let written_name = format!("{prefix}{name}");
        rest = rest[end..].trim_start();
        let mut columns = None;
        if rest.starts_with('(') {
            let close = closing(rest)?;
            columns = Some(rest[..=close].to_owned());
            rest = rest[close + 1..].trim_start();
        }
        let query = after(rest, "as").map(str::to_owned);
        if query.is_none() && !rest.is_empty() {
            return None;
        }
        Some(Create { replaces, name, written_name, columns, query })
    }
}

/// What follows a word at the beginning of a text.
fn after<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (found, rest) = text.split_at_checked(word.len())?;
    let ends = rest.starts_with(|c: char| c.is_whitespace() || c == '(');
    (found.eq_ignore_ascii_case(word) && ends).then(|| rest.trim_start())
}

/// Where the parenthesis at the beginning of a text is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (place, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(place);
        }
    }
    None
}

fn with_known_types(columns: &str) -> String {
    let mut text = columns.to_owned();
    for (written, ours) in TYPES {
        while let Some(place) = text.to_ascii_lowercase().find(written) {
            text.replace_range(place..place + written.len(), ours);
        }
    }
    text
}

#[test]
fn tables_are_made_in_steps() {
    assert_eq!(
        translated("create or replace table t(a int unsigned) as values (1);"),
        ["DROP TABLE IF EXISTS t", "CREATE TABLE t(a BIGINT)", "INSERT INTO t values (1)"]
    );
    assert_eq!(translated("CREATE TABLE t AS VALUES (1)"), ["CREATE TABLE t AS VALUES (1)"]);
    assert_eq!(
        translated("CREATE TABLE IF NOT EXISTS t (a TINYINT)"),
        ["CREATE TABLE IF NOT EXISTS t(a SMALLINT)"]
    );
    for other in ["CREATE EXTERNAL TABLE t (a INT) STORED AS CSV", "SELECT 1", "CREATE TABLE t"] {
        assert_eq!(translated(other), [other]);
    }
}
