//! Typed access to the small things: definitions, segments, users.

use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::rocks::Family;
use super::snapshot::{Snapshot, damaged};
use super::write_set::WriteSet;
use crate::Result;

/// Version of the envelope: this byte, then JSON.
const ENVELOPE: u8 = 1;

/// A key that orders as its bytes do.
pub(crate) trait EntityKey: Sized {
    /// Appends the key's bytes.
    fn encode(&self, out: &mut Vec<u8>);
    /// Reads the key back.
    fn decode(bytes: &[u8]) -> Option<Self>;
}

impl EntityKey for String {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
    fn decode(bytes: &[u8]) -> Option<Self> {
        String::from_utf8(bytes.to_vec()).ok()
    }
}

impl EntityKey for u32 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }
    fn decode(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(u32::from_be_bytes)
    }
}

/// Entities of one kind: a prefix byte in one column family, keys `K`, values `V`
/// as JSON behind a version byte.
pub(crate) struct EntityStore<K, V> {
    family: Family,
    prefix: u8,
    what: &'static str,
    marker: PhantomData<fn(K) -> V>,
}

impl<K: EntityKey, V: Serialize + DeserializeOwned> EntityStore<K, V> {
    /// Entities under `prefix`; `what` names one in messages.
    pub(crate) const fn new(family: Family, prefix: u8, what: &'static str) -> Self {
        EntityStore { family, prefix, what, marker: PhantomData }
    }

    /// One entity.
    ///
    /// # Errors
    /// `XX001` if it does not decode.
    pub(crate) fn get(&self, snapshot: &Snapshot, key: &K) -> Result<Option<V>> {
        snapshot.get_pinned(self.family, &self.key(key), |value| self.read(value))
    }

    /// Writes one entity as part of a commit.
    pub(crate) fn put(&self, set: &mut WriteSet, key: &K, value: &V) {
        set.put(self.family, self.key(key), encode_entity(value));
    }

    /// Removes one entity as part of a commit.
    pub(crate) fn delete(&self, set: &mut WriteSet, key: &K) {
        set.delete(self.family, self.key(key));
    }

    /// Every entity whose key starts with `key_prefix`, in key order.
    ///
    /// # Errors
    /// `XX001` if one does not decode.
    pub(crate) fn scan(&self, snapshot: &Arc<Snapshot>, key_prefix: &[u8]) -> Result<Vec<(K, V)>> {
        let mut lower = vec![self.prefix];
        lower.extend_from_slice(key_prefix);
        let upper = prefix_end(&lower);
        let mut cursor = snapshot.cursor(self.family, &lower, &upper);
        let mut found = Vec::new();
        while let Some((key, value)) = cursor.entry()? {
            let key = K::decode(&key[1..]).ok_or_else(|| damaged(self.what))?;
            found.push((key, self.read(value)?));
            cursor.advance();
        }
        Ok(found)
    }

    /// Hands out the key of every entity, in key order.
    ///
    /// # Errors
    /// `XX001` if one does not decode.
    pub(crate) fn each_key(
        &self,
        snapshot: &Arc<Snapshot>,
        mut found: impl FnMut(K),
    ) -> Result<()> {
        let lower = [self.prefix];
        let mut cursor = snapshot.cursor(self.family, &lower, &prefix_end(&lower));
        while let Some((key, _)) = cursor.entry()? {
            found(K::decode(&key[1..]).ok_or_else(|| damaged(self.what))?);
            cursor.advance();
        }
        Ok(())
    }

    /// The key of the last entity.
    ///
    /// # Errors
    /// `XX001` if it does not decode.
    pub(crate) fn last_key(&self, snapshot: &Arc<Snapshot>) -> Result<Option<K>> {
        let lower = [self.prefix];
        let found = snapshot.last_key(self.family, &lower, &prefix_end(&lower))?;
        found.map(|key| K::decode(&key[1..]).ok_or_else(|| damaged(self.what))).transpose()
    }

    /// The stored form of a key.
    pub(crate) fn key(&self, key: &K) -> Vec<u8> {
        let mut bytes = vec![self.prefix];
        key.encode(&mut bytes);
        bytes
    }

    /// Decodes an entity, writes it and decodes it again. It panics if that is another one.
    ///
    /// # Errors
    /// `XX001` if key or value do not decode.
    #[cfg(debug_assertions)]
    pub(crate) fn decode_again(&self, key: &[u8], value: &[u8]) -> Result<()> {
        let key = K::decode(key).ok_or_else(|| damaged(self.what))?;
        let bytes = self.key(&key);
        let key = K::decode(&bytes[1..]).expect("what was written can be read");
        assert_eq!(self.key(&key), bytes);
        let bytes = encode_entity(&self.read(value)?);
        let value = self.read(&bytes).expect("what was written can be read");
        assert_eq!(encode_entity(&value), bytes);
        Ok(())
    }

    fn read(&self, value: &[u8]) -> Result<V> {
        match value.split_first() {
            Some((&ENVELOPE, json)) => {
                serde_json::from_slice(json).map_err(|e| damaged(self.what).with_source(e))
            }
            _ => Err(damaged(self.what)),
        }
    }
}

/// The stored form of an entity.
pub(crate) fn encode_entity<V: Serialize>(value: &V) -> Vec<u8> {
    let mut bytes = vec![ENVELOPE];
    serde_json::to_writer(&mut bytes, value).expect("entities have string keys and plain values");
    bytes
}

/// The first byte string after every string that starts with `prefix`.
pub(crate) fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    // Only 0xFF bytes: nothing sorts after them but longer strings of the same.
    vec![u8::MAX; prefix.len() + 64]
}
