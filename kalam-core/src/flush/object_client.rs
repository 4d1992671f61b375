//! From a storage's definition to a client of its object store.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::Path as ObjectPath;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

use super::object_error::ObjectErrors;
use crate::catalog::{Credential, StorageDefinition, StorageKind};
use crate::env::HostKey;
use crate::error::io_error;
use crate::model::Secret;
use crate::{Error, Result, SqlState};

/// What CONFIG takes for every object store.
const CONFIG: [&str; 5] = ["endpoint", "allow_http", "timeout_ms", "connect_timeout_ms", "retries"];

/// A client, and the part of the bucket that is the storage's.
pub(super) struct Client {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) prefix: ObjectPath,
    pub(super) errors: ObjectErrors,
}

/// What CREDENTIALS and CONFIG take for a kind, apart from [`CONFIG`].
fn options(kind: &StorageKind) -> (&'static [&'static str], &'static [&'static str]) {
    match kind {
        StorageKind::Filesystem { .. } => (&[], &[]),
        StorageKind::S3 { .. } => (
            &["access_key_id", "secret_access_key", "session_token"],
            &["region", "virtual_hosted_style_request", "skip_signature"],
        ),
        StorageKind::Gcs { .. } => {
            (&["service_account_key", "service_account_path"], &["skip_signature"])
        }
        StorageKind::Azure { .. } => (
            &["access_key", "sas_token", "client_secret", "bearer_token"],
            &["account", "client_id", "tenant_id", "skip_signature", "use_emulator"],
        ),
    }
}

/// Refuses credentials and configuration that the storage's kind does not take.
///
/// # Errors
/// `22023`.
pub(crate) fn check_storage_options(storage: &StorageDefinition) -> Result<()> {
    let (credentials, config) = options(&storage.kind);
    let is_remote = storage.kind.is_remote();
    let kind = storage.kind.as_str();
    let invalid = |message: String| Error::new(SqlState::INVALID_PARAMETER_VALUE, message);
    let listed = |names: &[&str]| match names {
        [] => format!("storages of type {kind} take none"),
        names => format!("storages of type {kind} take {}", names.join(", ")),
    };
    for name in storage.credentials.keys() {
        if !credentials.contains(&name.as_str()) {
            let message = format!("credential \"{name}\" is unknown");
            return Err(invalid(message).with_hint(listed(credentials)));
        }
    }
    let mut known = config.to_vec();
    known.extend(CONFIG.iter().filter(|_| is_remote));
    for (name, value) in &storage.config {
        if !known.contains(&name.as_str()) {
            let message = format!("config \"{name}\" is unknown");
            return Err(invalid(message).with_hint(listed(&known)));
        }
        if name == "endpoint" {
            check_endpoint(value, storage.config.get("allow_http").is_some_and(|v| v == "true"))?;
        }
        check_value(name, value)?;
    }
    Ok(())
}

/// Refuses a value that an option of CONFIG does not take.
fn check_value(name: &str, value: &str) -> Result<()> {
    let is_of = |range: RangeInclusive<u64>| value.parse().is_ok_and(|n| range.contains(&n));
    let (is_allowed, hint) = match name {
        "timeout_ms" | "connect_timeout_ms" => (is_of(1..=3_600_000), "use 1 to 3600000"),
        "retries" => (is_of(0..=100), "use 0 to 100"),
        "allow_http" | "virtual_hosted_style_request" | "skip_signature" | "use_emulator" => {
            (matches!(value, "true" | "false"), "use true or false")
        }
        _ => (!value.is_empty(), "use a text that is not empty"),
    };
    if is_allowed {
        return Ok(());
    }
    let message = format!("value '{value}' of config \"{name}\" is not allowed");
    Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message).with_hint(hint))
}

/// Refuses what is not the address of a server, and secrets in it, which would be shown.
fn check_endpoint(endpoint: &str, allows_http: bool) -> Result<()> {
    let (scheme, host) = endpoint.split_once("://").unwrap_or(("", endpoint));
    let (problem, hint) = match scheme {
        "http" if !allows_http => ("is not encrypted", "use https, or CONFIG (allow_http = true)"),
        "http" | "https" if !host.is_empty() && !host.contains(['@', '?', '#', ' ']) => {
            return Ok(());
        }
        _ => (
            "is no address of a server",
            "write 'https://host' or 'https://host:port', without a user",
        ),
    };
    let message = format!("config \"endpoint\" {problem}");
    Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message).with_hint(hint))
}

/// Makes a client. Nothing is sent yet.
///
/// # Errors
/// `58030` if a credential is not where it should be, `22023` if the store's client
/// refuses the configuration.
pub(super) fn client(storage: &StorageDefinition, host_key: &HostKey) -> Result<Client> {
    let mut given: BTreeMap<&str, Secret> = BTreeMap::new();
    for (name, credential) in &storage.credentials {
        given.insert(name, reveal(storage, name, credential, host_key)?);
    }
    let secrets = given.values().cloned().collect();
    let errors = ObjectErrors { storage: storage.name.clone(), secrets };
    let place = storage.kind.place();
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    let store = build(storage, bucket, &given).map_err(|e| {
        Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("storage \"{}\" is not configured as its type needs it", storage.name),
        )
        .with_detail(errors.scrubbed(&e.to_string()))
        .with_hint("correct it with ALTER STORAGE .. SET CONFIG (..) or SET CREDENTIALS (..)")
    })?;
    Ok(Client { store, prefix: ObjectPath::from(prefix), errors })
}

fn build(
    storage: &StorageDefinition,
    bucket: &str,
    given: &BTreeMap<&str, Secret>,
) -> object_store::Result<Arc<dyn ObjectStore>> {
    let (client, retry) = client_options(storage);
    // What is neither of the client nor of retries is the store's own.
    let own = storage.config.iter().filter(|(name, _)| {
        let name = name.as_str();
        name == "endpoint" || !CONFIG.contains(&name)
    });
    let own = own.map(|(name, value)| (name.as_str(), value.as_str()));
    let pairs = own.chain(given.iter().map(|(name, secret)| (*name, secret.reveal())));
    Ok(match storage.kind {
        StorageKind::Filesystem { .. } | StorageKind::S3 { .. } => {
            let mut builder = AmazonS3Builder::new().with_bucket_name(bucket);
            for (name, value) in pairs {
                builder = builder.with_config(name.parse::<AmazonS3ConfigKey>()?, value);
            }
            Arc::new(builder.with_client_options(client).with_retry(retry).build()?)
        }
        StorageKind::Gcs { .. } => {
            let mut builder = GoogleCloudStorageBuilder::new().with_bucket_name(bucket);
            for (name, value) in pairs {
                builder = match name {
                    "endpoint" => builder.with_base_url(value),
                    name => builder.with_config(name.parse::<GoogleConfigKey>()?, value),
                };
            }
            Arc::new(builder.with_client_options(client).with_retry(retry).build()?)
        }
        StorageKind::Azure { .. } => {
            let mut builder = MicrosoftAzureBuilder::new().with_container_name(bucket);
            for (name, value) in pairs {
                let name = azure_name(name).parse::<AzureConfigKey>()?;
                builder = builder.with_config(name, value);
            }
            Arc::new(builder.with_client_options(client).with_retry(retry).build()?)
        }
    })
}

/// How requests are sent, and sent again.
fn client_options(storage: &StorageDefinition) -> (ClientOptions, RetryConfig) {
    let number = |name: &str| storage.config.get(name).and_then(|text| text.parse().ok());
    let time = |name: &str, default| Duration::from_millis(number(name).unwrap_or(default));
    let timeout = time("timeout_ms", 60_000);
    let client = ClientOptions::new()
        .with_allow_http(storage.config.get("allow_http").is_some_and(|value| value == "true"))
        .with_timeout(timeout)
        .with_connect_timeout(time("connect_timeout_ms", 5_000));
    let retry = RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(5),
            base: 2.0,
        },
        max_retries: number("retries").map_or(5, |n| usize::try_from(n).unwrap_or(5)),
        retry_timeout: timeout,
    };
    (client, retry)
}

/// What the client calls an option of an Azure storage.
fn azure_name(name: &str) -> &str {
    match name {
        "sas_token" => "azure_storage_sas_token",
        "bearer_token" => "azure_storage_token",
        "account" => "azure_storage_account_name",
        "access_key" => "azure_storage_account_key",
        "client_id" => "azure_storage_client_id",
        "client_secret" => "azure_storage_client_secret",
        "tenant_id" => "azure_storage_tenant_id",
        "skip_signature" => "azure_skip_signature",
        "use_emulator" => "azure_storage_use_emulator",
        other => other,
    }
}

/// The secret that a credential stands for, read anew for each client.
fn reveal(
    storage: &StorageDefinition,
    name: &str,
    credential: &Credential,
    host_key: &HostKey,
) -> Result<Secret> {
    match credential {
        Credential::Sealed(sealed) => host_key.open(&format!("{}/{name}", storage.name), sealed),
        Credential::Env(variable) => std::env::var(variable).map(Secret::new).map_err(|_| {
            Error::new(
                SqlState::IO_ERROR,
                format!(
                    "credential \"{name}\" of storage \"{}\": variable {variable} is not set",
                    storage.name
                ),
            )
            .with_hint("set it before the program starts")
        }),
        Credential::File(path) => {
            let file = std::path::Path::new(path);
            let text = std::fs::read_to_string(file).map_err(|e| {
                io_error(&format!("read credential \"{name}\" of a storage from"), file, e)
            })?;
            Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key as Google writes it, without one.
    const SERVICE_ACCOUNT: &str = r#"{"private_key": "zqx", "private_key_id": "id",
        "client_email": "mail", "disable_oauth": true}"#;

    fn storage(
        kind: StorageKind,
        credentials: &[(&str, &str)],
        config: &[(&str, &str)],
    ) -> (StorageDefinition, tempfile::TempDir) {
        let dir = tempfile::TempDir::new().expect("a temporary folder can be made");
        let file = |(name, secret): &(&str, &str)| {
            let path = dir.path().join(name);
            std::fs::write(&path, secret).expect("a file can be written");
            ((*name).to_owned(), Credential::File(path.display().to_string()))
        };
        let storage = StorageDefinition {
            kind,
            credentials: credentials.iter().map(file).collect(),
            config: config.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            ..StorageDefinition::local("segments", 0)
        };
        (storage, dir)
    }

    fn made(storage: &StorageDefinition) -> Result<Client> {
        check_storage_options(storage)?;
        client(storage, &HostKey::new("/no/key", None)?)
    }

    fn bucket() -> String {
        "bucket/some/prefix".to_owned()
    }

    #[test]
    fn each_kind_takes_the_credentials_and_configuration_of_its_store() {
        let s3 = || StorageKind::S3 { bucket: bucket() };
        let gcs = || StorageKind::Gcs { bucket: bucket() };
        let azure = || StorageKind::Azure { bucket: bucket() };
        let keys = [("access_key_id", "id"), ("secret_access_key", "zqx")];
        let token = [keys[0], keys[1], ("session_token", "zqx")];
        let azure_key = [("access_key", "enF4")];
        let account = ("account", "someone");
        let secret = [("client_secret", "zqx")];
        let client_id = [account, ("client_id", "id"), ("tenant_id", "tenant")];
        let minio = [("endpoint", "http://localhost:9000"), ("allow_http", "true")];
        type Pairs<'a> = &'a [(&'a str, &'a str)];
        let cases: [(StorageKind, Pairs<'_>, Pairs<'_>, &str); 12] = [
            (s3(), &keys, &[("region", "eu-central-1")], "AmazonS3(bucket)"),
            (s3(), &token, &[("virtual_hosted_style_request", "true")], "AmazonS3(bucket)"),
            (s3(), &keys, &minio, "AmazonS3(bucket)"),
            (s3(), &[], &[("skip_signature", "true"), ("retries", "0")], "AmazonS3(bucket)"),
            (gcs(), &[("service_account_key", SERVICE_ACCOUNT)], &[], "GoogleCloudStorage(bucket)"),
            (gcs(), &[], &[("skip_signature", "true")], "GoogleCloudStorage(bucket)"),
            (
                gcs(),
                &[],
                &[minio[0], minio[1], ("skip_signature", "true")],
                "GoogleCloudStorage(bucket)",
            ),
            (azure(), &azure_key, &[account], "bucket"),
            (azure(), &[("sas_token", "sv=1&sig=zqx")], &[account], "bucket"),
            (azure(), &[("bearer_token", "zqx")], &[account], "bucket"),
            (azure(), &secret, &client_id, "bucket"),
            (azure(), &[], &[("use_emulator", "true"), ("timeout_ms", "100")], "bucket"),
        ];
        for (kind, credentials, config, shown) in cases {
            let (storage, _dir) = storage(kind, credentials, config);
            let made = made(&storage).unwrap_or_else(|e| panic!("{storage:?}: {e:?}"));
            assert!(made.store.to_string().contains(shown), "{}", made.store);
            assert_eq!(made.prefix.as_ref(), "some/prefix");
        }
    }

    #[test]
    fn what_a_store_cannot_do_with_is_told_without_its_secrets() {
        let gcs = || StorageKind::Gcs { bucket: bucket() };
        let azure = || StorageKind::Azure { bucket: bucket() };
        type Pairs<'a> = &'a [(&'a str, &'a str)];
        let cases: [(StorageKind, Pairs<'_>, Pairs<'_>); 4] = [
            (gcs(), &[("service_account_key", "zqx is no JSON")], &[]),
            (gcs(), &[("service_account_path", "/no/such/zqx")], &[]),
            (azure(), &[("access_key", "zqx is not base64!")], &[("account", "someone")]),
            (azure(), &[("access_key", "enF4")], &[]),
        ];
        for (kind, credentials, config) in cases {
            let (storage, _dir) = storage(kind, credentials, config);
            let error = made(&storage).err().unwrap_or_else(|| panic!("{storage:?} is taken"));
            assert_eq!(error.sqlstate(), SqlState::INVALID_PARAMETER_VALUE, "{error:?}");
            assert!(!format!("{error:?}").contains("zqx"), "{error:?}");
        }
    }
}
