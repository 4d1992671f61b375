//! Segments in an object store.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path as ObjectPath;
use object_store::{
    Attribute, Attributes, GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt,
    PutMode, PutMultipartOptions, PutOptions,
};

use super::object_client::Client;
use super::object_error::ObjectErrors;
use super::object_io::ObjectIo;
use super::remote_cache::RemoteCache;
use super::segment_file::{SegmentSource, missing};
use crate::env::fault_point;
use crate::error::io_error;
use crate::{Error, Result, SqlState};

/// Larger files go up and come down in parts of this size. One request has to be done
/// within the storage's `timeout_ms`, so it may not be as large as a file.
const PART_BYTES: usize = 8 << 20;
/// Parts on their way at a time: what a transfer holds in memory.
const PARTS_AT_ONCE: usize = 3;

/// Metadata of an object with the XXH3-128 of its bytes, by which an upload whose answer
/// was lost is told from another one. Azure takes the names of identifiers only.
const CHECKSUM: Attribute = Attribute::Metadata(std::borrow::Cow::Borrowed("kalamdbxxh3"));

/// A bucket, or a part of one.
///
/// Segments are fetched whole, because only a whole file can be checked, into the cache
/// on the local disk; every read is one of the copy.
pub(crate) struct ObjectPlace {
    client: Arc<dyn ObjectStore>,
    prefix: ObjectPath,
    errors: ObjectErrors,
    io: Arc<ObjectIo>,
    /// `None` in memory.
    cache: Option<Arc<RemoteCache>>,
}

/// Bytes that become an object.
pub(super) enum Upload<'a> {
    File(&'a Path),
    Memory(Bytes),
}

impl ObjectPlace {
    pub(super) fn new(
        client: Client,
        io: &Arc<ObjectIo>,
        cache: Option<&Arc<RemoteCache>>,
    ) -> ObjectPlace {
        let Client { store, prefix, errors } = client;
        ObjectPlace { client: store, prefix, errors, io: io.clone(), cache: cache.cloned() }
    }

    /// The name of an object; what is encoded in it already stays as it is.
    fn location(&self, path: &str) -> Result<ObjectPath> {
        let whole = format!("{}/{path}", self.prefix);
        ObjectPath::parse(whole.trim_start_matches('/')).map_err(|e| {
            Error::new(SqlState::INTERNAL_ERROR, "a path is none of an object").with_source(e)
        })
    }

    /// A file of the cache's folder to write a new segment to; `None` in memory.
    pub(super) fn temporary(&self, path: &str) -> Result<Option<PathBuf>> {
        self.cache.as_ref().map(|cache| cache.temporary(path)).transpose()
    }

    /// Whether there is a local copy.
    pub(super) fn has_copy(&self, path: &str) -> bool {
        self.cache.as_ref().is_some_and(|cache| cache.open(path).is_some())
    }

    /// Forgets the local copy.
    pub(super) fn forget_copy(&self, path: &str) {
        if let Some(cache) = &self.cache {
            cache.remove(path);
        }
    }

    /// Keeps what was uploaded as the local copy.
    pub(super) fn keep_copy(&self, path: &str, temporary: &Path, bytes: u64) {
        if let Some(cache) = &self.cache {
            cache.keep(path, temporary, bytes);
        }
    }

    /// Makes the object, durable when this returns.
    ///
    /// An answer may be lost although the object was made. So whatever fails is looked
    /// at: an object of the same size and checksum is the one that was to be made.
    ///
    /// # Errors
    /// `58030`.
    pub(super) fn put(
        &self,
        path: &str,
        upload: &Upload<'_>,
        bytes: u64,
        checksum: &str,
    ) -> Result<()> {
        let (client, location) = (self.client.clone(), self.location(path)?);
        let checksum = checksum.to_owned();
        let attributes = Attributes::from_iter([(CHECKSUM, checksum.clone())]);
        let is_small = bytes <= PART_BYTES as u64;
        let body = match upload {
            Upload::Memory(bytes) if is_small => Body::Whole(bytes.clone()),
            Upload::Memory(bytes) => Body::Parts(Box::new(io::Cursor::new(bytes.clone()))),
            Upload::File(file) if is_small => {
                Body::Whole(fs::read(file).map_err(|e| io_error("read", file, e))?.into())
            }
            Upload::File(file) => {
                Body::Parts(Box::new(File::open(file).map_err(|e| io_error("read", file, e))?))
            }
        };
        fault_point("storage.before_put")?;
        let done = self.io.run(async move {
            match send(&*client, &location, body, attributes).await {
                Ok(()) => Ok(()),
                Err(e) => {
                    let options = GetOptions { head: true, ..GetOptions::default() };
                    let found = client.get_opts(&location, options).await;
                    let is_ours = found.is_ok_and(|found| {
                        found.meta.size == bytes
                            && found.attributes.get(&CHECKSUM).is_some_and(|c| **c == *checksum)
                    });
                    if is_ours { Ok(()) } else { Err(e) }
                }
            }
        })?;
        done.map_err(|e| self.errors.error("write", path, &e))?;
        self.io.traffic.uploaded(bytes);
        fault_point("storage.after_put")
    }

    /// The segment's bytes, from the local copy or fetched.
    ///
    /// # Errors
    /// `XX001` if the object is not there, `58030`.
    pub(super) fn open(&self, path: &str) -> Result<SegmentSource> {
        if let Some((file, bytes)) = self.cache.as_ref().and_then(|cache| cache.open(path)) {
            self.io.traffic.read_copy();
            return Ok(SegmentSource::File(Arc::new(file), bytes));
        }
        self.fetch(path)
    }

    /// The object's bytes, fetched.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(super) fn fetch(&self, path: &str) -> Result<SegmentSource> {
        let (client, location) = (self.client.clone(), self.location(path)?);
        let Some(cache) = &self.cache else {
            let got =
                self.io.run(async move { download(&*client, &location, Vec::new()).await })?;
            let got = got.map_err(|e| self.read_error(path, &e))?;
            let (bytes, size) = got.map_err(|e| io_error("read", Path::new(path), e))?;
            self.io.traffic.fetched(size);
            return Ok(SegmentSource::Memory(bytes.into()));
        };
        let temporary = cache.temporary(path)?;
        let failed = |e| io_error("write", &temporary, e);
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).open(&temporary);
        let out = file.map_err(failed)?;
        let reader = out.try_clone().map_err(failed)?;
        let got = self.io.run(async move { download(&*client, &location, out).await });
        let got = got.and_then(|got| got.map_err(|e| self.read_error(path, &e)));
        let (_, bytes) = got.and_then(|written| written.map_err(failed)).inspect_err(|_| {
            _ = fs::remove_file(&temporary);
        })?;
        self.io.traffic.fetched(bytes);
        cache.keep(path, &temporary, bytes);
        Ok(SegmentSource::File(Arc::new(reader), bytes))
    }

    /// What is missing in a bucket that is there was lost.
    fn read_error(&self, path: &str, error: &object_store::Error) -> Error {
        let is_missing = matches!(error, object_store::Error::NotFound { .. });
        if is_missing && self.lists("").is_ok() {
            return missing(path);
        }
        self.errors.error("read", path, error)
    }

    /// Deletes the object; one that is gone already is fine.
    ///
    /// # Errors
    /// `58030`.
    pub(super) fn delete(&self, path: &str) -> Result<()> {
        self.forget_copy(path);
        fault_point("storage.before_delete")?;
        let (client, location) = (self.client.clone(), self.location(path)?);
        match self.io.run(async move { client.delete(&location).await })? {
            Err(object_store::Error::NotFound { .. }) | Ok(()) => {
                fault_point("storage.after_delete")
            }
            Err(e) => Err(self.errors.error("delete", path, &e)),
        }
    }

    /// Whether there is an object in the folder; of the whole storage, if it is empty.
    ///
    /// # Errors
    /// `58030`.
    pub(super) fn lists(&self, folder: &str) -> Result<bool> {
        let client = self.client.clone();
        let prefix = if folder.is_empty() { self.prefix.clone() } else { self.location(folder)? };
        let first = self.io.run(async move { client.list(Some(&prefix)).next().await })?;
        match first {
            None => Ok(false),
            Some(Ok(_)) => Ok(true),
            Some(Err(e)) => Err(self.errors.error("list", folder, &e)),
        }
    }
}

enum Body {
    Whole(Bytes),
    Parts(Box<dyn Read + Send>),
}

async fn send(
    client: &dyn ObjectStore,
    location: &ObjectPath,
    body: Body,
    attributes: Attributes,
) -> object_store::Result<()> {
    let mut rest = match body {
        Body::Whole(bytes) => {
            let options = PutOptions { mode: PutMode::Create, attributes, ..Default::default() };
            return client.put_opts(location, bytes.into(), options).await.map(|_| ());
        }
        Body::Parts(rest) => rest,
    };
    let options = PutMultipartOptions { attributes, ..Default::default() };
    let mut upload = client.put_multipart_opts(location, options).await?;
    let done = match send_parts(&mut *upload, &mut *rest).await {
        Ok(()) => upload.complete().await.map(|_| ()),
        Err(e) => Err(e),
    };
    if done.is_err() {
        // Parts that are never put together cost money and are listed nowhere.
        _ = upload.abort().await;
    }
    done
}

async fn send_parts(
    upload: &mut dyn MultipartUpload,
    rest: &mut (dyn Read + Send),
) -> object_store::Result<()> {
    let parts = std::iter::from_fn(|| match read_part(rest) {
        Ok(part) if part.is_empty() => None,
        part => Some(part.map(|part| upload.put_part(part.into()))),
    });
    stream::iter(parts)
        .try_buffer_unordered(PARTS_AT_ONCE)
        .try_for_each(|()| std::future::ready(Ok(())))
        .await
}

fn read_part(rest: &mut (dyn Read + Send)) -> object_store::Result<Vec<u8>> {
    let mut part = Vec::with_capacity(PART_BYTES);
    match rest.take(PART_BYTES as u64).read_to_end(&mut part) {
        Ok(_) => Ok(part),
        Err(e) => Err(object_store::Error::Generic { store: "file", source: Box::new(e) }),
    }
}

/// Writes an object's bytes, and tells how many there were.
async fn download<W: Write>(
    client: &dyn ObjectStore,
    location: &ObjectPath,
    mut out: W,
) -> object_store::Result<io::Result<(W, u64)>> {
    let part = |at: u64| async move {
        let range = Some(GetRange::Bounded(at..at + PART_BYTES as u64));
        let got = client.get_opts(location, GetOptions { range, ..GetOptions::default() }).await?;
        let size = got.meta.size;
        Ok::<_, object_store::Error>((size, got.bytes().await?))
    };
    let (size, first) = match part(0).await {
        Ok(first) => first,
        // An empty object has no range.
        Err(e) => match client.head(location).await {
            Ok(found) if found.size == 0 => return Ok(Ok((out, 0))),
            _ => return Err(e),
        },
    };
    if let Err(e) = out.write_all(&first) {
        return Ok(Err(e));
    }
    let starts = (PART_BYTES as u64..size).step_by(PART_BYTES);
    let mut parts = stream::iter(starts).map(part).buffered(PARTS_AT_ONCE);
    while let Some((_, bytes)) = parts.try_next().await? {
        if let Err(e) = out.write_all(&bytes) {
            return Ok(Err(e));
        }
    }
    Ok(Ok((out, size)))
}
