//! Encryption (CURVE): the keys of the connection file, and the log of those who
//! were turned away for want of them.

use crate::connection::ConnectionInfo;
use crate::log::Log;
use crate::nacl::{KEY, public_key_of};
use rustix::fd::RawFd;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;
use zmq::{Context, Socket, SocketEvent};

/// A client that is refused comes again ten times a second: the log tells it once in so long.
const SILENCE: Duration = Duration::from_secs(60);

/// Why the keys of a connection file cannot be used. It never shows them.
#[derive(Debug, thiserror::Error)]
pub enum EncryptionError {
    /// There are keys, and libzmq cannot encrypt.
    #[error("the connection file asks for CurveZMQ encryption, which this build of libzmq lacks")]
    Impossible,
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

/// Whether connections can be encrypted.
pub fn has_curve() -> bool {
    zmq::has("curve").unwrap_or(false)
}

/// The kernel's keys.
pub(crate) struct Keys {
    public: [u8; KEY],
    secret: Zeroizing<[u8; KEY]>,
}

impl Keys {
    /// Those of the connection file, if it has any.
    pub(crate) fn of(info: &ConnectionInfo) -> Result<Option<Keys>, EncryptionError> {
        let (public, secret) = match (&info.curve_publickey, &info.curve_secretkey) {
            (None, None) => return Ok(None),
            (Some(public), Some(secret)) => (public.as_str(), secret.reveal()),
            _ => return Err(EncryptionError::Half),
        };
        if !has_curve() {
            return Err(EncryptionError::Impossible);
        }
        let decode = |field, text: &str| {
            let key = zmq::z85_decode(text).ok().map(Zeroizing::new);
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

    /// Makes a socket take encrypted connections only.
    pub(crate) fn give(&self, socket: &Socket) -> zmq::Result<()> {
        socket.set_curve_server(true)?;
        socket.set_curve_publickey(&self.public)?;
        socket.set_curve_secretkey(self.secret.as_slice())
    }
}

/// Says in the log who was turned away.
#[derive(Default)]
pub(crate) struct Refusals(Vec<Watched>);

struct Watched {
    name: &'static str,
    /// Where libzmq tells what becomes of handshakes.
    monitor: Socket,
    descriptor: RawFd,
    said: Option<Instant>,
    untold: usize,
}

impl Refusals {
    /// Watches the handshakes of a socket that was not yet bound.
    pub(crate) fn watch(
        &mut self,
        name: &'static str,
        socket: &Socket,
        context: &Context,
    ) -> zmq::Result<()> {
        let events = [
            SocketEvent::HANDSHAKE_FAILED_NO_DETAIL,
            SocketEvent::HANDSHAKE_FAILED_PROTOCOL,
            SocketEvent::HANDSHAKE_FAILED_AUTH,
        ];
        let endpoint = format!("inproc://handshakes-{name}");
        socket.monitor(
            &endpoint,
            events
                .iter()
                .fold(0, |all, event| all | i32::from(event.to_raw())),
        )?;
        let monitor = context.socket(zmq::PAIR)?;
        monitor.set_linger(0)?;
        monitor.connect(&endpoint)?;
        let descriptor = monitor.get_fd()?;
        self.0.push(Watched {
            name,
            monitor,
            descriptor,
            said: None,
            untold: 0,
        });
        Ok(())
    }

    /// What is to be polled: each is readable when something has happened.
    pub(crate) fn descriptors(&self) -> Vec<RawFd> {
        self.0.iter().map(|watched| watched.descriptor).collect()
    }

    /// Tells what happened since.
    pub(crate) fn report(&mut self, log: &Log) {
        for watched in &mut self.0 {
            while let Ok(frames) = watched.monitor.recv_multipart(zmq::DONTWAIT) {
                let event = frames.first().map(Vec::as_slice).unwrap_or_default();
                watched.tell(reason(event), Instant::now(), log);
            }
        }
    }
}

impl Watched {
    fn tell(&mut self, reason: &str, now: Instant, log: &Log) {
        if self.said.is_some_and(|said| now < said + SILENCE) {
            self.untold += 1;
            return;
        }
        let more = match std::mem::take(&mut self.untold) {
            0 => String::new(),
            count => format!(" ({count} more since the last such line)"),
        };
        let name = self.name;
        log.say(format_args!(
            "refused a connection to {name}: {reason}{more}"
        ));
        self.said = Some(now);
    }
}

/// What an event says: two bytes its kind, four bytes a value, both in the machine's order.
fn reason(event: &[u8]) -> &'static str {
    let value = match event.get(2..6) {
        Some(&[a, b, c, d]) => u32::from_ne_bytes([a, b, c, d]),
        _ => 0,
    };
    match value {
        zmq_sys::ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC => {
            "the client encrypts with another key than the connection file's"
        }
        zmq_sys::ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH => {
            "the client does not encrypt, and the connection file asks for it"
        }
        _ => "the client and the kernel did not agree on encryption",
    }
}
