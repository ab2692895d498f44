//! Encryption (CURVE): the keys of the connection file, and the log of those who
//! were turned away for want of them.

use crate::connection::ConnectionInfo;
use crate::log::Log;
use crate::nacl::{KEY, public_key_of};
use crate::z85;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// A client that is refused comes again ten times a second: the log tells it once in so long.
const SILENCE: Duration = Duration::from_secs(60);

/// Why the keys of a connection file cannot be used. It never shows them.
#[derive(Debug, thiserror::Error)]
pub enum EncryptionError {
    /// There is one key.
    #[error(
        "the connection file has a `curve_publickey` without a `curve_secretkey`, or the reverse"
    )]
    Half,
    /// A key is none.
    #[error("`{field}` in the connection file is not a CURVE key, which has 40 characters of Z85")]
    Key {
        /// Which.
        field: &'static str,
    },
    /// The keys are of different pairs.
    #[error("`curve_publickey` in the connection file does not belong to its `curve_secretkey`")]
    NoPair,
}

/// The kernel's keys.
pub(crate) struct Keys {
    pub(crate) public: [u8; KEY],
    pub(crate) secret: Zeroizing<[u8; KEY]>,
}

impl Keys {
    /// Those of the connection file, if it has any.
    pub(crate) fn of(info: &ConnectionInfo) -> Result<Option<Keys>, EncryptionError> {
        let (public, secret) = match (&info.curve_publickey, &info.curve_secretkey) {
            (None, None) => return Ok(None),
            (Some(public), Some(secret)) => (public.as_str(), secret.reveal()),
            _ => return Err(EncryptionError::Half),
        };
        let decode = |field, text: &str| {
            let key = z85::decode(text).map(Zeroizing::new);
            let key = key.and_then(|key| <[u8; KEY]>::try_from(key.as_slice()).ok());
            key.ok_or(EncryptionError::Key { field })
        };
        let keys = Keys {
            public: decode("curve_publickey", public)?,
            secret: Zeroizing::new(decode("curve_secretkey", secret)?),
        };
        // With keys that are no pair every client would be turned away, for ever.
        if public_key_of(&keys.secret) != keys.public {
            return Err(EncryptionError::NoPair);
        }
        Ok(Some(keys))
    }
}

/// Says in the log who was turned away.
#[derive(Default)]
pub(crate) struct Refusals(HashMap<&'static str, Said>);

#[derive(Default)]
struct Said {
    at: Option<Instant>,
    untold: usize,
}

impl Refusals {
    /// One more was turned away from this socket.
    pub(crate) fn tell(&mut self, name: &'static str, reason: &str, now: Instant, log: &Log) {
        let said = self.0.entry(name).or_default();
        if said.at.is_some_and(|at| now < at + SILENCE) {
            said.untold += 1;
            return;
        }
        let more = match std::mem::take(&mut said.untold) {
            0 => String::new(),
            count => format!(" ({count} more since the last such line)"),
        };
        log.say(format_args!(
            "refused a connection to {name}: {reason}{more}"
        ));
        said.at = Some(now);
    }
}
