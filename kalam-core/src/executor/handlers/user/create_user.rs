//! `CREATE USER`.

use datafusion::common::ScalarValue;

use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::retry::retrying;
use crate::executor::user_statement::CreateUser;
use crate::security::{Account, Logins, PasswordHash};
use crate::store::WriteSet;
use crate::{Error, Result, SqlState};

/// Gives a user an account. Rows that the user id owns already are the user's.
///
/// # Errors
/// `42710` if there is one, `22023` for an invalid user id or password.
pub(crate) fn run(
    engine: &Engine,
    caller: &Caller,
    create: &CreateUser,
    params: &[ScalarValue],
) -> Result<QueryResult> {
    let user = create.user.user(params)?;
    let exists = || {
        Error::new(SqlState::DUPLICATE_OBJECT, format!("user \"{user}\" exists already"))
            .with_hint("use IF NOT EXISTS, or ALTER USER")
    };
    if engine.accounts.get(&user).is_some() {
        return if create.if_not_exists { Ok(QueryResult::empty()) } else { Err(exists()) };
    }
    let password = match &create.password {
        Some(password) => Some(PasswordHash::of(&password.secret(params)?)?),
        None => None,
    };
    retrying(|| {
        let before = engine.accounts.newest(&user);
        if before.as_ref().is_some_and(|account| !account.is_dropped()) {
            return if create.if_not_exists { Ok(()) } else { Err(exists()) };
        }
        let now_ms = engine.clock.now_ms();
        let account = Account {
            role: create.role,
            password: password.clone(),
            created_at_ms: now_ms,
            changed_at_ms: now_ms,
            dropped_at_ms: None,
            born: 0,
            revision: 0,
        };
        let mut set = WriteSet::default();
        engine.accounts.put(&mut set, &user, before.as_deref(), account);
        Logins::forget_failures(&mut set, &user);
        let record = caller
            .did("CREATE USER", Some(user.to_string()))
            .with_detail(format!("role {}", create.role));
        engine.audit.add(&mut set, record);
        engine.store.commit(set)?;
        Ok(())
    })?;
    Ok(QueryResult::empty())
}
