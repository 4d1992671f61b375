//! One table in the place of another.

use super::create_table::new_name;
use super::drop_table::{find, stage_drop};
use crate::executor::alter_table::alter_table;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::functions::DefaultContext;
use crate::executor::gateway::authorize;
use crate::executor::resolve::resolve_definition;
use crate::executor::retry::retrying;
use crate::executor::statement::{AlterAction, Statement};
use crate::executor::table_name::parse_table_name;
use crate::executor::work::Work;
use crate::{Error, Result, SqlState};

/// Gives the table `by` the name of another one of its namespace, which is dropped with
/// the rows of all users if it is there: one commit, so that no statement finds neither or
/// both.
///
/// # Errors
/// As DROP TABLE and ALTER TABLE .. RENAME TO: `42P01` for `by`, `42809` if the name is a
/// view's, `2BP01` if a view uses what is dropped, `42501`; `0A000` for another namespace
/// and in a transaction.
pub(crate) fn run(
    engine: &Engine,
    caller: &Caller,
    work: &Work,
    table: &str,
    by: &str,
) -> Result<()> {
    let (name, by) = (parse_table_name(table)?, parse_table_name(by)?);
    let drop = Statement::DropTable { if_exists: true, names: vec![name.clone()], cascade: false };
    authorize(&drop, caller.role)?;
    work.admit(&drop)?;
    let rename = [AlterAction::RenameTo((name.table.clone(), name.position))];
    retrying(|| {
        let from = resolve_definition(engine, caller, &by)?;
        let target = new_name(engine, caller, &name)?;
        if target.namespace != from.definition.name.namespace {
            return Err(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("table \"{}\" cannot move to another namespace", from.definition.name),
            ));
        }
        let replaced =
            find(caller, &name, true, |namespace| engine.registry.table(namespace, &name.table))?;
        let context = DefaultContext {
            now_us: engine.clock.now_us(),
            user: caller.user.as_str(),
            role: caller.role.as_str(),
            ids: &engine.ids,
        };
        let Some(altered) = alter_table(&from.definition, &rename, &context)? else {
            return Ok(());
        };
        let dropped = replaced.into_iter().collect();
        let (mut set, gone) = stage_drop(engine, caller, false, (dropped, Vec::new()))?;
        engine.registry.take_name(&mut set, &from, altered.definition, gone)?;
        let before = from.definition.name.to_string();
        engine.audit.add(&mut set, caller.did("ALTER TABLE", Some(before)));
        engine.store.commit(set)?;
        Ok(())
    })?;
    engine.tier.collect_garbage(&engine.store)
}
