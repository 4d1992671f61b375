//! What statements run against.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arrow::array::RecordBatch;
use datafusion::execution::context::{SessionState, TaskContext};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, MemoryReservation};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::execution::{FunctionRegistry, SendableRecordBatchStream};
use datafusion::prelude::{SessionConfig, SessionContext};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tokio::runtime::Runtime;

use super::batch_stream::{BatchStream, collect};
use super::bounded_result::BoundResults;
use super::checked_arithmetic::CheckArithmetic;
use super::functions::{checked_sum, id_functions, json_functions, vector_functions};
use super::guarded_input::GuardInputs;
use super::literal_type::TextLiterals;
use super::operator_function::OperatorFunctions;
use super::parse::parse;
use super::plan_cache::PlanCache;
use super::rounding_cast::RoundCasts;
use super::spill_directory::spill_directory;
use super::statement::Parsed;
use super::stop_rule::{logical_rules, stopping};
use super::unambiguous_pushdown::physical_rules;
use crate::activity::Activity;
use crate::catalog::{
    DEFAULT_NAMESPACE, Namespace, SchemaRegistry, StorageDefinition, UserDirectory,
};
use crate::env::{Clock, IdSource};
use crate::flush::{ColdTier, Tiers, finish_purges, remove_orphans};
use crate::jobs::{BackgroundParts, FlushScheduler, Jobs, Maintenance};
use crate::model::Name;
use crate::scan::{HotVectors, KeepOrder, NewestRows};
use crate::security::{Accounts, AuditLog, Logins};
use crate::store::{Directory, Home, Store};
use crate::{Error, Options, Result, SqlState};

/// Parsed texts that are kept.
const PARSED_MAX: usize = 1024;
/// Longer texts are data rather than statements that come again.
const PARSED_BYTES_MAX: usize = 16 << 10;
/// What all of them weigh at most. A parsed text takes some twenty times its bytes: values
/// that are written into an INSERT would otherwise hold a hundred megabytes.
const PARSED_BYTES_SUM: u64 = 1 << 20;

#[derive(Clone)]
struct TextBytes;

impl Weighter<String, Arc<Vec<Arc<Parsed>>>> for TextBytes {
    fn weight(&self, text: &String, _: &Arc<Vec<Arc<Parsed>>>) -> u64 {
        /// About what the shortest statement takes, over what its text weighs.
        const LEAST: u64 = 512;
        text.len() as u64 + LEAST
    }
}

/// What plans that are optimized already are executed with: nothing of a session is
/// in it, nor the functions, which are in the plan.
pub(crate) struct Running {
    pub(crate) state: SessionState,
    pub(crate) context: Arc<TaskContext>,
}

impl Running {
    fn new(planning: &SessionContext) -> Running {
        let state = SessionStateBuilder::new()
            .with_config(planning.copied_config())
            .with_runtime_env(planning.runtime_env())
            .with_physical_optimizer_rules(planning.state().physical_optimizers().to_vec())
            .build();
        let context = state.task_ctx();
        Running { state, context }
    }
}

/// An open database below its sessions: the two tiers, the catalog, the threads.
pub(crate) struct Engine {
    /// First: their threads end before what they work with is closed.
    pub(crate) flushing: FlushScheduler,
    pub(crate) maintenance: Maintenance,
    pub(crate) store: Arc<Store>,
    pub(crate) registry: Arc<SchemaRegistry>,
    pub(crate) users: Arc<UserDirectory>,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) logins: Logins,
    pub(crate) tier: Arc<ColdTier>,
    pub(crate) hot_vectors: HotVectors,
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) ids: Arc<IdSource>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Plans and configuration that all statements start from.
    pub(crate) planning: SessionContext,
    pub(crate) running: Running,
    pub(crate) plans: PlanCache,
    /// What the database was opened with: the settings that sessions begin with.
    pub(crate) options: Arc<Options>,
    parsed: Cache<String, Arc<Vec<Arc<Parsed>>>, TextBytes>,
    parses: AtomicU64,
    parse_hits: AtomicU64,
    runtime: Option<Runtime>,
    /// Last: the directory is released when everything else is closed.
    _directory: Option<Directory>,
}

impl Engine {
    /// Opens a locked directory, or memory if there is none.
    ///
    /// # Errors
    /// `XX001`, `58030`, `53100`.
    pub(crate) fn open(
        directory: Option<Directory>,
        options: &Options,
        clock: Arc<dyn Clock>,
    ) -> Result<Engine> {
        let path = directory.as_ref().map(|d| d.path().to_path_buf());
        let home = directory.as_ref().map_or(Home::Memory, Directory::home);
        let store = Store::open(&home, options, clock.clone())?;
        let ids = store.ids().clone();
        let registry = Arc::new(SchemaRegistry::load(&store)?);
        if registry.namespaces().is_empty() {
            create_first_objects(&store, &registry, options, clock.now_ms())?;
        }
        directory.as_ref().map_or(Ok(()), Directory::finish_creation)?;
        let accounts = Arc::new(Accounts::load(&store)?);
        let audit = Arc::new(AuditLog::load(&store, &clock)?);
        let tier = Arc::new(ColdTier::new(&store, &registry, &ids, path.as_deref(), options)?);
        remove_orphans(&tier, &store)?;
        finish_purges(&store, &tier)?;
        let jobs = Arc::new(Jobs::load(&store, &clock)?);
        let users = Arc::new(UserDirectory::new(store.clone()));
        let spill = spill_directory(path.as_deref(), options);
        let mut planning = planning_context(options, spill)?;
        planning
            .register_expr_planner(Arc::new(TextLiterals))
            .expect("the context takes planners of expressions");
        planning
            .register_expr_planner(Arc::new(OperatorFunctions::new()))
            .expect("the context takes planners of expressions");
        if let Ok(signum) = planning.udf("signum") {
            planning.register_udf(signum.as_ref().clone().with_aliases(["sign"]));
        }
        planning.add_analyzer_rule(Arc::new(CheckArithmetic::new()));
        planning.add_analyzer_rule(Arc::new(RoundCasts::new()));
        let pool = planning.runtime_env().memory_pool.clone();
        planning.add_analyzer_rule(Arc::new(BoundResults::new(&pool)));
        planning.register_udaf(checked_sum());
        let functions =
            id_functions(&ids).into_iter().chain(vector_functions()).chain(json_functions());
        for function in functions {
            planning.register_udf(function.as_ref().clone());
        }
        let running = Running::new(&planning);
        let parts = BackgroundParts {
            store: store.clone(),
            registry: registry.clone(),
            users: users.clone(),
            tier: tier.clone(),
            jobs: jobs.clone(),
            clock: clock.clone(),
            hot_budget_bytes: options.hot_budget_bytes,
        };
        let runtime = query_threads(options)?;
        Ok(Engine {
            flushing: FlushScheduler::start(&parts),
            maintenance: Maintenance::start(&parts, options.auto_maintenance),
            users,
            logins: Logins::new(&store, &accounts, &audit, &clock),
            accounts,
            audit,
            hot_vectors: HotVectors::new(&store, options.cache_bytes / 4),
            store,
            registry,
            tier,
            jobs,
            ids,
            clock,
            planning,
            running,
            plans: PlanCache::default(),
            options: Arc::new(options.clone()),
            parsed: Cache::with_weighter(PARSED_MAX, PARSED_BYTES_SUM, TextBytes),
            parses: AtomicU64::new(0),
            parse_hits: AtomicU64::new(0),
            runtime: Some(runtime),
            _directory: directory,
        })
    }

    /// Both tiers, for what moves rows.
    pub(crate) fn tiers(&self) -> Tiers<'_> {
        Tiers {
            store: &self.store,
            registry: &self.registry,
            users: &self.users,
            tier: &self.tier,
            now_ms: self.clock.now_ms(),
        }
    }

    /// Starts what works in the background, if it does not.
    pub(crate) fn resume(&self) {
        self.flushing.resume();
        self.maintenance.resume();
    }

    /// Stops what works in the background, and waits for its end.
    pub(crate) fn halt(&self) {
        self.flushing.halt();
        self.maintenance.halt();
    }

    /// The statements of a text, parsed once.
    ///
    /// # Errors
    /// `42601`, `54000`.
    pub(crate) fn parse(&self, sql: &str) -> Result<Arc<Vec<Arc<Parsed>>>> {
        if sql.len() > PARSED_BYTES_MAX {
            self.parses.fetch_add(1, Ordering::Relaxed);
            return parse_all(sql);
        }
        if let Some(parsed) = self.parsed.get(sql) {
            self.parse_hits.fetch_add(1, Ordering::Relaxed);
            return Ok(parsed);
        }
        self.parses.fetch_add(1, Ordering::Relaxed);
        let parsed = parse_all(sql)?;
        if !parsed.iter().any(|parsed| parsed.statement.holds_secret()) {
            self.parsed.insert(sql.to_owned(), parsed.clone());
        }
        Ok(parsed)
    }

    /// The one statement of a text, parsed once.
    ///
    /// # Errors
    /// As [`Engine::parse`], and `22023` for several statements.
    pub(crate) fn parse_one(&self, sql: &str) -> Result<Arc<Parsed>> {
        match self.parse(sql)?.as_slice() {
            [parsed] => Ok(parsed.clone()),
            several => Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("one statement is expected here, got {}", several.len()),
            )),
        }
    }

    /// Texts that were parsed, and those that were found parsed.
    pub(crate) fn parse_counters(&self) -> (u64, u64) {
        (self.parses.load(Ordering::Relaxed), self.parse_hits.load(Ordering::Relaxed))
    }

    /// Every batch of a query that the statement of this thread needs together, for a moment.
    ///
    /// # Errors
    /// What the query raises, `53200` if the rows pass the memory limit, `57014`.
    pub(crate) fn collect(&self, stream: SendableRecordBatchStream) -> Result<Vec<RecordBatch>> {
        self.collect_held(stream).map(|(batches, _)| batches)
    }

    /// As [`Engine::collect`], with the memory that they take.
    ///
    /// # Errors
    /// As [`Engine::collect`].
    pub(crate) fn collect_held(
        &self,
        stream: SendableRecordBatchStream,
    ) -> Result<(Vec<RecordBatch>, MemoryReservation)> {
        let pool = &self.planning.runtime_env().memory_pool;
        collect(stream, self.runtime(), pool, &Activity::current().unwrap_or_default())
    }

    /// Runs a query to its end and counts its rows.
    ///
    /// # Errors
    /// What the query raises, `57014`.
    pub(crate) fn count_rows(&self, stream: SendableRecordBatchStream) -> Result<u64> {
        let activity = Activity::current().unwrap_or_default();
        let mut stream = BatchStream::new(stream);
        let mut rows = 0;
        while let Some(batch) = stream.next(self.runtime(), &activity)? {
            rows += batch.num_rows() as u64;
        }
        Ok(rows)
    }

    /// The threads of queries.
    pub(crate) fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("taken only when the engine is dropped")
    }

    /// Refuses calls after a close.
    ///
    /// # Errors
    /// `08003`.
    pub(crate) fn check_open(&self) -> Result<()> {
        if self.store.is_closed() {
            return Err(Error::new(SqlState::CONNECTION_CLOSED, "the database is closed"));
        }
        Ok(())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.halt();
        self.tier.settle();
        let Some(runtime) = self.runtime.take() else { return };
        if tokio::runtime::Handle::try_current().is_ok() {
            // One of the runtime's own threads, which cannot wait for itself.
            runtime.shutdown_background();
        } else {
            // Cancelled queries let go of their snapshots, and so of the directory,
            // when their threads notice.
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }
}

fn parse_all(sql: &str) -> Result<Arc<Vec<Arc<Parsed>>>> {
    Ok(Arc::new(parse(sql)?.into_iter().map(Arc::new).collect()))
}

fn create_first_objects(
    store: &Store,
    registry: &Arc<SchemaRegistry>,
    options: &Options,
    now_ms: i64,
) -> Result<()> {
    // The namespace is last and tells that all is there: a process that is killed between the
    // two leaves the storage.
    if registry.storages().is_empty() {
        let local = StorageDefinition::local(&options.storage_path, now_ms);
        store.commit(registry.put_storage(local, None))?;
    }
    store.commit(registry.add_namespace(Namespace {
        name: Name::new("namespace", DEFAULT_NAMESPACE)?,
        description: None,
        created_at_ms: now_ms,
    }))?;
    Ok(())
}

fn query_threads(options: &Options) -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.threads)
        .thread_name("kalamdb")
        // Plans of deep expressions recurse.
        .thread_stack_size(8 << 20)
        .enable_time()
        .build()
        .map_err(|e| {
            Error::new(SqlState::IO_ERROR, format!("cannot start query threads: {e}"))
                .with_source(e)
        })
}

fn planning_context(options: &Options, spill: DiskManagerMode) -> Result<SessionContext> {
    let mut config = SessionConfig::new()
        .with_target_partitions(options.threads)
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema("kalam", DEFAULT_NAMESPACE);
    let settings = config.options_mut();
    // TEXT is Utf8 in every result; a cast must not yield another text type.
    settings.sql_parser.map_string_types_to_utf8view = false;
    // 0.1 is a decimal number, as in PostgreSQL: 0.1 + 0.2 = 0.3.
    settings.sql_parser.parse_float_as_decimal = true;
    // Errors of planning know the place of what they name.
    settings.sql_parser.collect_spans = true;
    settings.execution.parquet.schema_force_view_types = false;
    // MIN and MAX in one query lose the rows of files that come after one whose values
    // are all NULL: the filter then tests for one of the two only.
    settings.optimizer.enable_aggregate_dynamic_filter_pushdown = false;
    // Each sort of a query has so much for merging what it spilled, from its beginning on.
    let of_sort = &mut settings.execution.sort_spill_reservation_bytes;
    *of_sort = (*of_sort).min(options.memory_limit_bytes / (8 * options.threads));
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(options.memory_limit_bytes)))
        .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(spill))
        .build_arc()
        .map_err(|e| {
            Error::new(SqlState::IO_ERROR, "cannot prepare query execution").with_source(e)
        })?;
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_optimizer_rules(logical_rules())
        .with_physical_optimizer_rules(stopping(physical_rules()))
        .with_physical_optimizer_rule(Arc::new(NewestRows))
        .with_physical_optimizer_rule(Arc::new(KeepOrder))
        .with_physical_optimizer_rule(Arc::new(GuardInputs))
        .build();
    Ok(SessionContext::new_with_state(state))
}
