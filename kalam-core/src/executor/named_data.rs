//! Arrow data of the program under names that queries read.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow::error::ArrowError;
use arrow::record_batch::RecordBatchReader;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::logical_expr::TableSource;

use super::plan_error::from_datafusion;
use crate::activity::check_stop;
use crate::model::Name;
use crate::{Error, Result, SqlState};

/// Arrow data of the program under names that the queries of a statement, or of a session,
/// read as if they were tables. A name without namespace finds such data before it finds a
/// table. Nothing is stored, and nothing but a query can use it.
///
/// The buffers are not copied and live as long as this or a result that still reads them.
/// They do not count against `memory_limit`: they are the program's own. Cloning is cheap.
#[derive(Clone, Default)]
pub struct NamedData {
    relations: Arc<BTreeMap<Name, Arc<MemTable>>>,
}

impl NamedData {
    /// Reads `data` to its end and keeps it under `name`, in the place of what had the name.
    /// Unquoted names in SQL are lower case.
    ///
    /// # Errors
    /// `42602` for a name that no table could have, `42701` for two columns of one name, and
    /// what the reader raises.
    pub fn insert(&mut self, name: &str, data: Box<dyn RecordBatchReader + Send>) -> Result<()> {
        let name = Name::new("data", name)?;
        let schema = data.schema();
        let mut seen: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        seen.sort_unstable();
        if let Some(twice) = seen.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::new(
                SqlState::DUPLICATE_COLUMN,
                format!("data \"{}\" has two columns \"{}\"", name.as_str(), twice[0]),
            ));
        }
        let mut batches = Vec::new();
        for batch in data {
            check_stop()?;
            batches.push(batch.map_err(unreadable)?);
        }
        let rows = MemTable::try_new(schema, vec![batches]).map_err(from_datafusion)?;
        Arc::make_mut(&mut self.relations).insert(name, Arc::new(rows));
        Ok(())
    }

    /// Forgets what has the name; false if nothing has it.
    pub fn remove(&mut self, name: &str) -> bool {
        let known = self.relations.keys().find(|known| known.as_str() == name).cloned();
        known.is_some_and(|known| Arc::make_mut(&mut self.relations).remove(&known).is_some())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.relations.is_empty()
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.relations.keys().map(Name::as_str)
    }

    /// This data with that of one statement, whose names win.
    pub(crate) fn with(&self, more: &NamedData) -> NamedData {
        let mut both = self.clone();
        if !more.is_empty() {
            let relations = more.relations.iter().map(|(name, data)| (name.clone(), data.clone()));
            Arc::make_mut(&mut both.relations).extend(relations);
        }
        both
    }

    /// Whether a relation of a query is such data.
    pub(crate) fn has(&self, namespace: Option<&str>, relation: &str) -> bool {
        namespace.is_none() && self.names().any(|name| name == relation)
    }

    /// What a name without namespace stands for.
    pub(crate) fn find(&self, relation: &str) -> Option<Arc<dyn TableSource>> {
        let found = self.relations.iter().find(|(name, _)| name.as_str() == relation);
        found.map(|(_, data)| provider_as_source(data.clone()))
    }
}

impl fmt::Debug for NamedData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

fn unreadable(error: ArrowError) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, error.to_string()).with_source(error)
}
