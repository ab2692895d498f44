//! Routing: which message is answered here, which waits for the language, and
//! in which queue.

use super::{Gate, Io, SUBSCRIBER_PATIENCE};
use crate::lock::lock;
use crate::outbox::Outbound;
use crate::parent::{Arrived, Parent};
use crate::protocol::{
    Channel, ConnectReply, ErrorReply, Header, ListSubshellReply, MessageType, RawJson,
    ReplyStatus, ShutdownRequest, StatusReply, complete,
};
use crate::request::Aborted;
use crate::wire::{self, Message};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Instant;

impl Io {
    /// A message came in on shell or control.
    pub(super) fn arrived(&mut self, channel: Channel, frames: Vec<Bytes>) {
        let mut message = match wire::decode(frames, &mut self.session) {
            Ok(message) => message,
            Err(error) => {
                self.shared
                    .log
                    .say(format_args!("{error} on {}", channel.as_str()));
                return;
            }
        };
        let checked = complete(&message.message_type, message.content.clone());
        if let Ok(content) = &checked {
            message.content = content.clone();
        }
        let parent = Arc::new(Parent::new(message));
        let arrived = Arrived {
            parent,
            channel,
            at: Instant::now(),
        };
        match checked {
            Ok(_) => self.route(arrived),
            Err(error) => {
                self.shared
                    .log
                    .say(format_args!("{error} on {}", channel.as_str()));
                self.answer_error(&arrived, "ContentError", &error.to_string());
            }
        }
    }

    fn route(&mut self, arrived: Arrived) {
        let status = RawJson::encode(&StatusReply {
            status: ReplyStatus::Ok,
        });
        match &arrived.parent.message.message_type {
            // Need no language: answered here, also while a cell runs.
            MessageType::KernelInfoRequest => {
                let reply = lock(&self.shared.info).reply();
                self.answer(&arrived, reply);
            }
            MessageType::ConnectRequest => {
                let reply = self.connect_reply();
                self.answer(&arrived, reply);
            }
            MessageType::UsageRequest => {
                let reply = self.usage.reply();
                self.answer(&arrived, reply);
            }
            MessageType::InterruptRequest => {
                (self.shared.interrupt)();
                self.answer(&arrived, status);
            }
            // Behind one that makes or deletes a subshell it waits its turn.
            MessageType::ListSubshellRequest if self.shared.control.waiting().is_at_rest() => {
                let reply = self.subshells_reply();
                self.answer(&arrived, reply);
            }
            // Need the language, and must not wait for a cell.
            MessageType::ShutdownRequest if arrived.channel == Channel::Control => {
                self.begin_shutdown();
                self.enqueue(arrived);
            }
            MessageType::DebugRequest
            | MessageType::CreateSubshellRequest
            | MessageType::DeleteSubshellRequest
            | MessageType::ListSubshellRequest => self.enqueue(arrived),
            // Wait for their turn in a shell. Clients of the protocol before 5.4
            // send shutdown_request there, to end the kernel after their cells.
            MessageType::ShutdownRequest
            | MessageType::ExecuteRequest
            | MessageType::CompleteRequest
            | MessageType::InspectRequest
            | MessageType::IsCompleteRequest
            | MessageType::HistoryRequest
            | MessageType::CommInfoRequest
            | MessageType::CommOpen
            | MessageType::CommMsg
            | MessageType::CommClose => self.hold_or_enqueue(arrived),
            // Busy and idle tell the client that it has been seen.
            other => {
                let channel = arrived.channel.as_str();
                self.shared
                    .log
                    .say(format_args!("unknown message type {other} on {channel}"));
                self.seen(&arrived);
            }
        }
    }

    fn hold_or_enqueue(&mut self, arrived: Arrived) {
        let Some(gate) = &mut self.gate else {
            return self.enqueue(arrived);
        };
        let Gate { held, deadline } = gate;
        held.push(arrived);
        deadline.get_or_insert_with(|| Instant::now() + SUBSCRIBER_PATIENCE);
    }

    /// Puts it into the queue it belongs to.
    pub(super) fn enqueue(&mut self, arrived: Arrived) {
        let shared = Arc::clone(&self.shared);
        let message = &arrived.parent.message;
        let to_control = match message.message_type {
            MessageType::ShutdownRequest => arrived.channel == Channel::Control,
            MessageType::DebugRequest
            | MessageType::CreateSubshellRequest
            | MessageType::DeleteSubshellRequest
            | MessageType::ListSubshellRequest => true,
            _ => false,
        };
        let subshell_id = message.header.subshell_id.as_deref();
        let queue = match subshell_id {
            _ if to_control => shared.control.clone(),
            Some(id) if arrived.channel == Channel::Shell => match shared.subshells.get(id) {
                Some(queue) => queue,
                None => {
                    let evalue = format!("there is no subshell {id}");
                    return self.answer_error(&arrived, "UnknownSubshellError", &evalue);
                }
            },
            _ => shared.shell.clone(),
        };
        if let Err(arrived) = queue.waiting().push(arrived) {
            self.answer_aborted(&arrived);
        }
    }

    fn connect_reply(&self) -> RawJson {
        let connection = &self.shared.connection;
        RawJson::encode(&ConnectReply {
            status: ReplyStatus::Ok,
            shell_port: connection.shell_port,
            iopub_port: connection.iopub_port,
            stdin_port: connection.stdin_port,
            control_port: connection.control_port,
            hb_port: connection.hb_port,
        })
    }

    fn subshells_reply(&self) -> RawJson {
        RawJson::encode(&ListSubshellReply {
            status: ReplyStatus::Ok,
            subshell_id: self.shared.subshells.ids(),
        })
    }

    /// The reply leaves before its statuses, which a client in a hurry does not wait for: IOPub
    /// keeps no order with other sockets anyway.
    fn answer(&mut self, arrived: &Arrived, content: RawJson) {
        if let Some(kind) = arrived.parent.message.message_type.reply() {
            let message = Outbound::new(kind, content, Some(&arrived.parent));
            self.reply(arrived.channel, message);
            self.hand_over();
        }
        self.seen(arrived);
    }

    pub(super) fn answer_error(&mut self, arrived: &Arrived, ename: &str, evalue: &str) {
        self.answer(arrived, RawJson::encode(&ErrorReply::new(ename, evalue)));
    }

    /// Answers one that is not tried, because another failed or the kernel ends.
    fn answer_aborted(&mut self, arrived: &Arrived) {
        if let Some(message) = Aborted::new(&self.shared.ident).reply(arrived) {
            self.reply(arrived.channel, message);
        }
        self.seen(arrived);
    }

    /// Busy and idle.
    fn seen(&self, arrived: &Arrived) {
        self.shared.iopub.begin(&arrived.parent, false);
        self.shared.iopub.end(&arrived.parent, false, None);
    }

    pub(super) fn answer_ending(&mut self, waiting: Vec<Arrived>) {
        for arrived in waiting {
            match arrived.parent.message.message_type {
                // Its sender waits for this reply to see us end.
                MessageType::ShutdownRequest => {
                    let restart = arrived.parent.message.content.decode::<ShutdownRequest>();
                    let restart = restart.is_ok_and(|request| request.restart);
                    let status = ReplyStatus::Ok;
                    let reply = crate::protocol::ShutdownReply { status, restart };
                    self.answer(&arrived, RawJson::encode(&reply));
                }
                _ => self.answer_aborted(&arrived),
            }
        }
    }

    /// A message came in on stdin.
    pub(super) fn answered(&mut self, frames: Vec<Bytes>) {
        let problem = match wire::decode(frames, &mut self.session) {
            Ok(message) if message.message_type == MessageType::InputReply => {
                self.shared.stdin.answer(&message).err().map(str::to_owned)
            }
            Ok(message) => Some(format!("unknown message type {}", message.message_type)),
            Err(error) => Some(error.to_string()),
        };
        if let Some(problem) = problem {
            self.shared.log.say(format_args!("{problem} on stdin"));
        }
    }

    /// The end of our parent, told to the language as a request without a sender.
    pub(super) fn wish_shutdown(&mut self) {
        if !self.begin_shutdown() {
            return;
        }
        let header = Header {
            msg_id: uuid::Uuid::new_v4().to_string(),
            msg_type: "shutdown_request".to_owned(),
            session: self.shared.session.clone(),
            username: self.session.username.clone(),
            date: String::new(),
            version: crate::protocol::PROTOCOL_VERSION.to_owned(),
            subshell_id: None,
        };
        let message = Message {
            message_type: MessageType::ShutdownRequest,
            header_json: RawJson::encode(&header),
            header,
            parent_header: RawJson::empty(),
            metadata: RawJson::empty(),
            content: RawJson::encode(&ShutdownRequest { restart: false }),
            buffers: Vec::new(),
            identities: Vec::new(),
        };
        let parent = Arc::new(Parent::new(message));
        let arrived = Arrived {
            parent,
            channel: Channel::Control,
            at: Instant::now(),
        };
        self.enqueue(arrived);
    }

    /// The clock of the end by force starts, and a running cell is interrupted;
    /// whether it was the first wish.
    fn begin_shutdown(&mut self) -> bool {
        let first = self.shutdown.wish(self.shared.shutdown_grace);
        if first && self.shared.iopub.is_busy() {
            (self.shared.interrupt)();
        }
        first
    }
}
