//! What the audit log is told of statements.

use datafusion::common::ScalarValue;

use super::caller::Caller;
use super::engine::Engine;
use super::statement::{CommentObject, Statement, TableRef};
use super::user_statement::ExecuteAs;
use crate::model::UserId;
use crate::security::Outcome;
use crate::{Error, Result, SqlState};

/// Records that a statement was refused, if that is what became of it.
pub(crate) fn note_refusal<T>(
    engine: &Engine,
    caller: &Caller,
    statement: &Statement,
    params: &[ScalarValue],
    outcome: Result<T>,
) -> Result<T> {
    if let Err(error) = &outcome
        && is_refusal(error)
    {
        let object = error.object().map(str::to_owned).or_else(|| object(caller, statement));
        let mut record = caller
            .did(statement.name(), object)
            .with_outcome(Outcome::Denied)
            .with_detail(error.message());
        if let Statement::ExecuteAs(execute) = statement {
            record.subject = subject_of(execute, params);
        }
        engine.audit.refuse(record);
    }
    outcome
}

/// As [`note_refusal`], of a call that is no statement.
pub(crate) fn note_refused_call<T>(
    engine: &Engine,
    caller: &Caller,
    action: &'static str,
    object: &str,
    outcome: Result<T>,
) -> Result<T> {
    if let Err(error) = &outcome
        && is_refusal(error)
    {
        let object = error.object().unwrap_or(object).to_owned();
        let record = caller
            .did(action, Some(object))
            .with_outcome(Outcome::Denied)
            .with_detail(error.message());
        engine.audit.refuse(record);
    }
    outcome
}

fn is_refusal(error: &Error) -> bool {
    error.sqlstate() == SqlState::INSUFFICIENT_PRIVILEGE
}

/// The user that EXECUTE AS USER names, as far as it is known.
pub(crate) fn subject_of(execute: &ExecuteAs, params: &[ScalarValue]) -> Option<UserId> {
    execute.user.user(params).ok()
}

/// The name of what a statement is about; `None` for one that has many, or none.
pub(crate) fn object(caller: &Caller, statement: &Statement) -> Option<String> {
    let table = |table: &TableRef| {
        let namespace = table.namespace.as_deref().unwrap_or(&caller.namespace);
        Some(format!("{namespace}.{}", table.table))
    };
    match statement {
        Statement::CreateNamespace { name, .. }
        | Statement::AlterNamespace { name, .. }
        | Statement::DropNamespace { name, .. }
        | Statement::UseNamespace(name) => Some(name.clone()),
        Statement::ShowTables { namespace }
        | Statement::FlushAll { namespace }
        | Statement::CompactAll { namespace } => namespace.clone(),
        Statement::BackupDatabase { folder }
        | Statement::RestoreDatabase { folder, .. }
        | Statement::VerifyBackup { folder } => folder.path(&[]).ok().map(str::to_owned),
        Statement::CreateTable(create) => table(&create.table),
        Statement::CreateTableAs(create) => table(&create.create.table),
        Statement::CreateView(create) => table(&create.view),
        Statement::RegisterTable(register) => table(&register.table),
        Statement::UnregisterTable { table: name, .. } => table(name),
        Statement::DropTable { names, .. }
        | Statement::DropView { names, .. }
        | Statement::Truncate { tables: names } => names.first().and_then(table),
        Statement::Insert(insert) => table(&insert.table),
        Statement::Update(update) => table(&update.table),
        Statement::Delete(delete) => table(&delete.table),
        Statement::Merge(merge) => table(&merge.table),
        Statement::CopyFrom(copy) => table(&copy.table),
        Statement::CopyTo(copy) => copy.table.as_ref().and_then(table),
        Statement::AlterTable(alter) => table(&alter.table),
        Statement::Comment(comment) => match &comment.object {
            CommentObject::Namespace(name) => Some(name.clone()),
            CommentObject::Table(name) | CommentObject::Column(name, _) => table(name),
        },
        Statement::Describe { table: name }
        | Statement::DescribeHistory { table: name }
        | Statement::DescribeVersion { table: name, .. }
        | Statement::FlushTable { table: name }
        | Statement::CompactTable { table: name }
        | Statement::ShowManifest { table: name }
        | Statement::ShowStats { table: name }
        | Statement::ShowCreateTable { table: name }
        | Statement::ShowCreateView { view: name } => table(name),
        Statement::Vacuum { table: name } | Statement::Analyze { table: name } => {
            name.as_ref().and_then(table)
        }
        Statement::CreateStorage(create) => Some(create.name.clone()),
        Statement::AlterStorage(alter) => Some(alter.name.clone()),
        Statement::DropStorage { name, .. } | Statement::CheckStorage { name, .. } => {
            Some(name.clone())
        }
        Statement::Prepare(prepare) => object(caller, &prepare.statement.statement),
        Statement::ExecuteAs(execute) => object(caller, &execute.statement),
        Statement::CreateUser(create) => create.user.user(&[]).ok().map(|user| user.to_string()),
        Statement::AlterUser(alter) => alter.user.user(&[]).ok().map(|user| user.to_string()),
        Statement::DropUser { user, .. } | Statement::ExportUser { user, .. } => {
            user.user(&[]).ok().map(|user| user.to_string())
        }
        Statement::Set(set) => set.name.clone(),
        Statement::KillJob { id } => id.job(&[]).ok().map(|id| id.to_string()),
        Statement::ShowSetting(_)
        | Statement::ShowJobs
        | Statement::ShowNamespaces
        | Statement::ShowStorages
        | Statement::Query(_)
        | Statement::Explain(_)
        | Statement::Execute(_)
        | Statement::Deallocate { .. }
        | Statement::Transaction(_) => None,
    }
}
