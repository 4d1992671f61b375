//! Statements, parsed: what the text says, before any name is looked up.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{DataType, Expr, Query};

use super::copy_statement::{CopyFrom, CopyTo};
use super::given::Given;
use super::modify_statement::{Delete, Insert, Merge, Update};
use super::placeholder::Placeholders;
use super::query_shape::ParsedQuery;
use super::storage_statement::{AlterStorage, CreateStorage};
use super::transaction::TransactionMode;
use super::user_statement::{AlterUser, CreateUser, ExecuteAs};
use crate::Position;
use crate::model::{KalamDataType, Secret, TableKind};

/// One statement of a text, with the parameters it takes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parsed {
    /// The statement.
    pub statement: Statement,
    /// Its parameters, which the statement holds as `$1`, `$2`, ...
    pub placeholders: Placeholders,
}

/// One statement. Names in it are folded.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Statement {
    CreateNamespace { if_not_exists: bool, name: String, description: Option<String> },
    DropNamespace { if_exists: bool, name: String, cascade: bool },
    AlterNamespace { name: String, description: Option<String> },
    UseNamespace(String),
    ShowNamespaces,
    ShowTables { namespace: Option<String> },
    Describe { table: TableRef },
    DescribeHistory { table: TableRef },
    DescribeVersion { table: TableRef, version: u64 },
    CreateTable(CreateTable),
    AlterTable(AlterTable),
    Comment(Comment),
    CreateTableAs(CreateTableAs),
    DropTable { if_exists: bool, names: Vec<TableRef>, cascade: bool },
    Truncate { tables: Vec<TableRef> },
    CreateView(CreateView),
    DropView { if_exists: bool, names: Vec<TableRef>, cascade: bool },
    RegisterTable(RegisterTable),
    UnregisterTable { if_exists: bool, table: TableRef, cascade: bool },
    Insert(Box<Insert>),
    Update(Box<Update>),
    Delete(Box<Delete>),
    Merge(Box<Merge>),
    CopyFrom(Box<CopyFrom>),
    CopyTo(Box<CopyTo>),
    Query(ParsedQuery),
    Explain(Explain),
    Prepare(Prepare),
    Execute(Execute),
    Deallocate { name: Option<String> },
    FlushTable { table: TableRef },
    FlushAll { namespace: Option<String> },
    CompactTable { table: TableRef },
    CompactAll { namespace: Option<String> },
    Vacuum { table: Option<TableRef> },
    Analyze { table: Option<TableRef> },
    BackupDatabase { folder: Given<String> },
    RestoreDatabase { folder: Given<String>, directory: Given<String> },
    VerifyBackup { folder: Given<String> },
    CreateStorage(CreateStorage),
    AlterStorage(AlterStorage),
    DropStorage { if_exists: bool, name: String },
    ShowStorages,
    CheckStorage { name: String, extended: bool },
    ShowManifest { table: TableRef },
    ShowStats { table: TableRef },
    ShowCreateTable { table: TableRef },
    CreateUser(CreateUser),
    AlterUser(AlterUser),
    DropUser { if_exists: bool, user: Given<String>, purge: bool },
    ExportUser { user: Given<String>, folder: Given<String> },
    ExecuteAs(ExecuteAs),
    ShowCreateView { view: TableRef },
    ShowJobs,
    KillJob { id: Given<String> },
    Set(SetSetting),
    ShowSetting(ShowSetting),
    Transaction(TransactionStatement),
}

impl Statement {
    /// The statement's words, as messages and the audit give them.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Statement::CreateNamespace { .. } => "CREATE NAMESPACE",
            Statement::DropNamespace { .. } => "DROP NAMESPACE",
            Statement::AlterNamespace { .. } => "ALTER NAMESPACE",
            Statement::UseNamespace(_) => "USE",
            Statement::ShowNamespaces => "SHOW NAMESPACES",
            Statement::ShowTables { .. } => "SHOW TABLES",
            Statement::Describe { .. } => "DESCRIBE",
            Statement::DescribeHistory { .. } => "DESCRIBE HISTORY",
            Statement::DescribeVersion { .. } => "DESCRIBE AS OF SCHEMA VERSION",
            Statement::CreateTable(_) => "CREATE TABLE",
            Statement::AlterTable(_) => "ALTER TABLE",
            Statement::Comment(_) => "COMMENT",
            Statement::CreateTableAs(_) => "CREATE TABLE AS",
            Statement::DropTable { .. } => "DROP TABLE",
            Statement::Truncate { .. } => "TRUNCATE",
            Statement::CreateView(_) => "CREATE VIEW",
            Statement::DropView { .. } => "DROP VIEW",
            Statement::RegisterTable(_) => "REGISTER TABLE",
            Statement::UnregisterTable { .. } => "UNREGISTER TABLE",
            Statement::Insert(_) => "INSERT",
            Statement::Update(_) => "UPDATE",
            Statement::Delete(_) => "DELETE",
            Statement::Merge(_) => "MERGE",
            Statement::CopyFrom(_) => "COPY FROM",
            Statement::CopyTo(_) => "COPY TO",
            Statement::Query(_) => "SELECT",
            Statement::Explain(_) => "EXPLAIN",
            Statement::Prepare(_) => "PREPARE",
            Statement::Execute(_) => "EXECUTE",
            Statement::Deallocate { .. } => "DEALLOCATE",
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
            Statement::CreateUser(_) => "CREATE USER",
            Statement::AlterUser(_) => "ALTER USER",
            Statement::DropUser { purge: true, .. } => "DROP USER PURGE",
            Statement::DropUser { .. } => "DROP USER",
            Statement::ExportUser { .. } => "EXPORT USER",
            Statement::ExecuteAs(_) => "EXECUTE AS USER",
            Statement::ShowCreateView { .. } => "SHOW CREATE VIEW",
            Statement::ShowJobs => "SHOW JOBS",
            Statement::KillJob { .. } => "KILL JOB",
            Statement::Set(set) if set.value.is_none() => "RESET",
            Statement::Set(_) => "SET",
            Statement::ShowSetting(_) => "SHOW",
            Statement::Transaction(statement) => statement.name(),
        }
    }

    /// Whether a password or another secret is written in it, so that nothing may keep its text.
    pub(crate) fn holds_secret(&self) -> bool {
        let is_written =
            |password: &Option<Given<Secret>>| matches!(password, Some(Given::Written(_)));
        match self {
            Statement::CreateUser(create) => is_written(&create.password),
            Statement::AlterUser(alter) => is_written(&alter.password),
            Statement::CreateStorage(create) => create.clauses.hold_secret(),
            Statement::AlterStorage(alter) => alter.clauses.hold_secret(),
            Statement::ExecuteAs(execute) => execute.statement.holds_secret(),
            _ => false,
        }
    }

    /// Whether the statement has RETURNING.
    pub(crate) fn returns_changed_rows(&self) -> bool {
        match self {
            Statement::Insert(insert) => !insert.returning.is_empty(),
            Statement::Update(update) => !update.returning.is_empty(),
            Statement::Delete(delete) => !delete.returning.is_empty(),
            Statement::Merge(merge) => !merge.returning.is_empty(),
            Statement::ExecuteAs(execute) => execute.statement.returns_changed_rows(),
            _ => false,
        }
    }

    /// What becomes of the statement in a transaction.
    pub(crate) fn within_transaction(&self) -> WithinTransaction {
        match self {
            Statement::UseNamespace(_)
            | Statement::ShowNamespaces
            | Statement::ShowTables { .. }
            | Statement::Describe { .. }
            | Statement::DescribeHistory { .. }
            | Statement::DescribeVersion { .. }
            | Statement::Query(_)
            | Statement::CopyTo(_)
            | Statement::Explain(_)
            | Statement::ShowStorages
            | Statement::ShowManifest { .. }
            | Statement::ShowStats { .. }
            | Statement::ShowCreateTable { .. }
            | Statement::ShowCreateView { .. }
            | Statement::ShowJobs
            | Statement::Set(_)
            | Statement::ShowSetting(_)
            | Statement::Prepare(_)
            // Decided by what it runs.
            | Statement::Execute(_)
            | Statement::Deallocate { .. }
            | Statement::Transaction(_) => WithinTransaction::Reads,
            Statement::Insert(_)
            | Statement::Update(_)
            | Statement::Delete(_)
            | Statement::Merge(_)
            | Statement::CopyFrom(_) => WithinTransaction::Writes,
            Statement::CreateNamespace { .. }
            | Statement::DropNamespace { .. }
            | Statement::AlterNamespace { .. }
            | Statement::CreateTable(_)
            | Statement::AlterTable(_)
            | Statement::Comment(_)
            | Statement::CreateTableAs(_)
            | Statement::DropTable { .. }
            | Statement::Truncate { .. }
            | Statement::CreateView(_)
            | Statement::DropView { .. }
            | Statement::RegisterTable(_)
            | Statement::UnregisterTable { .. }
            | Statement::FlushTable { .. }
            | Statement::FlushAll { .. }
            | Statement::CompactTable { .. }
            | Statement::CompactAll { .. }
            | Statement::Vacuum { .. }
            | Statement::Analyze { .. }
            | Statement::BackupDatabase { .. }
            | Statement::RestoreDatabase { .. }
            | Statement::VerifyBackup { .. }
            | Statement::KillJob { .. }
            | Statement::CreateStorage(_)
            | Statement::AlterStorage(_)
            | Statement::DropStorage { .. }
            | Statement::CheckStorage { .. }
            | Statement::CreateUser(_)
            | Statement::AlterUser(_)
            | Statement::DropUser { .. }
            | Statement::ExportUser { .. } => WithinTransaction::Refused,
            Statement::ExecuteAs(execute) => execute.statement.within_transaction(),
        }
    }
}

/// What becomes of a statement in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithinTransaction {
    /// It reads the transaction's view.
    Reads,
    /// Its rows are part of the transaction's commit; READ ONLY refuses it.
    Writes,
    /// It commits by itself and cannot be rolled back, so it is refused.
    Refused,
}

/// A statement that opens, ends or divides a transaction. Names are folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TransactionStatement {
    Begin(TransactionMode),
    Commit,
    Rollback,
    Savepoint(String),
    RollbackTo(String),
    Release(String),
}

impl TransactionStatement {
    /// The statement's words.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            TransactionStatement::Begin(_) => "BEGIN",
            TransactionStatement::Commit => "COMMIT",
            TransactionStatement::Rollback => "ROLLBACK",
            TransactionStatement::Savepoint(_) => "SAVEPOINT",
            TransactionStatement::RollbackTo(_) => "ROLLBACK TO SAVEPOINT",
            TransactionStatement::Release(_) => "RELEASE SAVEPOINT",
        }
    }
}

/// `SET name = value`, `SET name TO DEFAULT`, `RESET`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SetSetting {
    /// The setting, folded; `None`: all.
    pub name: Option<String>,
    /// Its value; `None`: the database's.
    pub value: Option<String>,
    /// Where the statement names it.
    pub position: Position,
}

/// `SHOW name`, `SHOW ALL`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShowSetting {
    /// The setting, folded; `None`: all.
    pub name: Option<String>,
    /// Where the statement names it.
    pub position: Position,
}

/// A table as a statement names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableRef {
    /// The namespace; `None`: the session's.
    pub namespace: Option<String>,
    /// The table.
    pub table: String,
    /// Where the statement names it.
    pub position: Position,
}

/// `CREATE [USER|SHARED|STREAM] TABLE`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CreateTable {
    /// The word before TABLE, if any.
    pub kind: Option<TableKind>,
    /// Whether an existing table is no error.
    pub if_not_exists: bool,
    /// The table.
    pub table: TableRef,
    /// The columns, in their order.
    pub columns: Vec<ColumnSpec>,
    /// Each `PRIMARY KEY (..)` clause.
    pub primary_keys: Vec<PrimaryKeyClause>,
    /// Each `CHECK (..)` that stands by itself.
    pub checks: Vec<CheckClause>,
    /// Each `UNIQUE (..)`.
    pub uniques: Vec<UniqueClause>,
    /// `WITH (..)`.
    pub options: Vec<TableOption>,
    /// `COMMENT '..'` after the columns.
    pub comment: Option<String>,
}

/// `CREATE [USER|SHARED|STREAM] TABLE .. AS`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CreateTableAs {
    /// The table, without columns.
    pub create: CreateTable,
    /// The names of the first columns, if they are given.
    pub names: Vec<(String, Position)>,
    /// Where the columns and the rows come from.
    pub query: Box<Query>,
    /// Whether the rows are wanted too.
    pub with_data: bool,
}

/// `CREATE VIEW`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CreateView {
    /// Whether an existing view is replaced.
    pub or_replace: bool,
    /// Whether an existing view is no error.
    pub if_not_exists: bool,
    /// The view.
    pub view: TableRef,
    /// The names of the first columns, if they are given.
    pub names: Vec<(String, Position)>,
    /// What it shows.
    pub query: Box<Query>,
}

/// `REGISTER TABLE n FROM 'path'`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RegisterTable {
    /// Whether an existing table is no error.
    pub if_not_exists: bool,
    /// The table.
    pub table: TableRef,
    /// A Parquet file, or a folder of them.
    pub path: Given<String>,
}

/// One column of CREATE TABLE.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ColumnSpec {
    /// The name, folded.
    pub name: String,
    /// Where the name stands.
    pub position: Position,
    /// The type as it is written.
    pub data_type: DataType,
    /// Where the type stands.
    pub type_position: Position,
    /// NOT NULL: `Some(true)`, NULL: `Some(false)`, neither: `None`.
    pub not_null: Option<bool>,
    /// DEFAULT, and where its expression stands.
    pub default: Option<(Expr, Position)>,
    /// PRIMARY KEY beside the column.
    pub primary_key: bool,
    /// Each CHECK beside the column.
    pub checks: Vec<CheckClause>,
    /// Each UNIQUE beside the column.
    pub uniques: Vec<UniqueClause>,
    /// AUTO_INCREMENT or GENERATED AS IDENTITY.
    pub identity: bool,
    /// COMMENT.
    pub comment: Option<String>,
}

/// `PRIMARY KEY (a, b)`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PrimaryKeyClause {
    /// The columns, in key order.
    pub columns: Vec<(String, Position)>,
    /// Where the clause starts.
    pub position: Position,
}

/// `ALTER TABLE`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AlterTable {
    /// Whether a missing table is no error.
    pub if_exists: bool,
    /// The table.
    pub table: TableRef,
    /// What it does, in the order of the text. A renaming stands alone.
    pub actions: Vec<AlterAction>,
}

/// One action of ALTER TABLE.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum AlterAction {
    /// `ADD COLUMN`.
    AddColumn { if_not_exists: bool, column: Box<ColumnSpec> },
    /// `DROP COLUMN`.
    DropColumn { if_exists: bool, column: ColumnName, cascade: bool },
    /// `ADD [CONSTRAINT c] CHECK ..`.
    AddCheck(Box<CheckClause>),
    /// `ADD [CONSTRAINT c] UNIQUE ..`.
    AddUnique(UniqueClause),
    /// `RENAME CONSTRAINT a TO b`.
    RenameConstraint { from: ColumnName, to: ColumnName },
    /// `DROP CONSTRAINT`.
    DropConstraint { if_exists: bool, name: ColumnName },
    /// `RENAME COLUMN a TO b`.
    RenameColumn { from: ColumnName, to: ColumnName },
    /// `ALTER COLUMN c ..`.
    AlterColumn { column: ColumnName, change: ColumnChange },
    /// `SET (option = value, ..)`.
    SetOptions(Vec<TableOption>),
    /// `RENAME TO n`.
    RenameTo(ColumnName),
    /// `COMMENT '..'`.
    Comment(Option<String>),
}

/// A name as a statement has it: folded, with its place.
pub(crate) type ColumnName = (String, Position);

/// What ALTER COLUMN changes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ColumnChange {
    /// `TYPE t`, and where the type stands.
    Type(DataType, Position),
    /// `SET DEFAULT e`, and where the expression stands.
    SetDefault(Box<Expr>, Position),
    /// `DROP DEFAULT`.
    DropDefault,
    /// `SET NOT NULL`.
    SetNotNull,
    /// `DROP NOT NULL`.
    DropNotNull,
    /// `COMMENT '..'`.
    Comment(Option<String>),
}

/// `COMMENT ON .. IS ..`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Comment {
    /// What it is about.
    pub object: CommentObject,
    /// The text; `None` removes it.
    pub comment: Option<String>,
}

/// What a comment is about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum CommentObject {
    Namespace(String),
    Table(TableRef),
    Column(TableRef, ColumnName),
}

/// `[CONSTRAINT name] CHECK (condition)`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CheckClause {
    /// The name, folded, and where it stands.
    pub name: Option<(String, Position)>,
    /// The condition.
    pub expr: Expr,
    /// Where the condition starts.
    pub position: Position,
}

/// `[CONSTRAINT name] UNIQUE (a, b)`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct UniqueClause {
    /// The name, folded, and where it stands.
    pub name: Option<(String, Position)>,
    /// The columns.
    pub columns: Vec<(String, Position)>,
    /// Where the clause starts.
    pub position: Position,
}

/// `name = value` of `WITH (..)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableOption {
    /// The name, in upper case.
    pub name: String,
    /// The value: a text's content, a number, or a word.
    pub value: String,
    /// Where the name stands.
    pub position: Position,
}

/// `EXPLAIN`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Explain {
    /// Whether the query runs.
    pub analyze: bool,
    /// Whether every plan is shown.
    pub verbose: bool,
    /// What is explained: a query, or a write, whose own reading is.
    pub statement: Box<Statement>,
}

/// `PREPARE`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Prepare {
    /// The name, folded.
    pub name: String,
    /// The types of the first parameters.
    pub types: Vec<KalamDataType>,
    /// What EXECUTE runs, with its own parameters.
    pub statement: Arc<Parsed>,
}

/// `EXECUTE`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Execute {
    /// The name, folded.
    pub name: String,
    /// The values of its parameters.
    pub values: Vec<Expr>,
}
