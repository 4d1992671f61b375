//! Parameters: from `?`, `$1` and `:name` in the tokens of a statement to `$n`.

use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Word};

use super::Params;
use crate::{Error, Position, Result, SqlState};

/// Largest number of parameters of a statement.
///
/// Source: PostgreSQL, "Appendix K. PostgreSQL Limits".
pub(crate) const PARAMETERS_MAX: usize = 65_535;

/// How a statement writes its parameters. One statement has one style.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PlaceholderStyle {
    /// The statement has no parameters.
    #[default]
    None,
    /// `?`, counted from the first.
    Question,
    /// `$1`, numbered by the author.
    Dollar,
    /// `:name`.
    Named,
}

/// The parameters that a statement names. In its parsed form they are `$1` to
/// `$count`, whatever the style.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Placeholders {
    /// How they are written.
    pub style: PlaceholderStyle,
    /// How many values the statement takes.
    pub count: usize,
    /// The names of style `Named`, in `$n` order; empty otherwise.
    pub names: Vec<String>,
}

impl Placeholders {
    /// The values in `$n` order.
    ///
    /// # Errors
    /// `42P02` if the values are too few, too many, named otherwise, or given by
    /// position where the statement has names, or the reverse.
    pub(crate) fn bind_order(&self, params: &Params) -> Result<Vec<ScalarValue>> {
        match (params, self.style) {
            (Params::None, _) if self.count == 0 => Ok(Vec::new()),
            (Params::None, _) => Err(self.wrong_number(0)),
            (Params::Positional(values), PlaceholderStyle::Named) => Err(undefined(format!(
                "statement takes the named parameters {}, got {} by position",
                self.quoted_names(),
                values.len()
            ))),
            (Params::Positional(values), _) if values.len() == self.count => Ok(values.clone()),
            (Params::Positional(values), _) => Err(self.wrong_number(values.len())),
            (Params::Named(values), PlaceholderStyle::Named) => self.bind_named(values),
            (Params::Named(values), _) if values.is_empty() && self.count == 0 => Ok(Vec::new()),
            (Params::Named(values), PlaceholderStyle::None) => Err(self.wrong_number(values.len())),
            (Params::Named(_), _) => Err(undefined(format!(
                "statement takes {} by position, got named ones",
                parameters(self.count)
            ))
            .with_hint("write :name in the statement, or bind a list")),
        }
    }

    fn bind_named(&self, values: &[(String, ScalarValue)]) -> Result<Vec<ScalarValue>> {
        if let Some((name, _)) = values.iter().find(|(name, _)| !self.names.contains(name)) {
            return Err(undefined(format!("statement has no parameter :{name}"))
                .with_hint(format!("its parameters are {}", self.quoted_names())));
        }
        let value_of = |name: &String| {
            values
                .iter()
                .rev()
                .find(|(given, _)| given == name)
                .map(|(_, value)| value.clone())
                .ok_or_else(|| undefined(format!("parameter :{name} has no value")))
        };
        self.names.iter().map(value_of).collect()
    }

    fn wrong_number(&self, given: usize) -> Error {
        undefined(format!("statement takes {}, got {given}", parameters(self.count)))
    }

    fn quoted_names(&self) -> String {
        self.names.iter().map(|name| format!(":{name}")).collect::<Vec<_>>().join(", ")
    }
}

/// Turns every parameter into the token `$n`. The tokens carry no white space.
///
/// # Errors
/// `42601` for two styles in one statement, `42P02` for `$0`, `54000` for more than
/// [`PARAMETERS_MAX`].
pub(crate) fn rewrite(tokens: Vec<TokenWithSpan>) -> Result<(Vec<TokenWithSpan>, Placeholders)> {
    let mut rewriter = Rewriter::default();
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        let after_operand = rewriter.out.last().is_some_and(|last| ends_operand(&last.token))
            && !precedes_user_value(&rewriter.out);
        match &token.token {
            Token::Placeholder(text) => rewriter.dollar(&text[1..], token.span)?,
            Token::Colon if !after_operand => match rest.peek() {
                Some(TokenWithSpan { token: Token::Word(word), span })
                    if word.quote_style.is_none() && span.start == token.span.end =>
                {
                    let span = Span::new(token.span.start, span.end);
                    let name = word.value.clone();
                    rest.next();
                    rewriter.named(name, span)?;
                }
                _ => rewriter.out.push(token),
            },
            other if !after_operand => match operators_after_question(other) {
                Some(operators) => rewriter.question(operators, token.span)?,
                None => rewriter.out.push(token),
            },
            _ => rewriter.out.push(token),
        }
    }
    Ok((rewriter.out, rewriter.placeholders))
}

#[derive(Default)]
struct Rewriter {
    out: Vec<TokenWithSpan>,
    placeholders: Placeholders,
}

impl Rewriter {
    fn question(&mut self, operators: &[Token], span: Span) -> Result<()> {
        self.take_style(PlaceholderStyle::Question, span)?;
        let end = Location::new(span.start.line, span.start.column + 1);
        self.push(self.placeholders.count + 1, Span::new(span.start, end))?;
        for operator in operators {
            self.out.push(TokenWithSpan::new(operator.clone(), Span::new(end, span.end)));
        }
        Ok(())
    }

    fn dollar(&mut self, number: &str, span: Span) -> Result<()> {
        if !number.bytes().all(|b| b.is_ascii_digit()) || number.is_empty() {
            return Err(Error::new(
                SqlState::SYNTAX_ERROR,
                format!("syntax error at or near \"${number}\""),
            )
            .with_position(position(span.start))
            .with_hint("parameters are written ?, $1 or :name"));
        }
        self.take_style(PlaceholderStyle::Dollar, span)?;
        match number.parse() {
            Ok(0) => Err(undefined("there is no parameter $0".to_owned())
                .with_hint("parameters are numbered from $1")
                .with_position(position(span.start))),
            Ok(number) => self.push(number, span),
            Err(_) => self.push(usize::MAX, span),
        }
    }

    fn named(&mut self, name: String, span: Span) -> Result<()> {
        self.take_style(PlaceholderStyle::Named, span)?;
        // Searched one by one: a statement has few names, and each use of one of
        // thousands costs microseconds.
        let names = &mut self.placeholders.names;
        let index = names.iter().position(|known| *known == name).unwrap_or_else(|| {
            names.push(name);
            names.len() - 1
        });
        self.push(index + 1, span)
    }

    fn push(&mut self, number: usize, span: Span) -> Result<()> {
        if number > PARAMETERS_MAX {
            return Err(Error::new(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                format!("statement has more than {PARAMETERS_MAX} parameters"),
            )
            .with_position(position(span.start)));
        }
        self.placeholders.count = self.placeholders.count.max(number);
        self.out.push(TokenWithSpan::new(Token::Placeholder(format!("${number}")), span));
        Ok(())
    }

    fn take_style(&mut self, style: PlaceholderStyle, span: Span) -> Result<()> {
        let known = self.placeholders.style;
        if known != PlaceholderStyle::None && known != style {
            return Err(Error::new(
                SqlState::SYNTAX_ERROR,
                "statement mixes two styles of parameters",
            )
            .with_hint("use one of ?, $1 and :name throughout a statement")
            .with_position(position(span.start)));
        }
        self.placeholders.style = style;
        Ok(())
    }
}

/// The operators that the tokenizer has glued to a `?`; `None` if the token does
/// not start with one.
fn operators_after_question(token: &Token) -> Option<&'static [Token]> {
    match token {
        Token::Question => Some(&[]),
        Token::QuestionAnd => Some(&[Token::Ampersand]),
        Token::QuestionPipe => Some(&[Token::Pipe]),
        Token::QuestionMarkDash => Some(&[Token::Minus]),
        Token::QuestionMarkSharp => Some(&[Token::Sharp]),
        Token::QuestionMarkDashVerticalBar => Some(&[Token::Minus, Token::Pipe]),
        Token::QuestionMarkDoubleVerticalBar => Some(&[Token::StringConcat]),
        _ => None,
    }
}

/// Whether an operand ends with this token, so that `?` after it is the JSON
/// operator and `:` after it is a slice.
fn ends_operand(token: &Token) -> bool {
    match token {
        Token::Word(Word { quote_style: Some(_), .. }) => true,
        Token::Word(word) => !precedes_operand(word.keyword),
        Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::DoubleQuotedString(_)
        | Token::DollarQuotedString(_)
        | Token::EscapedStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::NationalStringLiteral(_)
        | Token::HexStringLiteral(_)
        | Token::Placeholder(_)
        | Token::RParen
        | Token::RBracket
        | Token::RBrace => true,
        _ => false,
    }
}

/// Whether a user or a password belongs after these tokens: USER and PASSWORD can be
/// names of columns everywhere else.
fn precedes_user_value(tokens: &[TokenWithSpan]) -> bool {
    let is_word = |at: usize, words: &[&str]| match tokens.get(at).map(|token| &token.token) {
        Some(Token::Word(word)) => {
            word.quote_style.is_none() && words.iter().any(|w| word.value.eq_ignore_ascii_case(w))
        }
        _ => false,
    };
    let Some(last) = tokens.len().checked_sub(1) else { return false };
    let of_user =
        |at: usize| is_word(at, &["CREATE", "ALTER", "DROP"]) && is_word(at + 1, &["USER"]);
    if is_word(last, &["USER"]) {
        return last > 0 && (of_user(last - 1) || is_word(last - 1, &["AS"]));
    }
    is_word(last, &["PASSWORD", "EXISTS"]) && (0..last).any(of_user)
}

/// Keywords that stand before an operand; every other word can be a column.
fn precedes_operand(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::ALL
            | Keyword::AND
            | Keyword::ANY
            | Keyword::AS
            | Keyword::BETWEEN
            | Keyword::BY
            | Keyword::CASE
            | Keyword::DEFAULT
            | Keyword::DISTINCT
            | Keyword::ELSE
            | Keyword::ESCAPE
            | Keyword::EXISTS
            | Keyword::FETCH
            | Keyword::FILTER
            | Keyword::FIRST
            | Keyword::FOR
            | Keyword::FROM
            | Keyword::GROUPS
            | Keyword::HAVING
            | Keyword::ILIKE
            | Keyword::IN
            | Keyword::INTERVAL
            | Keyword::IS
            | Keyword::LIKE
            | Keyword::LIMIT
            | Keyword::NEXT
            | Keyword::NOT
            | Keyword::OFFSET
            | Keyword::ON
            | Keyword::OR
            | Keyword::OVER
            | Keyword::QUALIFY
            | Keyword::RANGE
            | Keyword::RETURNING
            | Keyword::ROWS
            | Keyword::SELECT
            | Keyword::SET
            | Keyword::SIMILAR
            | Keyword::SOME
            | Keyword::THEN
            | Keyword::TO
            | Keyword::USING
            | Keyword::VALUES
            | Keyword::WHEN
            | Keyword::WHERE
            | Keyword::XOR
            | Keyword::ZONE
    )
}

/// A place in the text, as errors give it.
pub(crate) fn position(location: Location) -> Position {
    Position { line: location.line, column: location.column }
}

fn undefined(message: String) -> Error {
    Error::new(SqlState::UNDEFINED_PARAMETER, message)
}

fn parameters(count: usize) -> String {
    match count {
        0 => "no parameters".to_owned(),
        1 => "1 parameter".to_owned(),
        _ => format!("{count} parameters"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::parse::tokenize;

    fn rewritten(sql: &str) -> Result<(String, Placeholders)> {
        let (tokens, placeholders) = rewrite(tokenize(sql)?)?;
        let words = tokens.iter().map(|t| t.token.to_string()).collect::<Vec<_>>();
        Ok((words.join(" "), placeholders))
    }

    fn text(sql: &str) -> String {
        rewritten(sql).expect("the statement is accepted").0
    }

    #[test]
    fn question_marks_are_numbered_where_an_operand_belongs() {
        assert_eq!(
            text("SELECT ?,? FROM t WHERE a=? AND b IN(?,?) LIMIT ?"),
            "SELECT $1 , $2 FROM t WHERE a = $3 AND b IN ( $4 , $5 ) LIMIT $6"
        );
        assert_eq!(text("SELECT ?-1, ?||'x', ?::INT, -?"), {
            "SELECT $1 - 1 , $2 || 'x' , $3 :: INT , - $4"
        });
        assert_eq!(text("WHERE a>? OR a<>? OR a>=?"), "WHERE a > $1 OR a <> $2 OR a >= $3");
        assert_eq!(text("x LIKE ? ESCAPE ? BETWEEN ? AND ?"), {
            "x LIKE $1 ESCAPE $2 BETWEEN $3 AND $4"
        });
        assert_eq!(text("CASE ? WHEN ? THEN ? ELSE ? END"), "CASE $1 WHEN $2 THEN $3 ELSE $4 END");
    }

    #[test]
    fn a_question_mark_after_an_operand_is_the_json_operator() {
        for sql in ["data ? 'k'", "(a) ? 'k'", "a[1] ? 'k'", "'{}' ?| b", "name ?& b", "\"x\" ? y"]
        {
            let (_, placeholders) = rewritten(sql).expect("the statement is accepted");
            assert_eq!(placeholders.style, PlaceholderStyle::None, "{sql}");
        }
        assert_eq!(text("data ? ?"), "data ? $1");
    }

    #[test]
    fn named_parameters_share_a_number_and_leave_casts_and_slices_alone() {
        let (sql, placeholders) =
            rewritten("SELECT :a, :b, :a, c::INT, d[1:2], d[:i], d[i:j], ':z' -- :y\n")
                .expect("ok");
        assert_eq!(
            sql,
            "SELECT $1 , $2 , $1 , c :: INT , d [ 1 : 2 ] , d [ $3 ] , d [ i : j ] , ':z'"
        );
        assert_eq!(placeholders.names, ["a", "b", "i"]);
        assert_eq!(placeholders.count, 3);
    }

    #[test]
    fn dollar_numbers_are_kept_and_checked() {
        let (sql, placeholders) = rewritten("SELECT $2, $1, $2").expect("ok");
        assert_eq!(sql, "SELECT $2 , $1 , $2");
        assert_eq!(placeholders.count, 2);
        assert_eq!(rewritten("SELECT $0").expect_err("refused").sqlstate().as_str(), "42P02");
        assert_eq!(rewritten("SELECT $x").expect_err("refused").sqlstate().as_str(), "42601");
        assert_eq!(rewritten("SELECT $65536").expect_err("refused").sqlstate().as_str(), "54000");
        let huge = rewritten("SELECT $99999999999999999999999").expect_err("refused");
        assert_eq!(huge.sqlstate().as_str(), "54000");
    }

    #[test]
    fn two_styles_in_a_statement_are_refused_with_the_place() {
        let error = rewritten("SELECT ?,\n $1").expect_err("refused");
        assert_eq!(error.sqlstate().as_str(), "42601");
        assert_eq!(error.position(), Some(Position { line: 2, column: 2 }));
        assert!(rewritten("SELECT :a, ?").is_err());
    }

    #[test]
    fn strings_comments_and_dollar_quotes_are_never_touched() {
        let sql = "SELECT '?', $$ ? :a $1 $$, \"?\" /* ? :x */ FROM t -- $1";
        let (_, placeholders) = rewritten(sql).expect("ok");
        assert_eq!(placeholders, Placeholders::default());
    }

    fn ints(values: &[i64]) -> Vec<ScalarValue> {
        values.iter().map(|v| ScalarValue::from(*v)).collect()
    }

    #[test]
    fn values_bind_in_number_order_or_say_what_is_wrong() {
        let bind = |sql: &str, params: &Params| rewritten(sql)?.1.bind_order(params);
        let message = |sql: &str, params: &Params| {
            let error = bind(sql, params).expect_err("refused");
            assert_eq!(error.sqlstate().as_str(), "42P02");
            error.message().to_owned()
        };
        let two = Params::Positional(ints(&[1, 2]));
        assert_eq!(bind("SELECT ?, ?", &two).expect("ok"), ints(&[1, 2]));
        let one = Params::Positional(ints(&[1]));
        assert_eq!(message("SELECT ?, ?", &one), "statement takes 2 parameters, got 1");
        assert_eq!(message("SELECT 1", &one), "statement takes no parameters, got 1");
        assert_eq!(message("SELECT ?", &Params::None), "statement takes 1 parameter, got 0");
        let named = |pairs: &[(&str, i64)]| {
            Params::Named(pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).into())).collect())
        };
        let both = named(&[("b", 2), ("a", 1)]);
        assert_eq!(bind("SELECT :a, :b", &both).expect("ok"), ints(&[1, 2]));
        assert_eq!(message("SELECT :a", &both), "statement has no parameter :b");
        assert_eq!(message("SELECT :a, :b", &named(&[("a", 1)])), "parameter :b has no value");
        assert!(message("SELECT :a", &one).contains("named parameters :a"));
        assert!(message("SELECT ?", &both).contains("by position"));
    }
}
