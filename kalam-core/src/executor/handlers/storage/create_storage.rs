//! `CREATE STORAGE`.

use std::collections::BTreeMap;

use crate::catalog::{
    Credential, PathTemplate, SHARED_TABLES_TEMPLATE, StorageDefinition, StorageKind,
    USER_TABLES_TEMPLATE,
};
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::storage_statement::{CreateStorage, GivenCredential, StorageClauses};
use crate::flush::check_storage_options;
use crate::model::Name;
use crate::{Error, Result, SqlState};

/// Adds a storage. Nothing of it is asked for yet: STORAGE CHECK does that.
///
/// # Errors
/// `22023` for what a storage cannot be, `42710` if it is there already.
pub(crate) fn run(engine: &Engine, caller: &Caller, create: &CreateStorage) -> Result<QueryResult> {
    let name = Name::new("storage", &create.name)?;
    if engine.registry.storage(&name).is_ok() {
        if create.if_not_exists {
            return Ok(QueryResult::empty());
        }
        return Err(Error::new(
            SqlState::DUPLICATE_OBJECT,
            format!("storage \"{name}\" exists already"),
        )
        .with_hint("use IF NOT EXISTS, or another name"));
    }
    let template = |text: &str| PathTemplate::parse(text);
    let mut storage = StorageDefinition {
        kind: kind(&create.kind, &create.place)?,
        shared_tables_template: template(SHARED_TABLES_TEMPLATE)?,
        user_tables_template: template(USER_TABLES_TEMPLATE)?,
        credentials: BTreeMap::new(),
        config: BTreeMap::new(),
        revision: 0,
        created_at_ms: engine.clock.now_ms(),
        name,
    };
    if let StorageKind::Filesystem { path } = &storage.kind {
        let folder = engine.tier.folder(path);
        for other in engine.registry.storages() {
            let StorageKind::Filesystem { path } = &other.kind else { continue };
            let theirs = engine.tier.folder(path);
            if folder.starts_with(&theirs) || theirs.starts_with(&folder) {
                let message = format!("storage \"{}\" is at this place already", other.name);
                return Err(invalid(message).with_hint("each storage needs a folder of its own"));
            }
        }
    }
    apply(engine, &mut storage, &create.clauses)?;
    let detail = storage.kind.as_str();
    let mut set = engine.registry.put_storage(storage, None);
    let record = caller.did("CREATE STORAGE", Some(create.name.clone())).with_detail(detail);
    engine.audit.add(&mut set, record);
    engine.store.commit(set)?;
    Ok(QueryResult::empty())
}

/// Makes a definition say what the clauses do.
///
/// # Errors
/// `22023`, and `58030` if the key of the host cannot be read or made.
pub(super) fn apply(
    engine: &Engine,
    storage: &mut StorageDefinition,
    clauses: &StorageClauses,
) -> Result<()> {
    if let Some(text) = &clauses.shared {
        storage.shared_tables_template = PathTemplate::of_shared_tables(text)?;
    }
    if let Some(text) = &clauses.user {
        storage.user_tables_template = PathTemplate::of_user_tables(text)?;
    }
    if let Some(config) = &clauses.config {
        storage.config = config.iter().cloned().collect();
    }
    if let Some(credentials) = &clauses.credentials {
        storage.credentials.clear();
        for (key, given) in credentials {
            let credential = match given {
                GivenCredential::Env(name) => Credential::Env(name.clone()),
                GivenCredential::File(path) => Credential::File(path.clone()),
                GivenCredential::Written(secret) => {
                    let about = format!("{}/{key}", storage.name);
                    Credential::Sealed(engine.tier.host_key.seal(&about, secret)?)
                }
            };
            storage.credentials.insert(key.clone(), credential);
        }
    }
    check_storage_options(storage)
}

fn kind(word: &str, place: &str) -> Result<StorageKind> {
    let bucket = |scheme: &str| -> Result<String> {
        let bucket = place.strip_prefix(scheme).unwrap_or(place).trim_end_matches('/');
        let parts: Vec<&str> = bucket.split('/').collect();
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.=".contains(c);
        let is_name = |part: &&str| {
            !part.is_empty() && *part != "." && *part != ".." && part.chars().all(allowed)
        };
        if parts.iter().all(is_name) {
            return Ok(bucket.to_owned());
        }
        Err(invalid(format!("bucket \"{place}\" is not a name, or a name and a prefix"))
            .with_hint("write 'bucket' or 'bucket/prefix' in ASCII letters, digits, '-', '_', '.'"))
    };
    match word {
        "filesystem" => Ok(StorageKind::Filesystem { path: folder(place)? }),
        "s3" => Ok(StorageKind::S3 { bucket: bucket("s3://")? }),
        "gcs" => Ok(StorageKind::Gcs { bucket: bucket("gs://")? }),
        "azure" => Ok(StorageKind::Azure { bucket: bucket("az://")? }),
        other => Err(invalid(format!("storage type \"{other}\" is unknown"))
            .with_hint("types are filesystem, s3, gcs and azure")),
    }
}

/// A folder; one in the database directory must not be of the database's own.
fn folder(path: &str) -> Result<String> {
    const OWN: [&str; 8] =
        ["hot", "hot.synced", "temp", "cache", "KALAM", "KALAM.new", "LOCK", "RESTORING"];
    let path = path.trim_end_matches('/');
    if path.is_empty() || path.contains('\0') {
        return Err(invalid("the path of a storage names no folder".to_owned()));
    }
    let parts: Vec<&str> = path.split('/').collect();
    if parts.contains(&"..") || parts.contains(&".") {
        return Err(invalid(format!("path \"{path}\" of a storage has a '.' or '..' part")));
    }
    if !path.starts_with('/') && OWN.contains(&parts[0]) {
        return Err(invalid(format!("folder \"{path}\" is the database's own")));
    }
    Ok(path.to_owned())
}

fn invalid(message: String) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
}
