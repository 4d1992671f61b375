//! Random bytes of the operating system.

use rand::TryRng;
use rand::rngs::SysRng;

use crate::{Error, Result, SqlState};

/// Random bytes of the operating system, for a password's hash.
///
/// # Errors
/// `58030` if it has none.
pub(crate) fn salt() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    SysRng.try_fill_bytes(&mut bytes).map_err(|e| {
        Error::new(SqlState::IO_ERROR, "the operating system gives no random bytes").with_source(e)
    })?;
    Ok(bytes)
}
