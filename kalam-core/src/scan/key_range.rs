//! The range of keys that a filter leaves.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

use crate::Result;
use crate::catalog::Table;
use crate::model::UserKey;
use crate::store::prefix_end;

/// Keys from `lower` up to but without `upper`, both without the scope prefix. An
/// empty `upper` has no bound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyRange {
    lower: Vec<u8>,
    upper: Option<Vec<u8>>,
}

impl KeyRange {
    /// The smallest range that holds every key the filters accept: equality on the
    /// leading key columns, then bounds on the next one.
    pub(crate) fn from_filters(table: &Table, filters: &[Expr]) -> Result<KeyRange> {
        let mut prefix: Vec<ScalarValue> = Vec::new();
        let conjuncts: Vec<&Expr> =
            filters.iter().flat_map(datafusion::logical_expr::utils::split_conjunction).collect();
        for name in table.key_names() {
            let comparisons = || conjuncts.iter().filter_map(|e| comparison(e, name));
            if let Some((_, value)) = comparisons().find(|(op, _)| *op == Operator::Eq) {
                prefix.push(value);
                continue;
            }
            return KeyRange::new(table, &prefix, comparisons());
        }
        KeyRange::new(table, &prefix, std::iter::empty())
    }

    /// The keys that begin with the values of `prefix` and pass the comparisons of the column
    /// after those.
    pub(crate) fn new(
        table: &Table,
        prefix: &[ScalarValue],
        comparisons: impl Iterator<Item = (Operator, ScalarValue)>,
    ) -> Result<KeyRange> {
        let encode = |last: Option<ScalarValue>| -> Result<Vec<u8>> {
            let values: Vec<_> = prefix.iter().cloned().chain(last).collect();
            let mut bytes = Vec::new();
            table.key_codec.encode_scalars(&values, &mut bytes)?;
            Ok(bytes)
        };
        let whole = encode(None)?;
        let mut range = KeyRange { upper: after(&whole), lower: whole };
        for (operator, value) in comparisons {
            let edge = encode(Some(value))?;
            match operator {
                Operator::Gt => match after(&edge) {
                    Some(lower) => range.raise(lower),
                    None => range.cut(Some(Vec::new())),
                },
                Operator::GtEq => range.raise(edge),
                Operator::Lt => range.cut(Some(edge)),
                Operator::LtEq => range.cut(after(&edge)),
                _ => {}
            }
        }
        Ok(range)
    }

    fn raise(&mut self, lower: Vec<u8>) {
        if lower > self.lower {
            self.lower = lower;
        }
    }

    fn cut(&mut self, upper: Option<Vec<u8>>) {
        if let Some(upper) = upper
            && self.upper.as_ref().is_none_or(|now| upper < *now)
        {
            self.upper = Some(upper);
        }
    }

    /// The bounds as hot keys of a user's rows.
    pub(crate) fn hot_bounds(&self, table: &Table, user: UserKey) -> (Vec<u8>, Vec<u8>) {
        let prefix = table.scope_prefix(user);
        let with_prefix = |key: &[u8]| [prefix.as_slice(), key].concat();
        let upper = match &self.upper {
            Some(upper) => with_prefix(upper),
            None => match table.key_codec.end() {
                Some(end) => with_prefix(&end),
                None => prefix_end(&prefix),
            },
        };
        (with_prefix(&self.lower), upper)
    }

    /// The bounds, without scope.
    pub(crate) fn bounds(&self) -> (&[u8], Option<&[u8]>) {
        (&self.lower, self.upper.as_deref())
    }

    /// Whether it leaves out any key.
    pub(crate) fn is_bounded(&self) -> bool {
        !self.lower.is_empty() || self.upper.is_some()
    }

    /// Whether no key can be in the range.
    pub(crate) fn is_empty(&self) -> bool {
        self.upper.as_ref().is_some_and(|upper| *upper <= self.lower)
    }

    /// Whether a segment with these smallest and largest keys can hold one.
    pub(crate) fn overlaps(&self, min_key: &[u8], max_key: &[u8]) -> bool {
        max_key >= self.lower.as_slice()
            && self.upper.as_ref().is_none_or(|upper| min_key < upper.as_slice())
    }
}

/// The first bytes after all keys that begin with `edge`; `None` if there are none, because it
/// has no bytes but 0xFF.
fn after(edge: &[u8]) -> Option<Vec<u8>> {
    edge.iter().any(|byte| *byte != u8::MAX).then(|| prefix_end(edge))
}

/// `name op literal` or `literal op name`, the literal not NULL.
fn comparison(expr: &Expr, name: &str) -> Option<(Operator, ScalarValue)> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = expr else { return None };
    let (column, op, value) = match (&**left, &**right) {
        (Expr::Column(column), Expr::Literal(value, _)) => (column, *op, value),
        (Expr::Literal(value, _), Expr::Column(column)) => (column, op.swap()?, value),
        _ => return None,
    };
    (column.name == name && !value.is_null()).then(|| (op, value.clone()))
}
