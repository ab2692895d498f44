//! Who we are to our clients, and how messages are signed and verified.
//!
//! A signature is accepted once: who can read the loopback interface must not
//! be able to run a recorded cell again.

use crate::connection::Secret;
use hmac::{Hmac, KeyInit, Mac};
use std::collections::{HashSet, VecDeque};

/// How many signatures are remembered, as in jupyter_client.
const REMEMBERED: usize = 65_536;

/// The session id that our headers carry, and the signer of our messages.
pub struct Session {
    /// The id.
    pub id: String,
    /// The user our headers name.
    pub username: String,
    signer: Option<Signer>,
    seen: Seen,
}

/// Why a message is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It is not signed, or with another key.
    #[error("bad signature")]
    Wrong,
    /// It came before.
    #[error("replayed signature")]
    Replayed,
}

/// A signature scheme we do not have.
#[derive(Debug, thiserror::Error)]
#[error(
    "the signature scheme `{0}` is not known; known: hmac-sha256, hmac-sha224, hmac-sha384, \
     hmac-sha512, hmac-sha1, hmac-md5"
)]
pub struct UnknownScheme(pub String);

impl Session {
    /// A session of its own id, unless one is told.
    pub fn new(
        id: Option<String>,
        username: String,
        scheme: &str,
        key: &Secret,
    ) -> Result<Session, UnknownScheme> {
        // The scheme is checked also where no key is: a typo should not wait for one.
        let signer = Signer::new(scheme, key.reveal().as_bytes())?;
        Ok(Session {
            id: id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
            username,
            signer: (!key.reveal().is_empty()).then_some(signer),
            seen: Seen::default(),
        })
    }

    /// The signature of the four JSON frames; empty when messages are not signed.
    pub fn sign(&self, frames: [&[u8]; 4]) -> String {
        self.signer
            .as_ref()
            .map_or_else(String::new, |signer| hexadecimal(&signer.sign(frames)))
    }

    /// Whether the signature is right, and new.
    pub fn verify(&mut self, signature: &[u8], frames: [&[u8]; 4]) -> Result<(), SignatureError> {
        let Some(signer) = &self.signer else {
            return Ok(());
        };
        let digest = from_hexadecimal(signature).ok_or(SignatureError::Wrong)?;
        if !signer.verify(&digest, frames) {
            return Err(SignatureError::Wrong);
        }
        if self.seen.insert(digest) {
            Ok(())
        } else {
            Err(SignatureError::Replayed)
        }
    }
}

/// Signatures that were accepted; the oldest are forgotten first.
#[derive(Default)]
struct Seen {
    set: HashSet<[u8; 16]>,
    order: VecDeque<[u8; 16]>,
}

impl Seen {
    /// False if it was there. Sixteen bytes of a digest are kept: enough that
    /// two messages never share them, and half the memory.
    fn insert(&mut self, digest: Vec<u8>) -> bool {
        let mut key = [0; 16];
        for (place, byte) in key.iter_mut().zip(digest) {
            *place = byte;
        }
        if !self.set.insert(key) {
            return false;
        }
        self.order.push_back(key);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.set.remove(&oldest);
        }
        true
    }
}

macro_rules! signers {
    ($($name:literal = $variant:ident($digest:ty)),* $(,)?) => {
        /// A keyed hash; the key is worked in once and the state copied per message.
        enum Signer {
            $($variant(Box<Hmac<$digest>>),)*
        }

        impl Signer {
            fn new(scheme: &str, key: &[u8]) -> Result<Signer, UnknownScheme> {
                let unknown = || UnknownScheme(scheme.to_owned());
                match scheme {
                    $($name => {
                        // HMAC takes keys of any length; no error can come.
                        let state = Hmac::<$digest>::new_from_slice(key).map_err(|_| unknown())?;
                        Ok(Signer::$variant(Box::new(state)))
                    })*
                    _ => Err(unknown()),
                }
            }

            fn sign(&self, frames: [&[u8]; 4]) -> Vec<u8> {
                match self {
                    $(Signer::$variant(state) => {
                        let mut state = state.clone();
                        frames.iter().for_each(|frame| state.update(frame));
                        state.finalize().into_bytes().to_vec()
                    })*
                }
            }

            /// Compares in constant time.
            fn verify(&self, digest: &[u8], frames: [&[u8]; 4]) -> bool {
                match self {
                    $(Signer::$variant(state) => {
                        let mut state = state.clone();
                        frames.iter().for_each(|frame| state.update(frame));
                        state.verify_slice(digest).is_ok()
                    })*
                }
            }
        }
    };
}

signers! {
    "hmac-sha256" = Sha256(sha2::Sha256),
    "hmac-sha224" = Sha224(sha2::Sha224),
    "hmac-sha384" = Sha384(sha2::Sha384),
    "hmac-sha512" = Sha512(sha2::Sha512),
    "hmac-sha1" = Sha1(sha1::Sha1),
    "hmac-md5" = Md5(md5::Md5),
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

fn from_hexadecimal(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.chunks(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMES: [&[u8]; 4] = [b"{\"a\":1}", b"{}", b"{}", b"{\"b\":2}"];

    fn session(scheme: &str, key: &str) -> Session {
        Session::new(None, "user".into(), scheme, &Secret::new(key)).unwrap()
    }

    #[test]
    fn signatures_are_those_of_hashlib() {
        // hmac.new(b"secret", b'{"a":1}{}{}{"b":2}', name).hexdigest() in Python.
        let expected = [
            ("hmac-md5", "e1eb7abd412c65b8951391ab5a93126e"),
            ("hmac-sha1", "1c914dbd338ed463bb97d8d8e2df862874bf7172"),
            (
                "hmac-sha256",
                "9b14d94617bffb278285cea390d9dc17e01ec3188dba313f9548021906557a7b",
            ),
            (
                "hmac-sha512",
                "9cb30a3d92111c6ea9a137577025471caeb47fd0279ee25ed87844d712742dc4\
                 bae5fa70b7cd830a57c9026cbb0d921128d0e8a4fa722edd4fc570028ed981b0",
            ),
        ];
        for (scheme, digest) in expected {
            assert_eq!(session(scheme, "secret").sign(FRAMES), digest, "{scheme}");
        }
    }

    #[test]
    fn a_signature_is_accepted_once() {
        let mut session = session("hmac-sha256", "secret");
        let signature = session.sign(FRAMES);
        assert_eq!(session.verify(signature.as_bytes(), FRAMES), Ok(()));
        assert_eq!(
            session.verify(signature.as_bytes(), FRAMES),
            Err(SignatureError::Replayed)
        );
        let upper = signature.to_uppercase();
        assert_eq!(
            session.verify(upper.as_bytes(), FRAMES),
            Err(SignatureError::Replayed)
        );
    }

    #[test]
    fn wrong_signatures_are_refused() {
        let mut session = session("hmac-sha256", "secret");
        for signature in [
            &b""[..],
            b"00",
            b"zz",
            b"\xff\xfe",
            &[b'a'; 64],
            &[b'a'; 63],
        ] {
            assert_eq!(
                session.verify(signature, FRAMES),
                Err(SignatureError::Wrong)
            );
        }
    }

    #[test]
    fn without_a_key_nothing_is_signed() {
        let mut session = session("hmac-sha256", "");
        assert_eq!(session.sign(FRAMES), "");
        assert_eq!(session.verify(b"anything", FRAMES), Ok(()));
    }

    #[test]
    fn the_memory_of_signatures_is_bounded() {
        let mut seen = Seen::default();
        for number in 0..REMEMBERED as u64 + 10 {
            let mut digest = number.to_be_bytes().to_vec();
            digest.resize(32, 0);
            assert!(seen.insert(digest));
        }
        assert_eq!((seen.set.len(), seen.order.len()), (REMEMBERED, REMEMBERED));
    }

    #[test]
    fn an_unknown_scheme_is_an_error() {
        let error = Session::new(None, String::new(), "hmac-rot13", &Secret::default());
        assert!(
            error
                .err()
                .is_some_and(|error| error.to_string().contains("`hmac-rot13`"))
        );
    }
}
