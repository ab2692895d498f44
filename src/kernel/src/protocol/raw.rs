//! JSON that is carried, not read.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// One JSON value as text; cheap to clone, known to be UTF-8 and to be JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct RawJson(Bytes);

impl RawJson {
    /// Checks that `bytes` are one JSON value, without keeping anything else.
    pub fn parse(bytes: impl Into<Bytes>) -> Result<RawJson, serde_json::Error> {
        let bytes = bytes.into();
        let _: &serde_json::value::RawValue = serde_json::from_slice(&bytes)?;
        Ok(RawJson(bytes))
    }

    /// Takes the output of a JSON encoder; no check, no copy.
    pub fn from_encoder(text: String) -> RawJson {
        debug_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok());
        RawJson(Bytes::from(text))
    }

    /// Takes JSON that stands in our source; no check, no copy.
    pub(crate) fn from_static(text: &'static str) -> RawJson {
        debug_assert!(serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok());
        RawJson(Bytes::from_static(text.as_bytes()))
    }

    /// Encodes a value of ours.
    ///
    /// Our own types have string keys and no fallible serialisers, so the only
    /// failure left would be a mistake of ours; it becomes an empty object.
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> RawJson {
        match serde_json::to_vec(value) {
            Ok(bytes) => RawJson(Bytes::from(bytes)),
            Err(error) => {
                debug_assert!(false, "a type of ours does not encode: {error}");
                RawJson::empty()
            }
        }
    }

    /// The object without fields.
    pub fn empty() -> RawJson {
        RawJson(Bytes::from_static(b"{}"))
    }

    /// Reads it as `T`.
    pub fn decode<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.0)
    }

    /// Whether the value is an object, which every part of a message must be.
    pub fn is_object(&self) -> bool {
        self.0.trim_ascii_start().first() == Some(&b'{')
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        // Every constructor has seen valid UTF-8: JSON is checked to be it.
        std::str::from_utf8(&self.0).unwrap_or("{}")
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, shared.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is in it; JSON text never is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for RawJson {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}
