//! What finds the plan of a query again: the query without the values it compares.

use std::borrow::Cow;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::ops::{ControlFlow, Deref};
use std::sync::{Arc, OnceLock};

use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Query, Select, SetExpr, TableFactor, UnaryOperator, Value, ValueWithSpan,
    Visit, Visitor,
};

/// Literals of a statement that become parameters; those after them stay.
const LITERALS_MAX: usize = 64;

/// Longest list of IN whose literals become parameters.
const LIST_MAX: usize = 16;

/// A query as it was parsed, and its shape once somebody asked for it.
#[derive(Clone, Debug)]
pub(crate) struct ParsedQuery {
    query: Box<Query>,
    shape: OnceLock<Arc<QueryShape>>,
}

impl ParsedQuery {
    pub(crate) fn new(query: Box<Query>) -> ParsedQuery {
        ParsedQuery { query, shape: OnceLock::new() }
    }

    /// The query itself.
    #[cfg(test)]
    pub(crate) fn into_inner(self) -> Box<Query> {
        self.query
    }

    /// The shape, made once.
    pub(crate) fn shape(&self) -> &Arc<QueryShape> {
        self.shape.get_or_init(|| deep_stack(|| Arc::new(QueryShape::of(&self.query))))
    }
}

impl Deref for ParsedQuery {
    type Target = Query;

    fn deref(&self) -> &Query {
        &self.query
    }
}

impl PartialEq for ParsedQuery {
    fn eq(&self, other: &ParsedQuery) -> bool {
        self.query == other.query
    }
}

/// A query whose literals, where they are compared with a column in WHERE, became
/// parameters. Queries that differ in nothing else have one shape.
///
/// Everywhere else a literal stays: `LIMIT 5`, `ORDER BY 1`, `GROUP BY 1` and
/// `ROUND(x, 2)` would be other queries with a parameter, and the name of a column of
/// the result is made of the text of its expression.
#[derive(Debug)]
pub(crate) struct QueryShape {
    pub(crate) query: Query,
    hash: u64,
    /// How many parameters are the query's own.
    own: usize,
    /// The values of the others, which stood in the text.
    literals: Vec<ScalarValue>,
    /// For each parameter, whether it is used to compare a column in WHERE and for
    /// nothing else: the plan then depends on its type only.
    compared: Vec<bool>,
}

impl QueryShape {
    /// The shape of a query.
    pub(crate) fn of(query: &Query) -> QueryShape {
        let mut uses = Uses::default();
        let _ = query.visit(&mut uses);
        let own = uses.0.len();
        let mut lift = Lift { own, literals: Vec::new(), compared: vec![0; own] };
        let mut query = query.clone();
        lift.query(&mut query);
        let own_compared = uses.0.iter().zip(&lift.compared).map(|(all, compared)| all == compared);
        let compared = own_compared.chain(lift.literals.iter().map(|_| true)).collect();
        let mut hasher = DefaultHasher::new();
        query.hash(&mut hasher);
        QueryShape { query, hash: hasher.finish(), own, literals: lift.literals, compared }
    }

    /// The values of all parameters, given those of the statement's own.
    pub(crate) fn values<'a>(&self, params: &'a [ScalarValue]) -> Cow<'a, [ScalarValue]> {
        let own = &params[..self.own.min(params.len())];
        if self.literals.is_empty() {
            return Cow::Borrowed(own);
        }
        Cow::Owned(own.iter().chain(&self.literals).cloned().collect())
    }

    /// Whether the plan depends on a parameter's type only.
    pub(crate) fn is_compared(&self, parameter: usize) -> bool {
        self.compared.get(parameter).copied().unwrap_or(false)
    }
}

impl PartialEq for QueryShape {
    fn eq(&self, other: &QueryShape) -> bool {
        self.hash == other.hash && self.own == other.own && self.query == other.query
    }
}

impl Eq for QueryShape {}

impl Hash for QueryShape {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}

/// Runs what copies or compares whole queries, which recurses as deep as they are
/// nested, with enough stack for the deepest that the limits let through.
pub(crate) fn deep_stack<T>(call: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(2 << 20, 8 << 20, call)
}

/// The index of the parameter that a value is, from 0.
pub(crate) fn parameter_index(value: &Value) -> Option<usize> {
    match value {
        Value::Placeholder(name) => name.strip_prefix('$')?.parse::<usize>().ok()?.checked_sub(1),
        _ => None,
    }
}

/// How often each parameter is used.
#[derive(Default)]
struct Uses(Vec<usize>);

impl Visitor for Uses {
    type Break = ();

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<()> {
        if let Some(index) = parameter_index(&value.value) {
            if self.0.len() <= index {
                self.0.resize(index + 1, 0);
            }
            self.0[index] += 1;
        }
        ControlFlow::Continue(())
    }
}

struct Lift {
    own: usize,
    literals: Vec<ScalarValue>,
    /// How often each of the query's own parameters is compared.
    compared: Vec<usize>,
}

impl Lift {
    /// Queries in expressions keep their literals: their text can be the name of a
    /// column.
    fn query(&mut self, query: &mut Query) {
        for cte in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            self.query(&mut cte.query);
        }
        self.body(&mut query.body);
    }

    fn body(&mut self, body: &mut SetExpr) {
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(query) => self.query(query),
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left);
                self.body(right);
            }
            _ => {}
        }
    }

    fn select(&mut self, select: &mut Select) {
        for from in &mut select.from {
            let joined = from.joins.iter_mut().map(|join| &mut join.relation);
            for factor in std::iter::once(&mut from.relation).chain(joined) {
                if let TableFactor::Derived { subquery, .. } = factor {
                    self.query(subquery);
                }
            }
        }
        if let Some(selection) = &mut select.selection {
            self.condition(selection);
        }
    }

    fn condition(&mut self, expr: &mut Expr) {
        match expr {
            Expr::Nested(inner) | Expr::UnaryOp { op: UnaryOperator::Not, expr: inner } => {
                self.condition(inner);
            }
            Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, right } => {
                self.condition(left);
                self.condition(right);
            }
            Expr::BinaryOp { left, op, right } if compares(op) => {
                if is_column(left) {
                    self.value(right);
                } else if is_column(right) {
                    self.value(left);
                }
            }
            Expr::Between { expr, low, high, .. } if is_column(expr) => {
                self.value(low);
                self.value(high);
            }
            Expr::InList { expr, list, .. } if is_column(expr) && list.len() <= LIST_MAX => {
                list.iter_mut().for_each(|item| self.value(item));
            }
            _ => {}
        }
    }

    fn value(&mut self, expr: &mut Expr) {
        if let Expr::Value(value) = expr
            && let Some(index) = parameter_index(&value.value)
        {
            self.compared[index] += 1;
        } else if self.literals.len() < LITERALS_MAX
            && let Some(value) = literal(expr)
        {
            self.literals.push(value);
            let name = format!("${}", self.own + self.literals.len());
            *expr = Expr::Value(Value::Placeholder(name).into());
        }
    }
}

fn compares(op: &BinaryOperator) -> bool {
    use BinaryOperator as Op;
    matches!(op, Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq)
}

fn is_column(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
}

/// The value that planning gives to a literal, if it is a whole number or a text.
pub(crate) fn literal(expr: &Expr) -> Option<ScalarValue> {
    let integer = |text: &str| text.parse().ok().map(|n: i64| ScalarValue::Int64(Some(n)));
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(text, false) => integer(text),
            Value::SingleQuotedString(text) => Some(ScalarValue::Utf8(Some(text.clone()))),
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match &**expr {
            Expr::Value(value) => match &value.value {
                Value::Number(text, false) => integer(&format!("-{text}")),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::parse::parse;
    use crate::executor::statement::Statement;

    fn shape(sql: &str) -> Arc<QueryShape> {
        match parse(sql).expect("valid").remove(0).statement {
            Statement::Query(query) => query.shape().clone(),
            other => panic!("{sql} is {}", other.name()),
        }
    }

    #[test]
    fn queries_that_compare_other_values_have_one_shape() {
        for (one, other) in [
            ("SELECT * FROM t WHERE a = 1", "select * from t where a = -22"),
            (
                "SELECT a FROM t WHERE a > 1 AND (b = 'x')",
                "SELECT a FROM t WHERE a > 2 AND (b = 'y')",
            ),
            ("SELECT a FROM t WHERE a IN (1, 2)", "SELECT a FROM t WHERE a IN (3, 4)"),
            ("SELECT a FROM t WHERE 1 < a", "SELECT a FROM t WHERE 2 < a"),
            (
                "WITH x AS (SELECT * FROM t WHERE a = 1) SELECT * FROM x",
                "WITH x AS (SELECT * FROM t WHERE a = 3) SELECT * FROM x",
            ),
            (
                "SELECT * FROM (SELECT * FROM t WHERE a BETWEEN 1 AND 2) s",
                "SELECT * FROM (SELECT * FROM t WHERE a BETWEEN 5 AND 6) s",
            ),
        ] {
            assert_eq!(shape(one), shape(other), "{one}");
            assert_ne!(shape(one).values(&[]), shape(other).values(&[]), "{one}");
        }
    }

    #[test]
    fn a_value_that_makes_another_query_stays_in_the_shape() {
        for (one, other) in [
            ("SELECT a FROM t LIMIT 1", "SELECT a FROM t LIMIT 2"),
            ("SELECT a, b FROM t ORDER BY 1", "SELECT a, b FROM t ORDER BY 2"),
            ("SELECT 1", "SELECT 2"),
            ("SELECT a = 1 FROM t", "SELECT a = 2 FROM t"),
            ("SELECT a FROM t WHERE a + 1 = b", "SELECT a FROM t WHERE a + 2 = b"),
            ("SELECT a FROM t WHERE a > 1.5", "SELECT a FROM t WHERE a > 2.5"),
            ("SELECT a FROM t WHERE a IN (1)", "SELECT a FROM t WHERE a IN (1, 2)"),
            ("SELECT (SELECT a FROM t WHERE a = 1)", "SELECT (SELECT a FROM t WHERE a = 2)"),
            ("SELECT a FROM t WHERE a = 'A'", "SELECT A FROM t WHERE \"A\" = 'A'"),
        ] {
            assert_ne!(shape(one), shape(other), "{one}");
        }
    }

    #[test]
    fn literals_follow_the_parameters_of_the_statement() {
        let shape = shape("SELECT $1 FROM t WHERE a = $2 AND b = 7 LIMIT $3");
        let params = [1.into(), 2.into(), 3.into()];
        let values = shape.values(&params);
        assert_eq!(&*values, [1.into(), 2.into(), 3.into(), ScalarValue::from(7i64)]);
        let compared: Vec<bool> = (0..4).map(|index| shape.is_compared(index)).collect();
        assert_eq!(compared, [false, true, false, true]);
    }
}
