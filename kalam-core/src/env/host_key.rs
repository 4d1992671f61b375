//! The key of this host, with which secrets of storages are encrypted.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::salt;
use crate::error::io_error;
use crate::model::Secret;
use crate::{Error, Result, SqlState};

/// First byte of what is sealed.
const FORMAT: u8 = 1;
const KEY_BYTES: usize = 32;

/// A key in a file outside of the database: whoever copies the database directory copies
/// no secret with it. The file is made when the first secret is sealed.
pub(crate) struct HostKey {
    path: Option<PathBuf>,
}

impl HostKey {
    /// The key in this file; a relative path starts in `kalamdb` in the user's folder of
    /// configurations.
    ///
    /// # Errors
    /// `22023` if the file lies in the directory of the database: a copy of the directory
    /// would have the secrets and their key.
    pub(crate) fn new(path: &str, database: Option<&Path>) -> Result<HostKey> {
        let path = if Path::new(path).is_absolute() {
            Some(PathBuf::from(path))
        } else {
            configurations().map(|folder| folder.join("kalamdb").join(path))
        };
        if let (Some(path), Some(database)) = (&path, database)
            && resolved(path).starts_with(resolved(database))
        {
            return Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("host_key_file \"{}\" lies in the database directory", path.display()),
            )
            .with_hint(
                "name a file outside of it: whoever copies the database must not get the key",
            ));
        }
        Ok(HostKey { path })
    }

    /// Encrypts a secret; `about` must be the same when it is opened.
    ///
    /// # Errors
    /// `58030` if the key can neither be read nor made.
    pub(crate) fn seal(&self, about: &str, secret: &Secret) -> Result<String> {
        let path = self.path()?;
        let key = match read_key(path)? {
            Some(key) => key,
            None => make_key(path)?,
        };
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&salt()?[..NONCE_LEN]);
        let mut bytes = secret.reveal().as_bytes().to_vec();
        cipher(&key)
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(about.as_bytes()),
                &mut bytes,
            )
            .map_err(|_| Error::new(SqlState::INVALID_PARAMETER_VALUE, "the secret is too long"))?;
        Ok(format!("{FORMAT:02x}{}{}", hex::encode(nonce), hex::encode(bytes)))
    }

    /// Decrypts what was sealed on this host.
    ///
    /// # Errors
    /// `58030` if the key is missing or another one.
    pub(crate) fn open(&self, about: &str, sealed: &str) -> Result<Secret> {
        let path = self.path()?;
        let other = || {
            Error::new(
                SqlState::IO_ERROR,
                format!("\"{about}\" was sealed with another key than \"{}\"", path.display()),
            )
            .with_hint("give the secret again with ALTER STORAGE .. SET CREDENTIALS (..)")
        };
        let key = read_key(path)?.ok_or_else(other)?;
        let bytes = hex::decode(sealed).map_err(|_| other())?;
        let (format, rest) = bytes.split_first().ok_or_else(other)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN).ok_or_else(other)?;
        if *format != FORMAT {
            return Err(other());
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| other())?;
        let mut sealed = sealed.to_vec();
        let text = cipher(&key)
            .open_in_place(nonce, Aad::from(about.as_bytes()), &mut sealed)
            .map_err(|_| other())?;
        let text = std::str::from_utf8(text).map_err(|_| other())?;
        Ok(Secret::new(text))
    }

    fn path(&self) -> Result<&Path> {
        self.path.as_deref().ok_or_else(|| {
            Error::new(SqlState::IO_ERROR, "there is no folder for the key of this host")
                .with_hint("name a file with the option host_key_file, or HOME")
        })
    }
}

/// The user's folder of configurations.
///
/// Source: the XDG Base Directory Specification.
fn configurations() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")))
}

/// The path without links and `..`, as far as it is there already.
fn resolved(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    for known in path.ancestors() {
        let Ok(folder) = known.canonicalize() else { continue };
        return folder.join(path.strip_prefix(known).unwrap_or(Path::new("")));
    }
    path
}

fn cipher(key: &[u8; KEY_BYTES]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("the key has 32 bytes"))
}

fn read_key(path: &Path) -> Result<Option<[u8; KEY_BYTES]>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(io_error("read the key", path, e)),
    };
    let mode = fs::metadata(path).map_err(|e| io_error("read the key", path, e))?.permissions();
    if mode.mode() & 0o077 != 0 {
        return Err(Error::new(
            SqlState::IO_ERROR,
            format!("the key \"{}\" can be read by others", path.display()),
        )
        .with_hint("its permissions have to be 0600"));
    }
    let mut key = [0; KEY_BYTES];
    hex::decode_to_slice(text.trim(), &mut key).map_err(|_| {
        let message = format!("\"{}\" holds no key", path.display());
        Error::new(SqlState::IO_ERROR, message).with_hint("it has to be 64 hexadecimal digits")
    })?;
    Ok(Some(key))
}

/// Makes a key, or reads the one that another process made meanwhile.
fn make_key(path: &Path) -> Result<[u8; KEY_BYTES]> {
    let failed = |e| io_error("make the key", path, e);
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    }
    let mut key = [0; KEY_BYTES];
    key[..KEY_BYTES / 2].copy_from_slice(&salt()?);
    key[KEY_BYTES / 2..].copy_from_slice(&salt()?);
    // Whole before it has its name: nobody reads half a key.
    let new = path.with_extension(format!(
        "{:016x}",
        u64::from_le_bytes(salt()?[..8].try_into().expect("8 of 16 bytes"))
    ));
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        writeln!(file, "{}", hex::encode(key))?;
        file.sync_all()
    };
    let linked = write().and_then(|()| fs::hard_link(&new, path));
    _ = fs::remove_file(&new);
    match linked {
        Ok(()) => Ok(key),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            read_key(path)?.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
        }
        Err(e) => Err(failed(e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_within_the_database_is_refused_under_any_name() {
        let dir = tempfile::TempDir::new().expect("a temporary folder can be made");
        let database = dir.path().join("database");
        let link = dir.path().join("link");
        fs::create_dir(&database).expect("a folder can be made");
        std::os::unix::fs::symlink(&database, &link).expect("a link can be made");
        let refused = |path: &Path| {
            let path = path.to_str().expect("a path of ours is text");
            HostKey::new(path, Some(&database)).err().map(|e| e.sqlstate())
        };
        let state = Some(SqlState::INVALID_PARAMETER_VALUE);
        assert_eq!(refused(&database.join("host.key")), state);
        assert_eq!(refused(&database.join("not/there/host.key")), state);
        assert_eq!(refused(&link.join("host.key")), state);
        assert_eq!(refused(&dir.path().join("database.key")), None);
        assert_eq!(refused(&database.join("host.key").join("../../../host.key")), state);
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_under_its_name_only() {
        let dir = tempfile::TempDir::new().expect("a temporary folder can be made");
        let key = |name: &str| {
            let path = dir.path().join(name);
            HostKey::new(path.to_str().expect("a path of ours is text"), None).expect("allowed")
        };
        let secret = Secret::new("zqx");
        let sealed = key("one").seal("far/secret", &secret).expect("a key can be made");
        assert!(!sealed.contains(&hex::encode("zqx")));
        assert_ne!(key("one").seal("far/secret", &secret).expect("the key is there"), sealed);
        let opened = key("one").open("far/secret", &sealed).expect("the key is there");
        assert_eq!(opened.reveal(), "zqx");
        key("two").seal("far/secret", &secret).expect("a key can be made");
        for (name, about, text) in [
            ("two", "far/secret", sealed.as_str()),
            ("three", "far/secret", sealed.as_str()),
            ("one", "near/secret", sealed.as_str()),
            ("one", "far/secret", &sealed[..40]),
            ("one", "far/secret", "zz"),
        ] {
            let refused = key(name).open(about, text).err().map(|e| e.sqlstate());
            assert_eq!(refused, Some(SqlState::IO_ERROR), "{name} {about}");
        }
    }
}
