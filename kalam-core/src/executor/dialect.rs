//! The SQL dialect: PostgreSQL's, with what DataFusion's users expect on top.

use std::any::TypeId;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::sql::sqlparser::ast::{Expr, Function, FunctionArguments, ObjectName};
use datafusion::sql::sqlparser::dialect::{Dialect, PostgreSqlDialect, Precedence};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

/// PostgreSQL's dialect with `* EXCEPT`, `IGNORE NULLS`, `{..}` and more.
///
/// One instance parses one statement, because it also holds the parser's fuel: the
/// parser tries alternatives and goes back, which texts made for it can turn into
/// work that doubles with each level of nesting.
#[derive(Debug)]
pub(crate) struct KalamDialect {
    postgres: PostgreSqlDialect,
    fuel: AtomicUsize,
}

impl KalamDialect {
    /// A dialect for a statement of this many tokens.
    pub(crate) fn for_tokens(tokens: usize) -> Self {
        KalamDialect {
            postgres: PostgreSqlDialect {},
            fuel: AtomicUsize::new(tokens.saturating_mul(16).saturating_add(10_000)),
        }
    }
}

impl Default for KalamDialect {
    fn default() -> Self {
        Self::for_tokens(0)
    }
}

impl Dialect for KalamDialect {
    /// The parser asks for PostgreSQL by type in many places.
    fn dialect(&self) -> TypeId {
        TypeId::of::<PostgreSqlDialect>()
    }

    /// Burns fuel; the one error that the parser never swallows reports its end.
    /// Reads CURRENT_USER and CURRENT_ROLE with and without parentheses, of which
    /// the parser knows one form each.
    fn parse_prefix(&self, parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        let burnt = self
            .fuel
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |fuel| fuel.checked_sub(1));
        if burnt.is_err() {
            return Some(Err(ParserError::RecursionLimitExceeded));
        }
        let next = parser.peek_token_ref();
        let (name, keyword) = match &next.token {
            Token::Word(word)
                if matches!(word.keyword, Keyword::CURRENT_USER | Keyword::CURRENT_ROLE) =>
            {
                (ObjectName::from(vec![word.to_ident(next.span)]), word.keyword)
            }
            _ => return None,
        };
        match (&parser.peek_nth_token_ref(1).token, keyword) {
            (Token::LParen, _) => {
                parser.advance_token();
                Some(parser.parse_function(name))
            }
            (Token::Period, _) | (_, Keyword::CURRENT_USER) => None,
            _ => {
                parser.advance_token();
                Some(Ok(call_without_parentheses(name)))
            }
        }
    }

    // What PostgreSQL's dialect decides.

    fn identifier_quote_style(&self, identifier: &str) -> Option<char> {
        self.postgres.identifier_quote_style(identifier)
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        self.postgres.is_delimited_identifier_start(ch)
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        self.postgres.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        self.postgres.is_identifier_part(ch)
    }

    fn is_reserved_for_identifier(&self, keyword: Keyword) -> bool {
        self.postgres.is_reserved_for_identifier(keyword)
    }

    /// `<=>` and `<->` bind as every operator does that PostgreSQL has no own rank for,
    /// closer than comparisons; `?|` too.
    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        match &parser.peek_token_ref().token {
            Token::Spaceship | Token::TwoWayArrow | Token::QuestionPipe => {
                Some(Ok(self.prec_value(Precedence::PgOther)))
            }
            _ => self.postgres.get_next_precedence(parser),
        }
    }

    fn prec_value(&self, prec: Precedence) -> u8 {
        self.postgres.prec_value(prec)
    }

    fn supports_unicode_string_literal(&self) -> bool {
        self.postgres.supports_unicode_string_literal()
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        self.postgres.supports_filter_during_aggregation()
    }

    fn supports_group_by_expr(&self) -> bool {
        self.postgres.supports_group_by_expr()
    }

    fn allow_extract_custom(&self) -> bool {
        self.postgres.allow_extract_custom()
    }

    fn allow_extract_single_quotes(&self) -> bool {
        self.postgres.allow_extract_single_quotes()
    }

    fn supports_bitwise_shift_operators(&self) -> bool {
        self.postgres.supports_bitwise_shift_operators()
    }

    fn supports_empty_projections(&self) -> bool {
        self.postgres.supports_empty_projections()
    }

    fn supports_nested_comments(&self) -> bool {
        self.postgres.supports_nested_comments()
    }

    fn supports_string_escape_constant(&self) -> bool {
        self.postgres.supports_string_escape_constant()
    }

    fn supports_numeric_literal_underscores(&self) -> bool {
        self.postgres.supports_numeric_literal_underscores()
    }

    fn supports_array_typedef_with_brackets(&self) -> bool {
        self.postgres.supports_array_typedef_with_brackets()
    }

    fn supports_geometric_types(&self) -> bool {
        // Not for the types: this is what makes `<->` and `?|` tokens.
        self.postgres.supports_geometric_types()
    }

    fn supports_notnull_operator(&self) -> bool {
        self.postgres.supports_notnull_operator()
    }

    fn supports_interval_options(&self) -> bool {
        self.postgres.supports_interval_options()
    }

    fn supports_comma_separated_trim(&self) -> bool {
        self.postgres.supports_comma_separated_trim()
    }

    // Where PostgreSQL's dialect of the parser is not PostgreSQL's.

    /// Without `+`, `-`, `*`, `/` and `?`, which would make one operator of the
    /// text `>=-1`, `>/* c */` or `<?`. The operators that do end in them are
    /// tokens of their own.
    fn is_custom_operator_part(&self, ch: char) -> bool {
        matches!(ch, '<' | '>' | '=' | '~' | '!' | '@' | '#' | '%' | '^' | '&' | '|')
    }

    // What DataFusion plans and PostgreSQL's dialect does not read.

    fn supports_select_wildcard_except(&self) -> bool {
        true
    }

    fn supports_select_wildcard_exclude(&self) -> bool {
        true
    }

    fn supports_select_wildcard_replace(&self) -> bool {
        true
    }

    fn supports_select_wildcard_ilike(&self) -> bool {
        true
    }

    fn supports_window_function_null_treatment_arg(&self) -> bool {
        true
    }

    fn supports_window_clause_named_window_reference(&self) -> bool {
        true
    }

    fn supports_dictionary_syntax(&self) -> bool {
        true
    }

    fn support_map_literal_syntax(&self) -> bool {
        true
    }

    fn supports_order_by_all(&self) -> bool {
        true
    }

    fn supports_from_first_select(&self) -> bool {
        true
    }

    fn supports_projection_trailing_commas(&self) -> bool {
        true
    }
}

fn call_without_parentheses(name: ObjectName) -> Expr {
    Expr::Function(Function {
        name,
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::None,
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}
