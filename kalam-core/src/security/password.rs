//! Passwords as argon2id hashes.

use std::fmt;

use argon2::password_hash::{PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};

use crate::env::salt;
use crate::model::Secret;
use crate::store::damaged;
use crate::{Error, Result, SqlState};

/// Memory, passes and lanes of a new hash.
///
/// Source: OWASP Password Storage Cheat Sheet, "Argon2id".
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);

/// Shortest password, in characters.
const CHARS_MIN: usize = 8;

/// Longest password, in bytes. All of them count.
const BYTES_MAX: usize = 1024;

/// A hash of the same cost that no password has.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA\
    $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The argon2id hash of a password, as a PHC string: it names its own cost and salt.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct PasswordHash(String);

impl PasswordHash {
    /// Hashes a password with a salt of its own. Takes tens of milliseconds and 19 MiB.
    ///
    /// # Errors
    /// `22023` for a password that is too short or too long.
    pub(crate) fn of(password: &Secret) -> Result<PasswordHash> {
        let text = password.reveal();
        if text.chars().count() < CHARS_MIN || text.len() > BYTES_MAX {
            return Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                "password is too short or too long",
            )
            .with_hint(format!("use {CHARS_MIN} characters to {BYTES_MAX} bytes")));
        }
        let (memory, passes, lanes) = COST;
        let hasher = Params::new(memory, passes, lanes, None)
            .map(|cost| Argon2::new(Algorithm::Argon2id, Version::V0x13, cost))
            .map_err(|_| unusable())?;
        let salt = SaltString::encode_b64(&salt()?).map_err(|_| unusable())?;
        let hash = hasher.hash_password(text.as_bytes(), &salt).map_err(|_| unusable())?;
        Ok(PasswordHash(hash.to_string()))
    }

    /// Whether this is the hash of the password; of no hash, `false` after the same time.
    ///
    /// # Errors
    /// `XX001` if the hash does not decode.
    pub(crate) fn matches(hash: Option<&PasswordHash>, password: &Secret) -> Result<bool> {
        let known = argon2::PasswordHash::new(hash.map_or(NOBODY, |hash| &hash.0))
            .map_err(|_| damaged("the hash of a password"))?;
        let given = password.reveal();
        // Nobody has a longer one, and hashing it would take as long as it is.
        let given = if given.len() > BYTES_MAX { "" } else { given };
        let same = Argon2::default().verify_password(given.as_bytes(), &known).is_ok();
        Ok(same && hash.is_some())
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

fn unusable() -> Error {
    Error::new(SqlState::INTERNAL_ERROR, "a password cannot be hashed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_matches_its_hash() {
        let hash = PasswordHash::of(&Secret::new("correct horse")).expect("long enough");
        assert!(hash.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let other = PasswordHash::of(&Secret::new("correct horse")).expect("long enough");
        assert_ne!(hash, other, "each hash has a salt of its own");
        let matches = |text: &str| {
            PasswordHash::matches(Some(&hash), &Secret::new(text)).expect("the hash decodes")
        };
        assert!(matches("correct horse"));
        assert!(!matches("correct horsf") && !matches(""));
        let nobody = PasswordHash::matches(None, &Secret::new("correct horse"));
        assert!(!nobody.expect("the hash of nobody decodes"));
    }

    #[test]
    fn lengths_are_limited_and_nothing_shows_the_text() {
        for bad in ["", "1234567", &"x".repeat(1025)] {
            let error = PasswordHash::of(&Secret::new(bad)).expect_err("refused");
            assert_eq!(error.sqlstate().as_str(), "22023");
            assert!(bad.is_empty() || !format!("{error:?}").contains(bad));
        }
        let hash = PasswordHash("secret".to_owned());
        assert_eq!(format!("{hash:?} {:?}", Secret::new("secret")), "*** ***");
        let damaged = PasswordHash::matches(Some(&hash), &Secret::new("secret"));
        assert_eq!(damaged.expect_err("no hash").sqlstate().as_str(), "XX001");
    }
}
