//! Plans of queries that come again, found by the query's shape.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use quick_cache::Equivalent;
use quick_cache::sync::Cache;

use super::query_plan::QueryPlan;
use super::query_shape::QueryShape;
use crate::model::Role;

/// Plans that are kept. One takes some tens of KiB.
const PLANS_MAX: usize = 512;

/// Most bytes of values that a plan is kept for.
const VALUE_BYTES_MAX: usize = 1 << 10;

/// Plans by shape, namespace, role, and what else of the parameters they depend on.
///
/// A plan is made from one version of the catalog and found only while that is the
/// current one. It holds no user and no view: any user of its role may run it.
pub(crate) struct PlanCache {
    plans: Cache<PlanKey, Found>,
    /// The version of the catalog that the plans are of.
    version: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Default for PlanCache {
    fn default() -> PlanCache {
        PlanCache {
            plans: Cache::new(PLANS_MAX),
            version: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }
}

/// What a query is looked up by.
#[derive(Clone, Copy)]
pub(crate) struct PlanLookup<'a> {
    pub(crate) shape: &'a Arc<QueryShape>,
    pub(crate) namespace: &'a str,
    pub(crate) role: Role,
    pub(crate) values: &'a [ScalarValue],
}

#[derive(Clone)]
enum Found {
    Plan {
        version: u64,
        plan: Arc<QueryPlan>,
    },
    /// The plan depends on the values of these parameters too.
    ByValue(Arc<[usize]>),
}

impl PlanCache {
    /// The plan of a query at a version of the catalog.
    pub(crate) fn find(&self, lookup: PlanLookup<'_>, version: u64) -> Option<Arc<QueryPlan>> {
        // Plans of an older catalog are never found again: nothing keeps their tables.
        if self.version.swap(version, Ordering::AcqRel) != version {
            self.plans.clear();
        }
        let mut found = self.plans.get(&Keyed { lookup, by_value: &[] });
        if let Some(Found::ByValue(by_value)) = &found {
            found = self.plans.get(&Keyed { lookup, by_value });
        }
        match found {
            Some(Found::Plan { version: of, plan }) if of == version => {
                self.hits.fetch_add(1, Ordering::Relaxed);
                Some(plan)
            }
            _ => {
                self.misses.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }

    /// Keeps a plan that depends on the values of the parameters `by_value`, beside
    /// those that every plan of the shape depends on.
    pub(crate) fn keep(
        &self,
        lookup: PlanLookup<'_>,
        by_value: &[usize],
        version: u64,
        plan: &Arc<QueryPlan>,
    ) {
        let keyed = Keyed { lookup, by_value };
        if keyed.value_bytes() > VALUE_BYTES_MAX {
            return;
        }
        if !by_value.is_empty() {
            let key = Keyed { lookup, by_value: &[] }.to_key();
            self.plans.insert(key, Found::ByValue(by_value.into()));
        }
        self.plans.insert(keyed.to_key(), Found::Plan { version, plan: plan.clone() });
    }

    /// Queries whose plan was found, and those whose plan was not.
    pub(crate) fn counters(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }
}

#[derive(PartialEq, Eq)]
struct PlanKey {
    shape: Arc<QueryShape>,
    namespace: String,
    role: Role,
    slots: Vec<Slot>,
}

/// What a plan depends on of a parameter.
#[derive(PartialEq, Eq)]
enum Slot {
    Type(DataType),
    Value(ScalarValue),
}

/// A lookup with the parameters whose values count.
struct Keyed<'a> {
    lookup: PlanLookup<'a>,
    by_value: &'a [usize],
}

impl Keyed<'_> {
    fn is_by_value(&self, parameter: usize) -> bool {
        !self.lookup.shape.is_compared(parameter) || self.by_value.contains(&parameter)
    }

    fn value_bytes(&self) -> usize {
        let values = self.lookup.values.iter().enumerate();
        values.filter(|(index, _)| self.is_by_value(*index)).map(|(_, value)| value.size()).sum()
    }

    fn to_key(&self) -> PlanKey {
        let slot = |(index, value): (usize, &ScalarValue)| {
            if self.is_by_value(index) {
                Slot::Value(value.clone())
            } else {
                Slot::Type(value.data_type())
            }
        };
        PlanKey {
            shape: self.lookup.shape.clone(),
            namespace: self.lookup.namespace.to_owned(),
            role: self.lookup.role,
            slots: self.lookup.values.iter().enumerate().map(slot).collect(),
        }
    }
}

impl Hash for PlanKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.shape.hash(state);
        self.namespace.hash(state);
        for slot in &self.slots {
            if let Slot::Value(value) = slot {
                value.hash(state);
            }
        }
    }
}

impl Hash for Keyed<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.lookup.shape.hash(state);
        self.lookup.namespace.hash(state);
        for (index, value) in self.lookup.values.iter().enumerate() {
            if self.is_by_value(index) {
                value.hash(state);
            }
        }
    }
}

impl Equivalent<PlanKey> for Keyed<'_> {
    fn equivalent(&self, key: &PlanKey) -> bool {
        let lookup = &self.lookup;
        let same_slot = |(index, (value, slot)): (usize, (&ScalarValue, &Slot))| match slot {
            Slot::Type(data_type) => !self.is_by_value(index) && value.data_type() == *data_type,
            Slot::Value(known) => self.is_by_value(index) && value == known,
        };
        lookup.role == key.role
            && lookup.namespace == key.namespace
            && lookup.values.len() == key.slots.len()
            && lookup.values.iter().zip(&key.slots).enumerate().all(same_slot)
            && (Arc::ptr_eq(lookup.shape, &key.shape) || lookup.shape == &key.shape)
    }
}
