//! `_seq` and `_deleted`: selected by name, never by `*`.
//!
//! A query that names neither is planned over tables without them. One that does
//! is planned over tables with them, after its wildcards were told to leave them
//! out.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    ExcludeSelectItem, Expr, Ident, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart,
    Query, Select, SelectItem, SelectItemQualifiedWildcardKind, TableFactor, TableWithJoins, Visit,
    VisitMut, Visitor, VisitorMut, WildcardAdditionalOptions,
};

use super::cte_scope::{CteScopes, Found, fold};
use super::define_table::SYSTEM_COLUMNS;
use super::planner::ALL_USERS_FUNCTION;
use crate::{Error, Result, SqlState};

/// Whether the query names a system column anywhere.
pub(crate) fn mentions_system_columns(query: &Query) -> bool {
    query.visit(&mut Mention).is_break()
}

struct Mention;

impl Visitor for Mention {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        found(match expr {
            Expr::Identifier(ident) => is_system_column(ident),
            Expr::CompoundIdentifier(idents) => idents.iter().any(is_system_column),
            _ => false,
        })
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        let by_join = select.from.iter().flat_map(|from| &from.joins).any(|join| {
            matches!(
                constraint(&join.join_operator),
                Some(JoinConstraint::Using(names)) if names.iter().any(names_system_column)
            )
        });
        let by_wildcard = select.projection.iter().filter_map(options).any(|options| {
            excluded(options).any(names_system_column)
                || options.opt_except.as_ref().is_some_and(|except| {
                    is_system_column(&except.first_element)
                        || except.additional_elements.iter().any(is_system_column)
                })
        });
        found(by_join || by_wildcard)
    }
}

fn found(is_found: bool) -> ControlFlow<()> {
    if is_found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

fn is_system_column(ident: &Ident) -> bool {
    SYSTEM_COLUMNS.iter().any(|name| match ident.quote_style {
        Some(_) => ident.value == *name,
        None => ident.value.eq_ignore_ascii_case(name),
    })
}

fn names_system_column(name: &ObjectName) -> bool {
    name.0.iter().filter_map(ObjectNamePart::as_ident).any(is_system_column)
}

fn constraint(operator: &JoinOperator) -> Option<&JoinConstraint> {
    match operator {
        JoinOperator::Join(c)
        | JoinOperator::Inner(c)
        | JoinOperator::Left(c)
        | JoinOperator::LeftOuter(c)
        | JoinOperator::Right(c)
        | JoinOperator::RightOuter(c)
        | JoinOperator::FullOuter(c)
        | JoinOperator::CrossJoin(c)
        | JoinOperator::Semi(c)
        | JoinOperator::LeftSemi(c)
        | JoinOperator::RightSemi(c)
        | JoinOperator::Anti(c)
        | JoinOperator::LeftAnti(c)
        | JoinOperator::RightAnti(c) => Some(c),
        _ => None,
    }
}

fn options(item: &SelectItem) -> Option<&WildcardAdditionalOptions> {
    match item {
        SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) => Some(options),
        _ => None,
    }
}

fn excluded(options: &WildcardAdditionalOptions) -> impl Iterator<Item = &ObjectName> {
    match &options.opt_exclude {
        Some(ExcludeSelectItem::Single(name)) => std::slice::from_ref(name),
        Some(ExcludeSelectItem::Multiple(names)) => names.as_slice(),
        None => &[],
    }
    .iter()
}

/// Makes every wildcard leave out the system columns.
///
/// `has_system_columns` says of a namespace (`None`: the session's) and a table,
/// both folded, whether it is one of ours that exists.
///
/// # Errors
/// `0A000` where the columns of a wildcard cannot be told without planning: NATURAL
/// JOIN, which would join on the system columns too, `* EXCLUDE` and `* REPLACE`
/// over several tables, and joins with relations that have no name.
pub(crate) fn hide_in_wildcards(
    query: &mut Query,
    has_system_columns: &dyn Fn(Option<&str>, &str) -> bool,
) -> Result<()> {
    let mut hide = Hide { has_system_columns, scopes: CteScopes::new() };
    match VisitMut::visit(query, &mut hide) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(e) => Err(e),
    }
}

struct Hide<'a> {
    has_system_columns: &'a dyn Fn(Option<&str>, &str) -> bool,
    scopes: CteScopes<()>,
}

impl VisitorMut for Hide<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        self.scopes.enter(query);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<Error> {
        self.scopes.leave(());
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        let mut relations = Vec::new();
        for from in &select.from {
            if let Err(e) = self.relations(from, &mut relations) {
                return ControlFlow::Break(e);
            }
        }
        if !relations.iter().any(|relation| relation.has_system_columns) {
            return ControlFlow::Continue(());
        }
        let mut projection = Vec::with_capacity(select.projection.len());
        for item in std::mem::take(&mut select.projection) {
            if let Err(e) = hide_in_item(item, &relations, &mut projection) {
                return ControlFlow::Break(e);
            }
        }
        select.projection = projection;
        ControlFlow::Continue(())
    }
}

/// One relation of FROM.
struct Relation {
    /// As a qualifier; `None` for a subquery without alias.
    name: Option<ObjectName>,
    has_system_columns: bool,
    /// Columns that USING takes from an earlier relation.
    using: Vec<ObjectName>,
}

impl Hide<'_> {
    fn relations(&self, from: &TableWithJoins, out: &mut Vec<Relation>) -> Result<()> {
        let first = out.len();
        self.relation(&from.relation, Vec::new(), out)?;
        for join in &from.joins {
            let using = match constraint(&join.join_operator) {
                Some(JoinConstraint::Using(names)) => names.clone(),
                Some(JoinConstraint::Natural) => {
                    self.relation(&join.relation, Vec::new(), out)?;
                    if out[first..].iter().any(|relation| relation.has_system_columns) {
                        return Err(unsupported("NATURAL JOIN", "use JOIN .. USING (..)"));
                    }
                    continue;
                }
                _ => Vec::new(),
            };
            self.relation(&join.relation, using, out)?;
        }
        Ok(())
    }

    fn relation(
        &self,
        factor: &TableFactor,
        using: Vec<ObjectName>,
        out: &mut Vec<Relation>,
    ) -> Result<()> {
        let (name, alias, has_system_columns) = match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                (Some(name), alias, self.is_base(name))
            }
            // A function, which no qualifier names but an alias.
            TableFactor::Table { name, alias, .. } => (None, alias, is_all_users(name)),
            TableFactor::NestedJoin { table_with_joins, alias: None } if using.is_empty() => {
                return self.relations(table_with_joins, out);
            }
            TableFactor::Function { name, alias, .. } => (None, alias, is_all_users(name)),
            TableFactor::Derived { alias, .. }
            | TableFactor::TableFunction { alias, .. }
            | TableFactor::UNNEST { alias, .. } => (None, alias, false),
            _ => (None, &None, false),
        };
        let alias = alias.as_ref().map(|alias| ObjectName::from(vec![alias.name.clone()]));
        out.push(Relation { name: alias.or_else(|| name.cloned()), has_system_columns, using });
        Ok(())
    }

    fn is_base(&self, name: &ObjectName) -> bool {
        let parts: Option<Vec<String>> =
            name.0.iter().map(|part| part.as_ident().map(fold)).collect();
        match parts.as_deref() {
            Some([table]) => {
                matches!(self.scopes.find(table), Found::Nothing)
                    && (self.has_system_columns)(None, table)
            }
            Some([.., namespace, table]) => (self.has_system_columns)(Some(namespace), table),
            _ => false,
        }
    }
}

/// Whether a function in FROM reads one of our tables.
fn is_all_users(name: &ObjectName) -> bool {
    let [ObjectNamePart::Identifier(name)] = name.0.as_slice() else { return false };
    name.value.eq_ignore_ascii_case(ALL_USERS_FUNCTION)
}

fn hide_in_item(item: SelectItem, relations: &[Relation], out: &mut Vec<SelectItem>) -> Result<()> {
    match item {
        SelectItem::Wildcard(mut options) => match relations {
            [_] => {
                exclude(&mut options, &[]);
                out.push(SelectItem::Wildcard(options));
            }
            several => out.extend(one_wildcard_each(&options, several)?),
        },
        SelectItem::QualifiedWildcard(
            SelectItemQualifiedWildcardKind::ObjectName(name),
            mut options,
        ) => {
            let named = relations.iter().find(|r| r.name.as_ref().is_some_and(|n| names(n, &name)));
            if named.is_some_and(|relation| relation.has_system_columns) {
                exclude(&mut options, &[]);
            }
            let kind = SelectItemQualifiedWildcardKind::ObjectName(name);
            out.push(SelectItem::QualifiedWildcard(kind, options));
        }
        other => out.push(other),
    }
    Ok(())
}

/// `a.*, b.*` for `*`, so that each leaves out the system columns that its table has.
fn one_wildcard_each(
    options: &WildcardAdditionalOptions,
    relations: &[Relation],
) -> Result<Vec<SelectItem>> {
    if options.opt_exclude.is_some()
        || options.opt_except.is_some()
        || options.opt_replace.is_some()
    {
        return Err(unsupported(
            "a wildcard with EXCLUDE or REPLACE over several tables",
            "write one wildcard for each table",
        ));
    }
    let wildcard = |relation: &Relation| {
        let Some(name) = &relation.name else {
            return Err(unsupported(
                "a wildcard over a subquery without alias",
                "give the subquery an alias",
            ));
        };
        let mut options = options.clone();
        if relation.has_system_columns {
            exclude(&mut options, &relation.using);
        } else if !relation.using.is_empty() {
            options.opt_exclude = Some(ExcludeSelectItem::Multiple(relation.using.clone()));
        }
        let kind = SelectItemQualifiedWildcardKind::ObjectName(name.clone());
        Ok(SelectItem::QualifiedWildcard(kind, options))
    };
    relations.iter().map(wildcard).collect()
}

/// Whether a qualifier, perhaps without the namespace, names the relation.
fn names(relation: &ObjectName, qualifier: &ObjectName) -> bool {
    let folded = |name: &ObjectName| -> Vec<String> {
        name.0.iter().filter_map(|part| part.as_ident().map(fold)).collect()
    };
    folded(relation).ends_with(&folded(qualifier))
}

/// Makes a wildcard leave out the system columns.
pub(crate) fn exclude_system_columns(options: &mut WildcardAdditionalOptions) {
    exclude(options, &[]);
}

/// Makes a wildcard leave out a column that the engine added.
pub(crate) fn exclude_column(options: &mut WildcardAdditionalOptions, name: &str) {
    let mut names: Vec<ObjectName> = excluded(options).cloned().collect();
    names.push(ObjectName::from(vec![Ident::new(name)]));
    options.opt_exclude = Some(ExcludeSelectItem::Multiple(names));
}

/// Adds the system columns, and `more`, to EXCLUDE.
fn exclude(options: &mut WildcardAdditionalOptions, more: &[ObjectName]) {
    let system = SYSTEM_COLUMNS.iter().map(|name| ObjectName::from(vec![Ident::new(*name)]));
    let known: Vec<ObjectName> = excluded(options).cloned().collect();
    let except_too = |name: &ObjectName| {
        options.opt_except.as_ref().is_some_and(|except| {
            std::iter::once(&except.first_element)
                .chain(&except.additional_elements)
                .any(|ident| names(&ObjectName::from(vec![ident.clone()]), name))
        })
    };
    let mut all = known.clone();
    for name in system.chain(more.iter().cloned()) {
        if !all.iter().any(|earlier| names(earlier, &name)) && !except_too(&name) {
            all.push(name);
        }
    }
    options.opt_exclude = Some(ExcludeSelectItem::Multiple(all));
}

fn unsupported(what: &str, hint: &'static str) -> Error {
    Error::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        format!("{what} together with _seq or _deleted is not supported"),
    )
    .with_hint(hint)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field, Schema};
    use datafusion::datasource::MemTable;
    use datafusion::execution::context::SessionContext;
    use datafusion::sql::parser::Statement as DfStatement;
    use datafusion::sql::sqlparser::ast::Statement as SqlStatement;

    use super::*;
    use crate::executor::parse::parse;
    use crate::executor::statement::Statement;

    fn query(sql: &str) -> Query {
        match parse(sql).expect(sql).remove(0).statement {
            Statement::Query(query) => *query.into_inner(),
            other => panic!("{} is no query", other.name()),
        }
    }

    /// The columns of a query over tables t and u, planned by DataFusion.
    fn columns(sql: &str) -> Result<Vec<String>> {
        let mut query = query(sql);
        assert!(mentions_system_columns(&query), "{sql}");
        hide_in_wildcards(&mut query, &|_, table| ["t", "u"].contains(&table))?;
        let context = SessionContext::new();
        for (table, columns) in [("t", ["a", "b"]), ("u", ["a", "c"])] {
            let fields: Vec<Field> = columns
                .into_iter()
                .chain(SYSTEM_COLUMNS)
                .map(|name| Field::new(name, DataType::Int64, true))
                .collect();
            let schema = Arc::new(Schema::new(fields));
            let table_of_none = MemTable::try_new(schema, vec![Vec::new()]).expect("valid");
            context.register_table(table, Arc::new(table_of_none)).expect("free");
        }
        let statement = DfStatement::Statement(Box::new(SqlStatement::Query(Box::new(query))));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let plan = runtime.block_on(context.state().statement_to_plan(statement)).expect(sql);
        Ok(plan.schema().fields().iter().map(|field| field.name().clone()).collect())
    }

    #[test]
    fn wildcards_never_show_system_columns() {
        for (sql, expected) in [
            ("SELECT * FROM t WHERE _seq > 1", "a b"),
            ("SELECT *, _seq FROM t", "a b _seq"),
            ("SELECT t.*, t._deleted FROM t", "a b _deleted"),
            ("SELECT x.* FROM t AS x WHERE x._SEQ > 1", "a b"),
            ("SELECT * EXCLUDE (b) FROM t WHERE _deleted = 1", "a"),
            ("SELECT * EXCEPT (_seq) FROM t", "a b"),
            ("SELECT * FROM t, u WHERE t._seq = u._seq", "a b a c"),
            ("SELECT * FROM t JOIN u ON t.a = u.a WHERE u._seq > 1", "a b a c"),
            ("SELECT * FROM t JOIN u USING (a) WHERE u._seq > 1", "a b c"),
            ("SELECT * FROM (SELECT *, _seq FROM t) x", "a b _seq"),
            ("SELECT * FROM t JOIN (SELECT a AS d, _seq AS s FROM u) x ON x.d = t.a", "a b d s"),
            ("WITH x AS (SELECT *, _seq FROM t) SELECT * FROM x", "a b _seq"),
            ("WITH t AS (SELECT *, _seq FROM t) SELECT * FROM t", "a b _seq"),
            ("WITH x AS (SELECT a, _seq FROM t) SELECT * FROM x JOIN u ON x.a = u.a", "a _seq a c"),
            ("SELECT * FROM t WHERE a IN (SELECT a FROM u WHERE _deleted = 1)", "a b"),
            ("SELECT * FROM t UNION ALL SELECT a, _seq FROM u", "a b"),
        ] {
            assert_eq!(columns(sql).expect(sql).join(" "), expected, "{sql}");
        }
    }

    #[test]
    fn what_cannot_be_told_is_refused() {
        for sql in
            ["SELECT _seq FROM t NATURAL JOIN u", "SELECT * EXCLUDE (a) FROM t, u WHERE t._seq = 1"]
        {
            assert_eq!(columns(sql).expect_err(sql).sqlstate().as_str(), "0A000", "{sql}");
        }
    }

    #[test]
    fn only_identifiers_mention_a_system_column() {
        for sql in
            ["SELECT '_seq' FROM t", "SELECT a AS x FROM t -- _seq", "SELECT \"_SEQ\" FROM t"]
        {
            assert!(!mentions_system_columns(&query(sql)), "{sql}");
        }
        for sql in ["SELECT a FROM t ORDER BY _seq", "SELECT * FROM t JOIN u USING (_seq)"] {
            assert!(mentions_system_columns(&query(sql)), "{sql}");
        }
    }
}
