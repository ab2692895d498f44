//! A request is a value that must be spent: busy at its birth, one reply, idle
//! at its end. Dropped without a reply it becomes an error reply, for silence
//! is what hangs clients.

use crate::iopub::IoPub;
use crate::outbox::{Outbound, Outgoing};
use crate::parent::{Arrived, Parent};
use crate::process::forked;
use crate::protocol::{Channel, ErrorReply, MessageType, RawJson, ReplyStatus, StatusReply};
use crate::waiting::Waiting;
use crate::wire::Message;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

/// A request that is being answered.
pub struct Request {
    parent: Arc<Parent>,
    channel: Channel,
    main_shell: bool,
    queue: Arc<Waiting>,
    iopub: IoPub,
    engine: Arc<str>,
    started: SystemTime,
    replied: bool,
    closed: bool,
    aborting: bool,
}

/// Why a reply was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// A request has one reply.
    #[error("the request has been answered already")]
    AlreadyReplied,
    /// Messages of comms have none.
    #[error("messages of this type have no reply")]
    NoReply,
    /// The request has ended.
    #[error("the request has ended")]
    Closed,
}

impl Request {
    /// Publishes busy.
    pub(crate) fn begin(
        arrived: Arrived,
        queue: Arc<Waiting>,
        iopub: IoPub,
        engine: Arc<str>,
        main_shell: bool,
    ) -> Request {
        iopub.begin(&arrived.parent, main_shell);
        Request {
            parent: arrived.parent,
            channel: arrived.channel,
            main_shell,
            queue,
            iopub,
            engine,
            started: SystemTime::now(),
            replied: false,
            closed: false,
            aborting: false,
        }
    }

    /// Its type.
    pub fn kind(&self) -> &MessageType {
        &self.parent.message.message_type
    }

    /// The whole message.
    pub fn message(&self) -> &Message {
        &self.parent.message
    }

    /// What publishing needs to name it.
    pub fn parent(&self) -> &Arc<Parent> {
        &self.parent
    }

    /// Where it came in.
    pub fn channel(&self) -> Channel {
        self.channel
    }

    /// The subshell it was sent to.
    pub fn subshell_id(&self) -> Option<&str> {
        self.parent.message.header.subshell_id.as_deref()
    }

    /// Whether it has its reply.
    pub fn replied(&self) -> bool {
        self.replied
    }

    /// Answers; text its cell has written goes before. The idle that follows takes
    /// it along.
    pub fn reply(
        &mut self,
        content: RawJson,
        metadata: Option<RawJson>,
        buffers: Vec<Bytes>,
    ) -> Result<(), ReplyError> {
        let message = self.spend(content, metadata, buffers)?;
        if !forked() {
            let outgoing = Outgoing::Reply {
                channel: self.channel,
                message,
            };
            self.iopub.push_after_text(&self.parent, outgoing, false);
        }
        Ok(())
    }

    /// Answers, and aborts the execute requests that wait behind this one: those
    /// in its queue and those that lie unread in the shell socket. What arrives
    /// after the reply has been sent runs.
    pub fn reply_aborting(
        &mut self,
        content: RawJson,
        metadata: Option<RawJson>,
        buffers: Vec<Bytes>,
    ) -> Result<(), ReplyError> {
        let message = self.spend(content, metadata, buffers)?;
        if !forked() {
            self.aborting = true;
            // Nothing comes out of the queue until the I/O thread has looked
            // what belongs to the aborted ones.
            self.queue.pause();
            let (channel, queue) = (self.channel, self.queue.clone());
            let outgoing = Outgoing::ReplyAborting {
                channel,
                message,
                queue,
            };
            self.iopub.push_after_text(&self.parent, outgoing, false);
        }
        Ok(())
    }

    /// Answers with an error.
    pub fn fail(
        &mut self,
        ename: &str,
        evalue: &str,
        traceback: Vec<String>,
    ) -> Result<(), ReplyError> {
        let error = ErrorReply {
            traceback,
            ..ErrorReply::new(ename, evalue)
        };
        self.reply(RawJson::encode(&error), None, Vec::new())
    }

    fn spend(
        &mut self,
        content: RawJson,
        metadata: Option<RawJson>,
        buffers: Vec<Bytes>,
    ) -> Result<Outbound, ReplyError> {
        if self.closed {
            return Err(ReplyError::Closed);
        }
        if self.replied {
            return Err(ReplyError::AlreadyReplied);
        }
        let kind = self.kind().reply().ok_or(ReplyError::NoReply)?;
        let metadata = if kind == MessageType::ExecuteReply {
            execute_metadata(&content, metadata.as_ref(), self.started, &self.engine)
        } else {
            metadata.unwrap_or_else(RawJson::empty)
        };
        self.replied = true;
        let mut message = Outbound::new(kind, content, Some(&self.parent));
        message.metadata = metadata;
        message.buffers = buffers;
        Ok(message)
    }

    /// Ends the request: an error reply if it has none, then idle.
    pub fn close(&mut self) {
        if self.closed {
            return;
        }
        if !self.replied && self.kind().reply().is_some() {
            let evalue = format!("the handler of {} gave no reply", self.kind());
            // It is neither closed nor answered, and its type has a reply.
            let _ = self.fail("NoReply", &evalue, Vec::new());
        }
        self.closed = true;
        if !forked() {
            let after = self.aborting.then(|| Outgoing::Aborted(self.queue.clone()));
            self.iopub.end(&self.parent, self.main_shell, after);
            self.queue.finished();
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.parent.fmt(formatter)
    }
}

/// What clients find in the metadata of an `execute_reply`, as from ipykernel;
/// JupyterLab shows the time a cell took from `started`.
pub(crate) fn execute_metadata(
    content: &RawJson,
    metadata: Option<&RawJson>,
    started: SystemTime,
    engine: &str,
) -> RawJson {
    #[derive(Deserialize)]
    struct Ending {
        status: Option<ReplyStatus>,
    }
    #[derive(Serialize)]
    struct Metadata<'a> {
        started: String,
        dependencies_met: bool,
        engine: &'a str,
        status: ReplyStatus,
        #[serde(flatten)]
        more: BTreeMap<String, serde_json::Value>,
    }
    let status = content
        .decode::<Ending>()
        .ok()
        .and_then(|ending| ending.status);
    let mut more: BTreeMap<String, serde_json::Value> = metadata
        .and_then(|metadata| metadata.decode().ok())
        .unwrap_or_default();
    // A key must not stand twice in an object; the kernel's own are the truth.
    for name in ["started", "dependencies_met", "engine", "status"] {
        more.remove(name);
    }
    RawJson::encode(&Metadata {
        started: crate::protocol::iso8601(started),
        dependencies_met: true,
        engine,
        status: status.unwrap_or(ReplyStatus::Ok),
        more,
    })
}

/// The replies to requests that are not tried; what is the same in all is encoded once.
pub(crate) struct Aborted {
    content: RawJson,
    metadata: RawJson,
}

impl Aborted {
    pub(crate) fn new(engine: &str) -> Aborted {
        let content = RawJson::encode(&StatusReply {
            status: ReplyStatus::Aborted,
        });
        let metadata = execute_metadata(&content, None, SystemTime::now(), engine);
        Aborted { content, metadata }
    }

    pub(crate) fn reply(&self, arrived: &Arrived) -> Option<Outbound> {
        let kind = arrived.parent.message.message_type.reply()?;
        let mut message = Outbound::new(kind, self.content.clone(), Some(&arrived.parent));
        message.metadata = self.metadata.clone();
        Some(message)
    }
}
