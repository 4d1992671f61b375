//! `DROP USER`.

use datafusion::common::ScalarValue;

use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::given::Given;
use crate::executor::retry::retrying;
use crate::model::UserId;
use crate::security::{Account, Logins};
use crate::store::WriteSet;
use crate::{Error, Result, SqlState};

/// Takes a user's account away: they cannot log in, and sessions that they logged in
/// with are over. Their rows stay, and belong to whoever is given the user id again.
///
/// # Errors
/// `42704` if there is no such user.
pub(crate) fn run(
    engine: &Engine,
    caller: &Caller,
    user: &Given<String>,
    if_exists: bool,
    params: &[ScalarValue],
) -> Result<QueryResult> {
    let user = user.user(params)?;
    retrying(|| {
        let Some(before) = engine.accounts.get(&user) else {
            return if if_exists { Ok(()) } else { Err(undefined_user(&user)) };
        };
        let now_ms = engine.clock.now_ms();
        let account = Account {
            password: None,
            changed_at_ms: now_ms,
            dropped_at_ms: Some(now_ms),
            ..Account::clone(&before)
        };
        let mut set = WriteSet::default();
        engine.accounts.put(&mut set, &user, Some(&before), account);
        Logins::forget_failures(&mut set, &user);
        if engine.registry.user_storage(&user).is_some() {
            engine.registry.set_user_storage(&mut set, &user, None);
        }
        engine.audit.add(&mut set, caller.did("DROP USER", Some(user.to_string())));
        engine.store.commit(set)?;
        Ok(())
    })?;
    Ok(QueryResult::empty())
}

/// The error for a user without an account.
pub(super) fn undefined_user(user: &UserId) -> Error {
    Error::new(SqlState::UNDEFINED_OBJECT, format!("user \"{user}\" does not exist"))
        .with_hint("create them with CREATE USER")
}
