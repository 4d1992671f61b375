//! The tokens of one statement, read by words, names and tables.

use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, Word};

use super::syntax_error;
use crate::executor::cte_scope::fold;
use crate::executor::placeholder::position;
use crate::executor::statement::TableRef;
use crate::{Error, Position, SqlState};

/// Why a statement was refused: by us, with a finished error, or by the parser.
#[derive(Debug)]
pub(super) enum Failure {
    Known(Error),
    Parser(ParserError),
}

impl From<Error> for Failure {
    fn from(e: Error) -> Self {
        Failure::Known(e)
    }
}

impl From<ParserError> for Failure {
    fn from(e: ParserError) -> Self {
        Failure::Parser(e)
    }
}

pub(super) type Parse<T> = Result<T, Failure>;

/// The tokens of one statement.
pub(super) struct Input<'a> {
    pub parser: Parser<'a>,
}

impl<'a> Input<'a> {
    pub(super) fn new(parser: Parser<'a>) -> Self {
        Input { parser }
    }

    /// Whether every token is taken.
    pub(super) fn is_at_end(&self) -> bool {
        self.parser.peek_token_ref().token == Token::EOF
    }

    /// Refuses tokens that are left.
    pub(super) fn expect_end(&self) -> Parse<()> {
        if self.is_at_end() { Ok(()) } else { self.refuse() }
    }

    /// Refuses the next token.
    pub(super) fn refuse<T>(&self) -> Parse<T> {
        let next = self.parser.peek_token_ref();
        if next.token == Token::EOF {
            return Err(ParserError::ParserError("unexpected end".to_owned()).into());
        }
        Err(syntax_error::at_token(next).into())
    }

    /// Where the next token stands.
    pub(super) fn position(&self) -> Position {
        position(self.parser.peek_token_ref().span.start)
    }

    /// The n-th next token in upper case, if it is an unquoted word.
    pub(super) fn peek_word(&self, n: usize) -> Option<String> {
        match &self.parser.peek_nth_token_ref(n).token {
            Token::Word(Word { value, quote_style: None, .. }) => Some(value.to_ascii_uppercase()),
            _ => None,
        }
    }

    /// Whether the n-th next token is this unquoted word, given in upper case.
    pub(super) fn is_word(&self, n: usize, word: &str) -> bool {
        matches!(
            &self.parser.peek_nth_token_ref(n).token,
            Token::Word(Word { value, quote_style: None, .. }) if value.eq_ignore_ascii_case(word)
        )
    }

    /// Takes these words if all of them are next.
    pub(super) fn take_words(&mut self, words: &[&str]) -> bool {
        let found = words.iter().enumerate().all(|(n, word)| self.is_word(n, word));
        if found {
            words.iter().for_each(|_| self.parser.advance_token());
        }
        found
    }

    /// Takes this word if it is next.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        self.take_words(&[word])
    }

    /// Takes this word, or refuses what stands in its place.
    pub(super) fn expect_word(&mut self, word: &str) -> Parse<()> {
        if self.take_word(word) { Ok(()) } else { self.refuse() }
    }

    /// Takes a token if it is next.
    pub(super) fn take(&mut self, token: &Token) -> bool {
        self.parser.consume_token(token)
    }

    /// Takes a token, or refuses what stands in its place.
    pub(super) fn expect(&mut self, token: &Token) -> Parse<()> {
        if self.take(token) { Ok(()) } else { self.refuse() }
    }

    /// Takes `IF NOT EXISTS`.
    pub(super) fn take_if_not_exists(&mut self) -> bool {
        self.take_words(&["IF", "NOT", "EXISTS"])
    }

    /// Takes `IF EXISTS`.
    pub(super) fn take_if_exists(&mut self) -> bool {
        self.take_words(&["IF", "EXISTS"])
    }

    /// Takes a name, folded, and says where it stands.
    pub(super) fn name(&mut self) -> Parse<(String, Position)> {
        match &self.parser.peek_token_ref().token {
            Token::Word(_) => {
                let place = self.position();
                Ok((fold(&self.parser.parse_identifier()?), place))
            }
            _ => self.refuse(),
        }
    }

    /// Takes `(a, b)`.
    pub(super) fn names(&mut self) -> Parse<Vec<(String, Position)>> {
        self.expect(&Token::LParen)?;
        let names = self.separated(Self::name)?;
        self.expect(&Token::RParen)?;
        Ok(names)
    }

    /// Takes `[namespace.]table`.
    pub(super) fn table(&mut self) -> Parse<TableRef> {
        let (first, place) = self.name()?;
        if !self.take(&Token::Period) {
            return Ok(TableRef { namespace: None, table: first, position: place });
        }
        let (second, _) = self.name()?;
        if self.take(&Token::Period) {
            let (third, _) = self.name()?;
            return Err(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("table \"{first}.{second}.{third}\" of another database cannot be named"),
            )
            .with_position(place)
            .with_hint("write namespace.table")
            .into());
        }
        Ok(TableRef { namespace: Some(first), table: second, position: place })
    }

    /// Takes things separated by commas.
    pub(super) fn separated<T>(
        &mut self,
        mut one: impl FnMut(&mut Self) -> Parse<T>,
    ) -> Parse<Vec<T>> {
        let mut all = vec![one(self)?];
        while self.take(&Token::Comma) {
            all.push(one(self)?);
        }
        Ok(all)
    }

    /// Takes a text in single quotes.
    pub(super) fn text(&mut self) -> Parse<String> {
        match &self.parser.peek_token_ref().token {
            Token::SingleQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::DollarQuotedString(_) => {}
            _ => return self.refuse(),
        }
        match self.parser.next_token().token {
            Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) => Ok(text),
            Token::DollarQuotedString(text) => Ok(text.value),
            _ => self.refuse(),
        }
    }
}

/// A `0A000` error at a place.
pub(super) fn unsupported(what: impl std::fmt::Display, place: Position) -> Failure {
    Error::new(SqlState::FEATURE_NOT_SUPPORTED, format!("{what} is not supported"))
        .with_position(place)
        .into()
}
