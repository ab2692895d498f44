//! JEP 66: a kernel that found its own ports tells them to who started it.

use crate::connection::{ConnectionInfo, RegistrationFile, Transport};
use crate::protocol::{MessageType, RawJson, ReplyStatus, StatusReply};
use crate::session::Session;
use crate::wire::{self, Parts};
use crate::zmtp::Client;
use serde::Serialize;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why the registration failed.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// The socket.
    #[error("cannot register at {endpoint}: {source}")]
    Socket {
        /// Where.
        endpoint: String,
        /// Why.
        source: io::Error,
    },
    /// Nobody answered.
    #[error("nobody answered the registration at {0}")]
    Silence(String),
    /// The answer was not one.
    #[error("the registration at {endpoint} was not accepted: {problem}")]
    Refused {
        /// Where.
        endpoint: String,
        /// Why.
        problem: String,
    },
}

#[derive(Serialize)]
struct HandshakeRequest {
    shell_port: u16,
    iopub_port: u16,
    stdin_port: u16,
    control_port: u16,
    hb_port: u16,
}

/// Sends `handshake_request` with the bound ports and waits for the reply.
pub(crate) fn register(
    file: &RegistrationFile,
    info: &ConnectionInfo,
    session: &mut Session,
    header: RawJson,
) -> Result<(), RegistrationError> {
    let endpoint = info.endpoint(file.registration_port);
    let refused = |problem: String| RegistrationError::Refused {
        endpoint: endpoint.clone(),
        problem,
    };
    let content = RawJson::encode(&HandshakeRequest {
        shell_port: info.shell_port,
        iopub_port: info.iopub_port,
        stdin_port: info.stdin_port,
        control_port: info.control_port,
        hb_port: info.hb_port,
    });
    let parts = Parts {
        header,
        parent_header: RawJson::empty(),
        metadata: RawJson::empty(),
        content,
        buffers: Vec::new(),
    };
    let frames = wire::encode(&[], parts, session);
    let deadline = Instant::now() + PATIENCE;
    let client = match info.transport {
        Transport::Tcp => Client::tcp(&info.ip, file.registration_port, deadline),
        Transport::Ipc => Client::unix(&info.path(file.registration_port), deadline),
    };
    let answer = client.and_then(|mut client| client.ask(frames, deadline));
    let frames = answer.map_err(|source| match source.kind() {
        ErrorKind::TimedOut | ErrorKind::ConnectionRefused | ErrorKind::NotFound => {
            RegistrationError::Silence(endpoint.clone())
        }
        _ => RegistrationError::Socket {
            endpoint: endpoint.clone(),
            source,
        },
    })?;
    let reply = wire::decode(frames, session).map_err(|error| refused(error.to_string()))?;
    if reply.message_type != MessageType::HandshakeReply {
        return Err(refused(format!(
            "it was answered with {}",
            reply.header.msg_type
        )));
    }
    match reply.content.decode::<StatusReply>() {
        Ok(StatusReply {
            status: ReplyStatus::Ok,
        }) => Ok(()),
        // The JEP's first form of the reply has no status.
        Err(_) if reply.content.as_str().trim() == "{}" => Ok(()),
        Ok(_) | Err(_) => Err(refused("its status is not `ok`".to_owned())),
    }
}
