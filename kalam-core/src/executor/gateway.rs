//! The one place that decides what a role may do.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan, Values};

use super::caller::Caller;
use super::statement::Statement;
use super::system_table::SYSTEM_NAMESPACE;
use crate::catalog::{TableDefinition, ViewDefinition};
use crate::model::{AccessLevel, Role, TableKind, UserId};
use crate::{Error, Result, SqlState};

/// What a statement does with a table's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TableAction {
    /// Reads rows, or the table's description.
    Read,
    /// Inserts, changes or deletes rows.
    Write,
}

/// Refuses statements that the role may not run, whatever they name.
///
/// # Errors
/// `42501`.
pub(crate) fn authorize(statement: &Statement, role: Role) -> Result<()> {
    let least = least_role(statement);
    if role >= least {
        return Ok(());
    }
    Err(denied(format!("role {role} may not run {}", statement.name()))
        .with_hint(format!("it needs role {least}")))
}

/// The least role for each statement. Which rows and tables a statement reaches is
/// decided by [`authorize_table`] and by the scope.
fn least_role(statement: &Statement) -> Role {
    match statement {
        Statement::CreateNamespace { .. }
        | Statement::DropNamespace { .. }
        | Statement::AlterNamespace { .. }
        | Statement::CreateTable(_)
        | Statement::AlterTable(_)
        | Statement::Comment(_)
        | Statement::CreateTableAs(_)
        | Statement::DropTable { .. }
        | Statement::CreateView(_)
        | Statement::DropView { .. }
        | Statement::BackupDatabase { .. }
        | Statement::RestoreDatabase { .. }
        | Statement::VerifyBackup { .. }
        | Statement::ExportUser { .. }
        | Statement::CreateStorage(_)
        | Statement::AlterStorage(_)
        | Statement::DropStorage { .. }
        | Statement::ShowStorages
        | Statement::CheckStorage { .. }
        | Statement::RegisterTable(_)
        | Statement::UnregisterTable { .. }
        // They reach files of the host.
        | Statement::CopyFrom(_)
        | Statement::CopyTo(_) => Role::Dba,
        Statement::CreateUser(_) | Statement::AlterUser(_) | Statement::DropUser { .. } => {
            Role::System
        }
        // Both tell of all users' rows together.
        Statement::ShowManifest { .. } | Statement::ShowStats { .. } => Role::Service,
        Statement::FlushTable { .. }
        | Statement::FlushAll { .. }
        | Statement::CompactTable { .. }
        | Statement::CompactAll { .. }
        | Statement::Vacuum { .. }
        | Statement::Analyze { .. } => Role::Service,
        // Whoever runs jobs sees them and stops them.
        Statement::ShowJobs | Statement::KillJob { .. } => Role::Service,
        Statement::UseNamespace(_)
        | Statement::ShowNamespaces
        | Statement::ShowTables { .. }
        | Statement::Describe { .. }
        | Statement::DescribeHistory { .. }
        | Statement::DescribeVersion { .. }
        | Statement::ShowCreateTable { .. }
        | Statement::ShowCreateView { .. }
        | Statement::Truncate { .. }
        | Statement::Set(_)
        // Which settings it shows is decided for each.
        | Statement::ShowSetting(_)
        | Statement::Insert(_)
        | Statement::Update(_)
        | Statement::Delete(_)
        | Statement::Merge(_)
        | Statement::Query(_)
        | Statement::Transaction(_)
        | Statement::Deallocate { .. }
        // What it runs is authorized when it is found.
        | Statement::Execute(_)
        // Everybody may be themselves; for whom else is authorize_acting's to say.
        | Statement::ExecuteAs(_) => Role::Anonymous,
        Statement::Explain(explain) => least_role(&explain.statement),
        Statement::Prepare(prepare) => least_role(&prepare.statement.statement),
    }
}

/// Refuses tables that the role may not use in this way.
///
/// # Errors
/// `42501`.
pub(crate) fn authorize_table(
    action: TableAction,
    definition: &TableDefinition,
    role: Role,
) -> Result<()> {
    if may(action, definition, role) {
        return Ok(());
    }
    let verb = match action {
        TableAction::Read => "read",
        TableAction::Write => "write",
    };
    let name = &definition.name;
    Err(denied(format!("role {role} may not {verb} table \"{name}\"")).about(name))
}

/// The least role that reads a registered table: files of the host are nobody's own.
pub(crate) const REGISTERED_LEAST: Role = Role::Service;

/// Refuses registered tables to roles that may not read them.
///
/// # Errors
/// `42501`.
pub(crate) fn authorize_registered(view: &ViewDefinition, role: Role) -> Result<()> {
    if role >= REGISTERED_LEAST {
        return Ok(());
    }
    let name = &view.name;
    Err(denied(format!("role {role} may not read table \"{name}\"")).about(name))
}

/// Refuses the tables of namespace `system`, whether they are there or not.
///
/// # Errors
/// `42501` below role dba.
pub(crate) fn authorize_system_table(table: &str, role: Role) -> Result<()> {
    if role >= Role::Dba {
        return Ok(());
    }
    let name = format!("{SYSTEM_NAMESPACE}.{table}");
    Err(denied(format!("role {role} may not read table \"{name}\"")).about(name))
}

/// Whether the role may use the table in this way: what DESCRIBE, SHOW TABLES and
/// information_schema show of it.
pub(crate) fn may(action: TableAction, definition: &TableDefinition, role: Role) -> bool {
    let least = match (definition.kind, definition.options.access_level, action) {
        (TableKind::User | TableKind::Stream, ..) => Role::User,
        (TableKind::Shared, AccessLevel::Public, TableAction::Read) => Role::Anonymous,
        (TableKind::Shared, AccessLevel::Public, TableAction::Write) => Role::Service,
        (TableKind::Shared, AccessLevel::Private | AccessLevel::Restricted, _) => Role::Service,
    };
    role >= least
}

/// Refuses to act for another user whose role the caller's does not reach.
///
/// # Errors
/// `42501`.
pub(crate) fn authorize_acting(caller: &Caller, user: &UserId, role: Role) -> Result<()> {
    let may = *user == caller.user || may_act_for(caller.role, role);
    if may {
        return Ok(());
    }
    Err(denied(format!("role {} may not act for user \"{user}\"", caller.role)).about(user))
}

/// Whether a role may act for other users that hold a role.
fn may_act_for(role: Role, subject: Role) -> bool {
    match role {
        Role::Anonymous | Role::User => false,
        Role::Service | Role::Dba => subject <= role,
        Role::System => true,
    }
}

/// Refuses namespaces that the role may not name anywhere, whether what it names in them
/// exists or not.
///
/// # Errors
/// `42501`.
pub(crate) fn authorize_namespace(namespace: &str, role: Role) -> Result<()> {
    if namespace == SYSTEM_NAMESPACE && role < Role::Dba {
        let error = denied(format!("role {role} may not use namespace \"{namespace}\""));
        return Err(error.with_hint("it needs role dba").about(namespace));
    }
    Ok(())
}

/// Refuses `all_users` to roles that may not see the rows of others.
///
/// # Errors
/// `42501`.
pub(crate) fn authorize_all_users(role: Role) -> Result<()> {
    if role >= Role::Dba {
        return Ok(());
    }
    let error = denied(format!("role {role} may not use function \"all_users\""));
    Err(error.with_hint("it needs role dba").about("all_users"))
}

/// Refuses plans with nodes that are not on the list of reading nodes, anywhere in
/// the plan and its subqueries.
///
/// IMPORTANT: a new kind of node is refused until it is listed here. The statement
/// was authorized by its form; this is the second lock, over what it became.
///
/// # Errors
/// `42501` below role dba, `0A000` from there on; `0A000` for subqueries in VALUES.
pub(crate) fn check_plan(plan: &LogicalPlan, role: Role) -> Result<()> {
    let mut refused = None;
    let mut values_ask = false;
    plan.apply_with_subqueries(|node| {
        refused = refused_node(node);
        values_ask |= matches!(node, LogicalPlan::Values(values) if asks(values));
        Ok(match refused {
            Some(_) => TreeNodeRecursion::Stop,
            None => TreeNodeRecursion::Continue,
        })
    })
    .map_err(|e| Error::new(SqlState::INTERNAL_ERROR, "plan cannot be walked").with_source(e))?;
    match refused {
        // DataFusion evaluates the rows before any subquery has run.
        None if values_ask => Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "a subquery in VALUES is supported only as what INSERT inserts",
        )
        .with_hint("write the rows as SELECT .. UNION ALL SELECT ..")),
        None => Ok(()),
        Some(what) if role < Role::Dba => {
            Err(denied(format!("role {role} may not use {what} in a query")))
        }
        Some(what) => Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("{what} in a query is not supported"),
        )),
    }
}

/// Whether a row of VALUES has a subquery.
fn asks(values: &Values) -> bool {
    let is_subquery = |expr: &Expr| {
        matches!(
            expr,
            Expr::ScalarSubquery(_)
                | Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::SetComparison(_)
        )
    };
    values.values.iter().flatten().any(|expr| expr.exists(|e| Ok(is_subquery(e))).unwrap_or(true))
}

fn refused_node(node: &LogicalPlan) -> Option<&'static str> {
    match node {
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::TableScan(_)
        | LogicalPlan::EmptyRelation(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Values(_)
        | LogicalPlan::Explain(_)
        | LogicalPlan::Analyze(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::RecursiveQuery(_) => None,
        LogicalPlan::Statement(_) => Some("a statement"),
        LogicalPlan::Extension(_) => Some("an extension"),
        LogicalPlan::Dml(_) => Some("INSERT, UPDATE or DELETE"),
        LogicalPlan::Ddl(_) => Some("CREATE or DROP"),
        LogicalPlan::Copy(_) => Some("COPY"),
        LogicalPlan::DescribeTable(_) => Some("DESCRIBE"),
    }
}

fn denied(message: String) -> Error {
    Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::execution::context::SessionContext;

    use super::*;
    use crate::executor::define_table::tests::define;
    use crate::executor::parse::parse;

    const ROLES: [Role; 5] = [Role::Anonymous, Role::User, Role::Service, Role::Dba, Role::System];

    fn statement(sql: &str) -> Statement {
        parse(sql).expect("valid").remove(0).statement
    }

    #[test]
    fn each_statement_runs_from_its_least_role_on() {
        for (sql, least) in [
            ("SELECT 1", Role::Anonymous),
            ("EXPLAIN SELECT 1", Role::Anonymous),
            ("INSERT INTO t VALUES (1)", Role::Anonymous),
            ("SHOW TABLES", Role::Anonymous),
            ("STORAGE FLUSH TABLE t", Role::Service),
            ("STORAGE FLUSH ALL", Role::Service),
            ("STORAGE COMPACT TABLE t", Role::Service),
            ("STORAGE COMPACT ALL", Role::Service),
            ("VACUUM", Role::Service),
            ("ANALYZE", Role::Service),
            ("SHOW MANIFEST FOR t", Role::Service),
            ("SHOW JOBS", Role::Service),
            ("KILL JOB 'FL-000000000001'", Role::Service),
            ("CREATE TABLE t (a INT)", Role::Dba),
            ("DROP TABLE t", Role::Dba),
            ("ALTER TABLE t DROP COLUMN a", Role::Dba),
            ("ALTER NAMESPACE n SET DESCRIPTION 'x'", Role::Dba),
            ("COMMENT ON TABLE t IS 'x'", Role::Dba),
            ("DESCRIBE t HISTORY", Role::Anonymous),
            ("CREATE NAMESPACE n", Role::Dba),
            ("DROP NAMESPACE n", Role::Dba),
            ("CREATE USER TABLE t AS SELECT 1 AS a", Role::Dba),
            ("CREATE VIEW v AS SELECT 1 AS a", Role::Dba),
            ("DROP VIEW v", Role::Dba),
            ("TRUNCATE t", Role::Anonymous),
        ] {
            for role in ROLES {
                let outcome = authorize(&statement(sql), role);
                assert_eq!(outcome.is_ok(), role >= least, "{sql} as {role}");
                if let Err(e) = outcome {
                    assert_eq!(e.sqlstate().as_str(), "42501");
                }
            }
        }
    }

    /// The words with which tests/kalam/authorization.rs has a statement. A new statement
    /// does not compile until it stands here, and passes when it is in that matrix.
    fn in_matrix(statement: &Statement) -> &'static str {
        match statement {
            Statement::CreateNamespace { .. } => "CREATE NAMESPACE",
            Statement::DropNamespace { .. } => "DROP NAMESPACE",
            Statement::AlterNamespace { .. } => "ALTER NAMESPACE",
            Statement::AlterTable(_) => "ALTER TABLE",
            Statement::Comment(_) => "COMMENT ON",
            Statement::DescribeHistory { .. } => "DESCRIBE {t} HISTORY",
            Statement::DescribeVersion { .. } => "DESCRIBE {t} AS OF",
            Statement::UseNamespace(_) => "USE ",
            Statement::ShowNamespaces => "SHOW NAMESPACES",
            Statement::ShowTables { .. } => "SHOW TABLES",
            Statement::Describe { .. } => "DESCRIBE",
            Statement::CreateTable(_) => "CREATE TABLE made",
            Statement::CreateTableAs(_) => "CREATE TABLE copy_",
            Statement::DropTable { .. } => "DROP TABLE",
            Statement::Truncate { .. } => "TRUNCATE",
            Statement::CreateView(_) => "CREATE VIEW",
            Statement::DropView { .. } => "DROP VIEW",
            Statement::Insert(_) => "INSERT INTO",
            Statement::Update(_) => "UPDATE",
            Statement::Delete(_) => "DELETE FROM",
            Statement::Merge(_) => "MERGE INTO",
            Statement::RegisterTable(_) => "REGISTER TABLE",
            Statement::UnregisterTable { .. } => "UNREGISTER TABLE",
            Statement::CopyFrom(_) => "COPY {t} FROM",
            Statement::CopyTo(_) => "COPY {t} TO",
            Statement::Query(_) => "SELECT",
            Statement::Explain(_) => "EXPLAIN",
            Statement::Prepare(_) => "PREPARE",
            Statement::Execute(_) => "PREPARE p AS SELECT 1; EXECUTE p",
            Statement::Deallocate { .. } => "PREPARE p AS SELECT 1; EXECUTE p; DEALLOCATE p",
            Statement::FlushTable { .. } => "STORAGE FLUSH TABLE",
            Statement::FlushAll { .. } => "STORAGE FLUSH ALL",
            Statement::CompactTable { .. } => "STORAGE COMPACT TABLE",
            Statement::CompactAll { .. } => "STORAGE COMPACT ALL",
            Statement::Vacuum { .. } => "VACUUM",
            Statement::Analyze { .. } => "ANALYZE",
            Statement::BackupDatabase { .. } => "BACKUP DATABASE",
            Statement::RestoreDatabase { .. } => "RESTORE DATABASE",
            Statement::VerifyBackup { .. } => "VERIFY BACKUP",
            Statement::CreateStorage(_) => "CREATE STORAGE",
            Statement::AlterStorage(_) => "ALTER STORAGE",
            Statement::DropStorage { .. } => "DROP STORAGE",
            Statement::ShowStorages => "SHOW STORAGES",
            Statement::CheckStorage { .. } => "STORAGE CHECK",
            Statement::ShowManifest { .. } => "SHOW MANIFEST",
            Statement::ShowStats { .. } => "SHOW STATS",
            Statement::ShowCreateTable { .. } => "SHOW CREATE TABLE",
            Statement::ShowJobs => "SHOW JOBS",
            Statement::KillJob { .. } => "KILL JOB",
            Statement::ShowCreateView { .. } => "SHOW CREATE VIEW",
            Statement::CreateUser(_) => "CREATE USER '",
            Statement::AlterUser(_) => "ALTER USER",
            Statement::DropUser { .. } => "DROP USER",
            Statement::ExportUser { .. } => "EXPORT USER",
            Statement::ExecuteAs(_) => "EXECUTE AS USER",
            Statement::Set(_) => "SET statement_timeout",
            Statement::ShowSetting(_) => "SHOW statement_timeout",
            Statement::Transaction(_) => "BEGIN",
        }
    }

    #[test]
    fn every_statement_is_in_the_matrix() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/kalam/authorization.rs");
        let matrix = std::fs::read_to_string(path).expect("the matrix can be read");
        for sql in [
            "CREATE NAMESPACE n",
            "DROP NAMESPACE n",
            "ALTER NAMESPACE n SET DESCRIPTION 'x'",
            "BACKUP DATABASE TO 'a'",
            "RESTORE DATABASE FROM 'a' TO 'b'",
            "VERIFY BACKUP 'a'",
            "EXPORT USER u TO 'a'",
            "ALTER TABLE t ADD COLUMN a INT",
            "COMMENT ON TABLE t IS 'x'",
            "DESCRIBE t HISTORY",
            "DESCRIBE t AS OF SCHEMA VERSION 1",
            "USE n",
            "SHOW NAMESPACES",
            "SHOW TABLES",
            "DESCRIBE t",
            "CREATE TABLE t (a INT)",
            "CREATE TABLE t AS SELECT 1 AS a",
            "DROP TABLE t",
            "TRUNCATE t",
            "CREATE VIEW v AS SELECT 1 AS a",
            "DROP VIEW v",
            "INSERT INTO t VALUES (1)",
            "UPDATE t SET a = 1",
            "DELETE FROM t",
            "MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE",
            "REGISTER TABLE t FROM 'a.parquet'",
            "UNREGISTER TABLE t",
            "COPY t FROM 'a.csv'",
            "COPY t TO 'a.csv'",
            "SELECT 1",
            "EXPLAIN SELECT 1",
            "PREPARE p AS SELECT 1",
            "EXECUTE p",
            "DEALLOCATE p",
            "STORAGE FLUSH TABLE t",
            "STORAGE FLUSH ALL",
            "STORAGE COMPACT TABLE t",
            "STORAGE COMPACT ALL",
            "VACUUM t",
            "ANALYZE t",
            "CREATE STORAGE s TYPE 'filesystem' PATH 'p'",
            "ALTER STORAGE s SET CONFIG ()",
            "DROP STORAGE s",
            "SHOW STORAGES",
            "STORAGE CHECK s",
            "SHOW MANIFEST FOR t",
            "SHOW STATS FOR TABLE t",
            "SHOW CREATE TABLE t",
            "SHOW CREATE VIEW v",
            "CREATE USER 'u'",
            "ALTER USER 'u' SET ROLE dba",
            "DROP USER 'u'",
            "EXECUTE AS USER 'u' (SELECT 1)",
            "SHOW JOBS",
            "KILL JOB 'FL-000000000001'",
            "SET statement_timeout = 1",
            "SHOW statement_timeout",
            "BEGIN",
        ] {
            let words = format!("\"{}", in_matrix(&statement(sql)));
            assert!(matrix.contains(&words), "{sql}: no text of the matrix begins with {words}");
        }
    }

    #[test]
    fn tables_follow_kind_and_access_level() {
        use TableAction::{Read, Write};
        for (sql, action, least) in [
            ("CREATE USER TABLE t (a INT)", Read, Role::User),
            ("CREATE USER TABLE t (a INT)", Write, Role::User),
            ("CREATE STREAM TABLE t (a INT) WITH (TTL_SECONDS = 1)", Write, Role::User),
            ("CREATE TABLE t (a INT) WITH (ACCESS_LEVEL = 'PUBLIC')", Read, Role::Anonymous),
            ("CREATE TABLE t (a INT) WITH (ACCESS_LEVEL = 'PUBLIC')", Write, Role::Service),
            ("CREATE TABLE t (a INT)", Read, Role::Service),
            ("CREATE TABLE t (a INT) WITH (ACCESS_LEVEL = 'RESTRICTED')", Write, Role::Service),
        ] {
            let definition = define(sql).expect("valid");
            for role in ROLES {
                let outcome = authorize_table(action, &definition, role);
                assert_eq!(outcome.is_ok(), role >= least, "{sql} {action:?} as {role}");
            }
        }
    }

    #[test]
    fn system_tables_are_for_dba_and_system_whether_they_are_there_or_not() {
        for table in ["tables", "nothing"] {
            for role in ROLES {
                let outcome = authorize_system_table(table, role);
                assert_eq!(outcome.is_ok(), role >= Role::Dba, "{table} as {role}");
            }
        }
    }

    #[test]
    fn plans_that_change_anything_are_refused_wherever_they_hide() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let context = SessionContext::new();
        let plan = |sql: &str| -> LogicalPlan {
            runtime.block_on(context.state().create_logical_plan(sql)).expect(sql)
        };
        for sql in [
            "SELECT a, sum(b) OVER () FROM (VALUES (1, 2)) t (a, b) WHERE a IN (SELECT 1) ORDER BY a",
            "WITH RECURSIVE x AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM x WHERE n < 3) SELECT * FROM x",
            "EXPLAIN SELECT 1",
            "SELECT unnest([1, 2])",
        ] {
            check_plan(&plan(sql), Role::Anonymous).expect(sql);
        }
        for sql in ["CREATE TABLE x AS SELECT 1", "SET datafusion.execution.batch_size = 1"] {
            for (role, code) in [(Role::User, "42501"), (Role::System, "0A000")] {
                let error = check_plan(&plan(sql), role).expect_err(sql);
                assert_eq!(error.sqlstate().as_str(), code, "{sql}");
            }
        }
        let hidden = LogicalPlan::Explain(datafusion::logical_expr::Explain {
            verbose: false,
            explain_format: datafusion::common::format::ExplainFormat::Indent,
            plan: Arc::new(plan("CREATE TABLE y AS SELECT 1")),
            stringified_plans: Vec::new(),
            schema: Arc::new(datafusion::common::DFSchema::empty()),
            logical_optimization_succeeded: false,
            show_statistics: None,
        });
        assert!(check_plan(&hidden, Role::System).is_err());
    }
}
