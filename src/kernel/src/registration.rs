//! JEP 66: a kernel that found its own ports tells them to who started it.

use crate::connection::{ConnectionInfo, RegistrationFile};
use crate::protocol::{MessageType, RawJson, ReplyStatus, StatusReply};
use crate::session::Session;
use crate::wire::{self, Parts};
use bytes::Bytes;
use serde::Serialize;
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
        source: zmq::Error,
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
    context: &zmq::Context,
) -> Result<(), RegistrationError> {
    let endpoint = info.endpoint(file.registration_port);
    let failed = |source| RegistrationError::Socket {
        endpoint: endpoint.clone(),
        source,
    };
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
    let socket = context.socket(zmq::REQ).map_err(failed)?;
    socket.set_linger(0).map_err(failed)?;
    socket.connect(&endpoint).map_err(failed)?;
    let frames = wire::encode(&[], parts, session);
    socket
        .send_multipart(frames.iter().map(|frame| &frame[..]), 0)
        .map_err(failed)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = deadline
            .saturating_duration_since(Instant::now())
            .as_millis();
        match socket.poll(zmq::POLLIN, i64::try_from(left).unwrap_or(i64::MAX)) {
            Ok(0) => return Err(RegistrationError::Silence(endpoint)),
            Ok(_) => break,
            Err(zmq::Error::EINTR) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    let frames = socket.recv_multipart(0).map_err(failed)?;
    let frames = frames.into_iter().map(Bytes::from).collect();
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
