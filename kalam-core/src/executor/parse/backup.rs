//! BACKUP DATABASE, RESTORE DATABASE, VERIFY BACKUP.

use super::input::{Input, Parse};
use super::user::given_text;
use crate::executor::statement::Statement;
use crate::{Error, SqlState};

/// `BACKUP DATABASE TO folder`.
pub(super) fn backup(input: &mut Input<'_>) -> Parse<Statement> {
    input.take_words(&["BACKUP", "DATABASE"]);
    input.expect_word("TO")?;
    Ok(Statement::BackupDatabase { folder: given_text(input)? })
}

/// `RESTORE DATABASE FROM folder TO directory`.
pub(super) fn restore(input: &mut Input<'_>) -> Parse<Statement> {
    let place = input.position();
    input.take_words(&["RESTORE", "DATABASE"]);
    input.expect_word("FROM")?;
    let folder = given_text(input)?;
    if input.is_at_end() {
        let error = Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "RESTORE DATABASE into the open database is not supported",
        );
        let hint = "write RESTORE DATABASE FROM '..' TO '..' with a new directory, and open that";
        return Err(error.with_hint(hint).with_position(place).into());
    }
    input.expect_word("TO")?;
    Ok(Statement::RestoreDatabase { folder, directory: given_text(input)? })
}

/// `VERIFY BACKUP folder`.
pub(super) fn verify(input: &mut Input<'_>) -> Parse<Statement> {
    input.take_words(&["VERIFY", "BACKUP"]);
    Ok(Statement::VerifyBackup { folder: given_text(input)? })
}
