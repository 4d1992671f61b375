//! Limits on statements, checked on tokens, before anything recurses over them.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Query, Statement, Visit, Visitor};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use super::placeholder::position;
use crate::{Error, Result, SqlState};

/// Largest SQL text, in bytes.
pub(crate) const TEXT_BYTES_MAX: usize = 1 << 20;

/// Deepest nesting of parentheses, brackets, CASE and prefix operators.
pub(crate) const NESTING_MAX: usize = 128;

/// Deepest nesting of queries. DataFusion walks the inner ones of a scalar subquery
/// again for each level around them, so each level doubles the time of planning.
pub(crate) const QUERY_NESTING_MAX: usize = 16;

/// Most AND and OR of one expression, those of the expressions around it included.
pub(crate) const LOGICAL_OPERATORS_MAX: usize = 5_000;

/// Most other operators between two of AND and OR, those around them included. Each
/// is a level of the parsed expression, while chains of AND and OR are balanced.
pub(crate) const OPERATORS_MAX: usize = 1_000;

/// Most queries that UNION, INTERSECT and EXCEPT combine, and most joined tables,
/// CTEs and subqueries, in one statement.
pub(crate) const RELATIONS_MAX: usize = 500;

/// The parser's own depth: a level of nesting takes a few of its levels.
pub(crate) const PARSER_DEPTH_MAX: usize = NESTING_MAX * 4;

/// Most columns of a table.
///
/// Source: PostgreSQL, "Appendix K. PostgreSQL Limits".
pub(crate) const COLUMNS_MAX: usize = 1_600;

/// Most columns that a SELECT writes out: planning takes time that grows with their
/// square.
///
/// Source: PostgreSQL, "Appendix K. PostgreSQL Limits".
pub(crate) const RESULT_COLUMNS_MAX: usize = 1_664;

/// Most tokens that the parser may read again because of nested parentheses in
/// FROM, see [`Meter::table_parentheses`].
const REPEATED_TOKENS_MAX: usize = 20_000_000;

/// Refuses texts that are too long.
///
/// # Errors
/// `54000`.
pub(crate) fn check_text(sql: &str) -> Result<()> {
    if sql.len() <= TEXT_BYTES_MAX {
        return Ok(());
    }
    Err(exceeded(format!("statement text of {} bytes is longer than 1 MiB", sql.len()))
        .with_hint("bind large values as parameters, or append Arrow data"))
}

/// Refuses statements whose parsed form would be too deep, or too long to parse.
///
/// # Errors
/// `54000`, with the place.
pub(crate) fn check_tokens(tokens: &[TokenWithSpan]) -> Result<()> {
    let mut meter = Meter { total: tokens.len(), ..Meter::default() };
    for (index, token) in tokens.iter().enumerate() {
        let before = index.checked_sub(1).map(|i| &tokens[i].token);
        let after = tokens.get(index + 1).map(|t| &t.token);
        meter
            .read(before, &token.token, after)
            .map_err(|what| exceeded(what).with_position(position(token.span.start)))?;
    }
    Ok(())
}

/// How deep a statement nests queries, from 1.
pub(crate) fn query_levels(statement: &Statement) -> usize {
    let mut levels = QueryLevels::default();
    let _ = statement.visit(&mut levels);
    levels.deepest
}

#[derive(Default)]
struct QueryLevels {
    now: usize,
    deepest: usize,
}

impl Visitor for QueryLevels {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.now += 1;
        self.deepest = self.deepest.max(self.now);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.now -= 1;
        ControlFlow::Continue(())
    }
}

/// A `54000` error.
pub(crate) fn exceeded(message: String) -> Error {
    Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message)
}

/// Operators whose nodes can lie below each other in the parsed expression.
#[derive(Clone, Copy, Default)]
struct Operators {
    logical: usize,
    other: usize,
}

/// One open parenthesis, bracket, brace or CASE.
#[derive(Default)]
struct Level {
    is_case: bool,
    is_query: bool,
    count: Operators,
    /// Times that the parser may read what is inside.
    readings: usize,
}

#[derive(Default)]
struct Meter {
    total: usize,
    levels: Vec<Level>,
    outermost: Operators,
    /// Those of the open levels together.
    sum: Operators,
    /// Operators and keywords in a row: each may nest the next.
    chain: usize,
    relations: usize,
    /// Opening parentheses in a row in a place of FROM.
    run: usize,
}

impl Meter {
    fn read(
        &mut self,
        before: Option<&Token>,
        token: &Token,
        after: Option<&Token>,
    ) -> Result<(), String> {
        match token {
            Token::LParen | Token::LBracket | Token::LBrace => {
                if !matches!(token, Token::LParen) {
                    self.operator()?;
                }
                self.table_parentheses(before, token, after)?;
                self.query(after)?;
            }
            Token::RParen | Token::RBracket | Token::RBrace => self.close(),
            Token::Comma => self.end_expression(),
            Token::Word(word) => self.word(word, after)?,
            Token::Number(..) | Token::SingleQuotedString(_) | Token::Placeholder(_) => {
                self.chain = 0;
            }
            Token::Period => {}
            _ => {
                self.operator()?;
                self.nest_chain()?;
            }
        }
        Ok(())
    }

    fn word(&mut self, word: &Word, after: Option<&Token>) -> Result<(), String> {
        match word.keyword {
            _ if word.quote_style.is_some() => self.chain = 0,
            Keyword::NoKeyword | Keyword::NULL | Keyword::TRUE | Keyword::FALSE => self.chain = 0,
            Keyword::CASE => self.open(true, self.readings())?,
            Keyword::END if self.levels.last().is_some_and(|level| level.is_case) => self.close(),
            Keyword::AND | Keyword::OR | Keyword::XOR => {
                self.logical_operator()?;
                self.nest_chain()?;
            }
            Keyword::UNION
            | Keyword::INTERSECT
            | Keyword::EXCEPT
            | Keyword::MINUS
            | Keyword::JOIN
            | Keyword::SELECT => {
                self.chain = 0;
                self.end_expression();
                self.relations += 1;
                // A combined query has two of these words for each of its arms.
                if self.relations > 2 * RELATIONS_MAX {
                    return Err(format!("statement combines more than {RELATIONS_MAX} queries"));
                }
            }
            // A function; the parenthesis is the level.
            _ if matches!(after, Some(Token::LParen)) => {}
            _ => self.nest_chain()?,
        }
        Ok(())
    }

    /// The parser reads a parenthesis in FROM first as a subquery and, if that
    /// fails, again as a join. Inside each other these readings multiply.
    fn table_parentheses(
        &mut self,
        before: Option<&Token>,
        token: &Token,
        after: Option<&Token>,
    ) -> Result<(), String> {
        let starts_table = match before {
            Some(Token::Word(word)) => {
                matches!(word.keyword, Keyword::FROM | Keyword::JOIN | Keyword::LATERAL)
            }
            Some(Token::Comma) => true,
            Some(Token::LParen) => self.run > 0,
            _ => false,
        };
        let mut readings = self.readings();
        self.run = if starts_table { self.run + 1 } else { 0 };
        if self.run > 0 && matches!((token, after), (Token::LParen, Some(Token::LParen))) {
            readings = readings.saturating_mul(2);
            if readings.saturating_mul(self.total) > REPEATED_TOKENS_MAX.max(4 * self.total) {
                return Err("statement nests too many parentheses in FROM".to_owned());
            }
        }
        self.open(false, readings)
    }

    /// Notes that the level just opened holds a query.
    fn query(&mut self, first: Option<&Token>) -> Result<(), String> {
        let is_query = matches!(
            first,
            Some(Token::Word(word)) if matches!(word.keyword, Keyword::SELECT | Keyword::WITH)
        );
        if let (true, Some(level)) = (is_query, self.levels.last_mut()) {
            level.is_query = true;
            if self.levels.iter().filter(|level| level.is_query).count() > QUERY_NESTING_MAX {
                return Err(format!("statement nests more than {QUERY_NESTING_MAX} queries"));
            }
        }
        Ok(())
    }

    fn readings(&self) -> usize {
        self.levels.last().map_or(1, |level| level.readings.max(1))
    }

    fn open(&mut self, is_case: bool, readings: usize) -> Result<(), String> {
        self.levels.push(Level { is_case, readings, ..Level::default() });
        self.chain = 0;
        self.check_nesting()
    }

    fn close(&mut self) {
        // CASE can be left open by a broken statement; the bracket closes it too.
        if let Some(level) = self.levels.pop() {
            self.sum.logical -= level.count.logical;
            self.sum.other -= level.count.other;
        }
        self.chain = 0;
        self.run = 0;
    }

    fn count(&mut self) -> &mut Operators {
        self.levels.last_mut().map_or(&mut self.outermost, |level| &mut level.count)
    }

    fn end_expression(&mut self) {
        self.chain = 0;
        let ended = std::mem::take(self.count());
        self.sum.logical -= ended.logical;
        self.sum.other -= ended.other;
    }

    fn operator(&mut self) -> Result<(), String> {
        self.count().other += 1;
        self.sum.other += 1;
        self.check_operators()
    }

    fn logical_operator(&mut self) -> Result<(), String> {
        let ended = std::mem::take(&mut self.count().other);
        self.sum.other -= ended;
        self.count().logical += 1;
        self.sum.logical += 1;
        self.check_operators()
    }

    fn check_operators(&self) -> Result<(), String> {
        if self.sum.logical > LOGICAL_OPERATORS_MAX {
            return Err(format!("expression has more than {LOGICAL_OPERATORS_MAX} AND and OR"));
        }
        if self.sum.other > OPERATORS_MAX {
            return Err(format!("expression has more than {OPERATORS_MAX} operators"));
        }
        Ok(())
    }

    fn nest_chain(&mut self) -> Result<(), String> {
        self.chain += 1;
        self.check_nesting()
    }

    fn check_nesting(&self) -> Result<(), String> {
        if self.levels.len() + self.chain > NESTING_MAX {
            return Err(format!("statement is nested more than {NESTING_MAX} levels deep"));
        }
        Ok(())
    }
}
