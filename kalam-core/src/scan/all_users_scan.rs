//! The rows of every user of a table, for `all_users`.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringArray};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DFSchema, DataFusionError, Result as DataFusionResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{
    Boundedness, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};
use futures::{StreamExt, TryStreamExt};

use super::pushdown::{chosen_by, projected};
use super::table_scan::TableScan;
use crate::model::{UserId, UserKey};

/// Name of the column that says whose a row is.
const USER_COLUMN: &str = "_user";

fn user_field() -> FieldRef {
    Arc::new(Field::new(USER_COLUMN, DataType::Utf8, false))
}

/// The columns of a table after the column of the user.
pub(super) fn with_user_column(own: &SchemaRef) -> SchemaRef {
    let fields = std::iter::once(user_field()).chain(own.fields().iter().cloned());
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The rows of every user of a table at one view.
pub(crate) struct AllUsersScan {
    /// What each user's rows are read by; its own user is nobody.
    pub(crate) of_one: TableScan,
    /// Everybody who may own rows.
    pub(crate) users: Vec<(UserKey, UserId)>,
}

impl fmt::Debug for AllUsersScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AllUsersScan").field("of_one", &self.of_one).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for AllUsersScan {
    fn schema(&self) -> SchemaRef {
        with_user_column(&TableProvider::schema(&self.of_one))
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        Ok(chosen_by(filters))
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let schema = projected(TableProvider::schema(self), projection)?;
        // A user who has no rows yet may have some when a transaction commits.
        self.of_one.note_read_of_all();
        let users = self.chosen(state, filters)?;
        let partitions = state.config().target_partitions().clamp(1, users.len().max(1));
        let mut groups = vec![Vec::new(); partitions];
        for (index, user) in users.into_iter().enumerate() {
            groups[index % partitions].push(user);
        }
        Ok(Arc::new(AllUsersExec::new(AllUsersRead {
            of_one: self.of_one.clone(),
            groups,
            filters: filters.to_vec(),
            limit,
            schema,
        })))
    }
}

impl AllUsersScan {
    /// The users that the conditions on `_user` leave.
    fn chosen(
        &self,
        state: &dyn Session,
        filters: &[Expr],
    ) -> DataFusionResult<Vec<(UserKey, UserId)>> {
        let of_user = filters.iter().filter(|filter| {
            let columns = filter.column_refs();
            !columns.is_empty() && columns.iter().all(|column| column.name == USER_COLUMN)
        });
        let Some(condition) = conjunction(of_user.cloned()) else { return Ok(self.users.clone()) };
        let schema = Arc::new(Schema::new(vec![user_field()]));
        let condition =
            state.create_physical_expr(condition, &DFSchema::try_from(schema.clone())?)?;
        let names = self.users.iter().map(|(_, user)| Some(user.as_str()));
        let names: ArrayRef = Arc::new(names.collect::<StringArray>());
        let batch = RecordBatch::try_new(schema, vec![names])?;
        let kept = condition.evaluate(&batch)?.into_array(batch.num_rows())?;
        let kept = kept.as_boolean();
        let is_kept = |index: usize| kept.is_valid(index) && kept.value(index);
        let users = self.users.iter().enumerate().filter(|(index, _)| is_kept(*index));
        Ok(users.map(|(_, user)| user.clone()).collect())
    }
}

/// What an [`AllUsersExec`] reads.
#[derive(Clone)]
struct AllUsersRead {
    of_one: TableScan,
    /// The users of each partition.
    groups: Vec<Vec<(UserKey, UserId)>>,
    filters: Vec<Expr>,
    limit: Option<usize>,
    schema: SchemaRef,
}

impl AllUsersRead {
    /// The rows of one user. Planned when they are asked for, so that many users take no
    /// more memory than one.
    fn rows_of(
        &self,
        key: UserKey,
        user: &UserId,
        context: &Arc<TaskContext>,
    ) -> DataFusionResult<SendableRecordBatchStream> {
        let fields = self.schema.fields().iter().filter(|field| field.name() != USER_COLUMN);
        let own: SchemaRef = Arc::new(Schema::new(fields.cloned().collect::<Vec<_>>()));
        let plan = self
            .of_one
            .of_user(key)
            .plan(&own, &self.filters, self.limit, 1)
            .map_err(|e| DataFusionError::External(Box::new(e)))?;
        let partitions = plan.properties().output_partitioning().partition_count();
        let streams = (0..partitions)
            .map(|partition| plan.execute(partition, context.clone()))
            .collect::<DataFusionResult<Vec<_>>>()?;
        let (schema, user) = (self.schema.clone(), user.clone());
        let rows = futures::stream::iter(streams)
            .flatten()
            .map(move |batch| with_user(&batch?, &schema, &user));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), rows)))
    }
}

fn with_user(
    batch: &RecordBatch,
    schema: &SchemaRef,
    user: &UserId,
) -> DataFusionResult<RecordBatch> {
    let rows = batch.num_rows();
    let mut own = batch.columns().iter().cloned();
    let columns = schema.fields().iter().filter_map(|field| {
        if field.name() != USER_COLUMN {
            return own.next();
        }
        let names: StringArray = std::iter::repeat_n(Some(user.as_str()), rows).collect();
        Some(Arc::new(names) as ArrayRef)
    });
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(schema.clone(), columns.collect(), &options)?)
}

/// Reads one user after another, those of each partition beside those of the others.
struct AllUsersExec {
    read: Arc<AllUsersRead>,
    properties: Arc<PlanProperties>,
}

impl AllUsersExec {
    fn new(read: AllUsersRead) -> AllUsersExec {
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(read.schema.clone()),
            Partitioning::UnknownPartitioning(read.groups.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        AllUsersExec { read: Arc::new(read), properties }
    }
}

impl fmt::Debug for AllUsersExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AllUsersExec").field("of_one", &self.read.of_one).finish_non_exhaustive()
    }
}

impl DisplayAs for AllUsersExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let users: usize = self.read.groups.iter().map(Vec::len).sum();
        let table = &self.read.of_one.table.definition.name;
        write!(f, "AllUsersExec: table={table}, users={users}")
    }
}

impl ExecutionPlan for AllUsersExec {
    fn name(&self) -> &'static str {
        "AllUsersExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DataFusionResult<TreeNodeRecursion>,
    ) -> DataFusionResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> DataFusionResult<SendableRecordBatchStream> {
        let read = self.read.clone();
        let users = read.groups.get(partition).cloned().unwrap_or_default();
        let rows = futures::stream::iter(users)
            .map(move |(key, user)| read.rows_of(key, &user, &context))
            .try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.read.schema.clone(), rows)))
    }
}
