//! Queries: DataFusion's, without what changes data or locks rows.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, LimitClause, ObjectName, ObjectNamePart, Query, Select, SelectItem,
    SetExpr, SetOperator, SetQuantifier, Spanned, Statement, TableFactor, TableWithJoins, Value,
    VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::tokenizer::Location;

use super::input::{Failure, Input, Parse};
use crate::executor::cte_scope::{CteScopes, Found, fold};
use crate::executor::limits::{self, RELATIONS_MAX, RESULT_COLUMNS_MAX};
use crate::executor::placeholder::position;
use crate::{Error, SqlState};

/// Parses a query and refuses what is no query in it.
pub(super) fn query(input: &mut Input<'_>) -> Parse<Box<Query>> {
    let mut query = input.parser.parse_query()?;
    settle(query.as_mut())?;
    Ok(query)
}

/// Parses an expression, perhaps with queries in it.
pub(super) fn expr(input: &mut Input<'_>) -> Parse<Expr> {
    let mut expr = input.parser.parse_expr()?;
    settle(&mut expr)?;
    Ok(expr)
}

/// Parses a table, a subquery or a join.
pub(super) fn relation(input: &mut Input<'_>) -> Parse<TableWithJoins> {
    let mut relation = input.parser.parse_table_and_joins()?;
    settle(&mut relation)?;
    Ok(relation)
}

/// Parses a table or a subquery.
pub(super) fn factor(input: &mut Input<'_>) -> Parse<TableFactor> {
    let mut factor = input.parser.parse_table_factor()?;
    settle(&mut factor)?;
    Ok(factor)
}

/// Parses an item of a select list.
pub(super) fn item(input: &mut Input<'_>) -> Parse<SelectItem> {
    let mut item = input.parser.parse_select_item()?;
    settle(&mut item)?;
    Ok(item)
}

/// Refuses data-modifying and locking parts, and more relations than planning can
/// take, anywhere in a parsed tree; balances chains of AND and OR.
pub(super) fn settle<T: VisitMut>(tree: &mut T) -> Parse<()> {
    let mut settle = Settle { written: 0, read: vec![0], scopes: CteScopes::new() };
    match tree.visit(&mut settle) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(failure) => Err(failure),
    }
}

struct Settle {
    /// Tables, subqueries and CTEs as they are written.
    written: usize,
    /// Tables that each open query reads, with every CTE in the place of its name.
    /// DataFusion plans that way, so a few CTEs that name each other twice would
    /// become a plan of any size.
    read: Vec<usize>,
    scopes: CteScopes<usize>,
}

impl Settle {
    fn write(&mut self, relations: usize) -> ControlFlow<Failure> {
        self.written += relations;
        check_relations(self.written)
    }

    fn read(&mut self, tables: usize) -> ControlFlow<Failure> {
        let sum = self.read.last_mut().expect("the outermost count is never taken away");
        *sum += tables;
        check_relations(*sum)
    }
}

fn check_relations(relations: usize) -> ControlFlow<Failure> {
    if relations > RELATIONS_MAX {
        return ControlFlow::Break(Failure::Known(limits::exceeded(format!(
            "statement reads more than {RELATIONS_MAX} tables and subqueries"
        ))));
    }
    ControlFlow::Continue(())
}

impl VisitorMut for Settle {
    type Break = Failure;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Failure> {
        let mut refused = refused_body(&query.body);
        if !query.locks.is_empty() {
            refused = Some("SELECT .. FOR UPDATE or FOR SHARE");
        } else if query.for_clause.is_some() {
            refused = Some("SELECT .. FOR XML, JSON or BROWSE");
        } else if !take_fetch(query) {
            refused = Some("FETCH with TIES, PERCENT or LIMIT");
        }
        if let Some(what) = refused {
            return ControlFlow::Break(unsupported(what, start(query)));
        }
        self.scopes.enter(query);
        self.read.push(0);
        self.write(query.with.as_ref().map_or(0, |with| with.cte_tables.len()))
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<Failure> {
        let read = self.read.pop().unwrap_or_default();
        match self.scopes.leave(read) {
            Some(read) => self.read(read),
            None => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<Failure> {
        let tables = match relation.0.as_slice() {
            [ObjectNamePart::Identifier(name)] => match self.scopes.find(&fold(name)) {
                Found::Cte(read) => *read,
                Found::Itself | Found::Nothing => 1,
            },
            _ => 1,
        };
        self.read(tables)
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Failure> {
        if let Some(into) = &select.into {
            return ControlFlow::Break(unsupported("SELECT .. INTO", Some(into.span().start)));
        }
        if select.projection.len() > RESULT_COLUMNS_MAX {
            let message = format!("query selects more than {RESULT_COLUMNS_MAX} columns");
            return ControlFlow::Break(Failure::Known(limits::exceeded(message)));
        }
        let tables = select.from.iter().map(|from| 1 + from.joins.len()).sum();
        self.write(tables)
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Failure> {
        if let Expr::AllOp { right, .. } = expr
            && matches!(right.as_ref(), Expr::Subquery(_))
        {
            let error =
                Error::new(SqlState::FEATURE_NOT_SUPPORTED, "ALL (subquery) is not supported")
                    .with_hint("write NOT EXISTS (.. WHERE NOT (..)), or NOT IN for <> ALL")
                    .with_position(position(expr.span().start));
            return ControlFlow::Break(error.into());
        }
        if let Expr::Subquery(query) = expr
            && selects_nothing(&query.body)
        {
            let error =
                Error::new(SqlState::SYNTAX_ERROR, "subquery must return one column, not none")
                    .with_position(position(expr.span().start));
            return ControlFlow::Break(error.into());
        }
        balance(expr);
        ControlFlow::Continue(())
    }
}

/// Turns FETCH FIRST n ROWS ONLY into the LIMIT that it is; false if it is none.
fn take_fetch(query: &mut Query) -> bool {
    let Some(fetch) = query.fetch.take() else {
        return true;
    };
    if fetch.with_ties || fetch.percent {
        return false;
    }
    let count = Some(
        fetch.quantity.unwrap_or_else(|| Expr::Value(Value::Number("1".to_owned(), false).into())),
    );
    match &mut query.limit_clause {
        Some(LimitClause::LimitOffset { limit: limit @ None, .. }) => *limit = count,
        Some(_) => return false,
        clause @ None => {
            *clause =
                Some(LimitClause::LimitOffset { limit: count, offset: None, limit_by: Vec::new() });
        }
    }
    true
}

/// Whether a query has no columns: `SELECT FROM t`.
fn selects_nothing(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => {
            let is_all = |item: &SelectItem| matches!(item, SelectItem::Wildcard(_));
            let has_nothing = |from: &TableWithJoins| {
                let tables = from.joins.iter().map(|join| &join.relation);
                std::iter::once(&from.relation).chain(tables).all(|table| match table {
                    TableFactor::Derived { subquery, .. } => selects_nothing(&subquery.body),
                    _ => false,
                })
            };
            select.projection.iter().all(is_all) && select.from.iter().all(has_nothing)
                || select.projection.is_empty()
        }
        SetExpr::Query(query) => selects_nothing(&query.body),
        SetExpr::SetOperation { left, .. } => selects_nothing(left),
        _ => false,
    }
}

fn refused_body(body: &SetExpr) -> Option<&'static str> {
    match body {
        SetExpr::Insert(_) => Some("INSERT inside a query"),
        SetExpr::Update(_) => Some("UPDATE inside a query"),
        SetExpr::Delete(_) => Some("DELETE inside a query"),
        SetExpr::Merge(_) => Some("MERGE inside a query"),
        SetExpr::Table(_) => Some("TABLE instead of SELECT"),
        // Planned as semi and anti joins, which count no duplicates.
        SetExpr::SetOperation {
            op: SetOperator::Except | SetOperator::Intersect | SetOperator::Minus,
            set_quantifier: SetQuantifier::All,
            ..
        } => Some("EXCEPT ALL or INTERSECT ALL"),
        SetExpr::SetOperation { left, right, .. } => {
            refused_body(left).or_else(|| refused_body(right))
        }
        SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) => None,
    }
}

/// Where a query starts. Not its span, which is found by walking all of it.
fn start(query: &Query) -> Option<Location> {
    let token = match (&query.with, query.body.as_ref()) {
        (Some(with), _) => &with.with_token,
        (None, SetExpr::Select(select)) => &select.select_token,
        (None, SetExpr::Insert(Statement::Insert(insert))) => &insert.insert_token,
        (None, SetExpr::Update(Statement::Update(update))) => &update.update_token,
        (None, SetExpr::Delete(Statement::Delete(delete))) => &delete.delete_token,
        _ => return None,
    };
    Some(token.0.span.start)
}

fn unsupported(what: &str, start: Option<Location>) -> Failure {
    let error = Error::new(SqlState::FEATURE_NOT_SUPPORTED, format!("{what} is not supported"));
    match start {
        Some(start) => error.with_position(position(start)).into(),
        None => error.into(),
    }
}

/// Turns `((a OR b) OR c) OR d` into `(a OR b) OR (c OR d)`, and AND likewise.
///
/// The parser nests a chain of n terms n levels deep, and every later step of
/// planning recurses over it, some without looking at the stack. Balanced, 5,000
/// terms are 13 levels. Both operators are associative, with NULL too.
fn balance(expr: &mut Expr) {
    let Expr::BinaryOp { op: chain @ (BinaryOperator::And | BinaryOperator::Or), .. } = expr else {
        return;
    };
    let chain = chain.clone();
    let mut terms = Vec::new();
    let mut rest = std::mem::replace(expr, Expr::Value(Value::Null.into()));
    loop {
        match rest {
            Expr::BinaryOp { left, op, right } if op == chain => {
                terms.push(*right);
                rest = *left;
            }
            first => {
                terms.push(first);
                break;
            }
        }
    }
    terms.reverse();
    *expr = balanced(terms, &chain);
}

fn balanced(mut terms: Vec<Expr>, op: &BinaryOperator) -> Expr {
    if terms.len() > 1 {
        let right = terms.split_off(terms.len().div_ceil(2));
        return Expr::BinaryOp {
            left: Box::new(balanced(terms, op)),
            op: op.clone(),
            right: Box::new(balanced(right, op)),
        };
    }
    terms.pop().expect("a chain has at least one term")
}
