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
    pub(crate) fn new(path: &str) -> HostKey {
        if Path::new(path).is_absolute() {
            return HostKey { path: Some(path.into()) };
        }
        let folder = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty());
        let config = folder("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| folder("HOME").map(|home| PathBuf::from(home).join(".config")));
        HostKey { path: config.map(|config| config.join("kalamdb").join(path)) }
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
