//! Which names of a query are its CTEs, while a visitor walks it.

use datafusion::sql::sqlparser::ast::{Ident, Query};

/// The CTEs around the place where a visitor is, each with a value once the visitor
/// has left it.
///
/// The visitor calls [`enter`](Self::enter) before and [`leave`](Self::leave) after
/// each query. It must walk WITH before the body, as sqlparser's does: the first
/// queries below a query are its CTEs.
pub(crate) struct CteScopes<T> {
    scopes: Vec<Scope<T>>,
}

struct Scope<T> {
    names: Vec<String>,
    is_recursive: bool,
    /// One for each CTE that the visitor has left.
    values: Vec<T>,
    /// Whether this query is itself a CTE of the scope around it.
    is_cte: bool,
}

/// What a name without namespace stands for.
pub(crate) enum Found<'a, T> {
    /// A CTE with its value.
    Cte(&'a T),
    /// The recursive CTE that the visitor is in.
    Itself,
    /// No CTE.
    Nothing,
}

impl<T> CteScopes<T> {
    /// No query entered yet.
    pub(crate) fn new() -> Self {
        CteScopes { scopes: Vec::new() }
    }

    /// The visitor enters a query.
    pub(crate) fn enter(&mut self, query: &Query) {
        let is_cte = self.scopes.last().is_some_and(|outer| outer.values.len() < outer.names.len());
        let with = query.with.as_ref();
        let names = with.map_or_else(Vec::new, |with| {
            with.cte_tables.iter().map(|cte| fold(&cte.alias.name)).collect()
        });
        let is_recursive = with.is_some_and(|with| with.recursive);
        self.scopes.push(Scope { names, is_recursive, values: Vec::new(), is_cte });
    }

    /// The visitor leaves a query; `value` is kept if it was a CTE, and given back if
    /// not.
    pub(crate) fn leave(&mut self, value: T) -> Option<T> {
        let left = self.scopes.pop()?;
        match self.scopes.last_mut() {
            Some(outer) if left.is_cte => {
                outer.values.push(value);
                None
            }
            _ => Some(value),
        }
    }

    /// What a folded name stands for here.
    pub(crate) fn find(&self, name: &str) -> Found<'_, T> {
        for scope in self.scopes.iter().rev() {
            let done = scope.values.len();
            if let Some(index) = scope.names[..done].iter().rposition(|cte| cte == name) {
                return Found::Cte(&scope.values[index]);
            }
            if scope.is_recursive && scope.names.get(done).is_some_and(|cte| cte == name) {
                return Found::Itself;
            }
        }
        Found::Nothing
    }
}

/// An identifier as DataFusion folds it: lower case in ASCII unless quoted.
pub(crate) fn fold(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_ascii_lowercase(),
    }
}
