//! The messaging protocol's nouns: types of messages, headers, contents.
//!
//! What the kernel carries and does not read (mime bundles, comm data) stays
//! [`RawJson`]: checked once to be JSON, then never parsed or copied again.
//! The names are those of the Jupyter messaging specification, version 5.5.

mod check;
mod content;
mod date;
mod raw;

pub use check::{ContentError, complete};
pub use content::*;
pub use date::iso8601;
pub use raw::RawJson;

use serde::{Deserialize, Serialize};

/// The version of the messaging specification we speak.
pub const PROTOCOL_VERSION: &str = "5.5";

macro_rules! message_types {
    ($($variant:ident = $name:literal),* $(,)?) => {
        /// The type of a message, by the specification's name.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum MessageType {
            $(#[doc = $name] $variant,)*
            /// A type the specification does not know; it is carried as it came.
            Unknown(Box<str>),
        }

        impl MessageType {
            /// The name on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Unknown(name) => name,
                }
            }
        }

        impl From<&str> for MessageType {
            fn from(name: &str) -> Self {
                match name {
                    $($name => Self::$variant,)*
                    other => Self::Unknown(other.into()),
                }
            }
        }
    };
}

message_types! {
    // Requests, on shell and on control.
    ExecuteRequest = "execute_request",
    CompleteRequest = "complete_request",
    InspectRequest = "inspect_request",
    IsCompleteRequest = "is_complete_request",
    HistoryRequest = "history_request",
    CommInfoRequest = "comm_info_request",
    KernelInfoRequest = "kernel_info_request",
    ConnectRequest = "connect_request",
    InterruptRequest = "interrupt_request",
    ShutdownRequest = "shutdown_request",
    DebugRequest = "debug_request",
    UsageRequest = "usage_request",
    CreateSubshellRequest = "create_subshell_request",
    DeleteSubshellRequest = "delete_subshell_request",
    ListSubshellRequest = "list_subshell_request",
    // Both ways, without a reply.
    CommOpen = "comm_open",
    CommMsg = "comm_msg",
    CommClose = "comm_close",
    // Replies.
    ExecuteReply = "execute_reply",
    CompleteReply = "complete_reply",
    InspectReply = "inspect_reply",
    IsCompleteReply = "is_complete_reply",
    HistoryReply = "history_reply",
    CommInfoReply = "comm_info_reply",
    KernelInfoReply = "kernel_info_reply",
    ConnectReply = "connect_reply",
    InterruptReply = "interrupt_reply",
    ShutdownReply = "shutdown_reply",
    DebugReply = "debug_reply",
    UsageReply = "usage_reply",
    CreateSubshellReply = "create_subshell_reply",
    DeleteSubshellReply = "delete_subshell_reply",
    ListSubshellReply = "list_subshell_reply",
    // Published on IOPub.
    Status = "status",
    Stream = "stream",
    ExecuteInput = "execute_input",
    ExecuteResult = "execute_result",
    DisplayData = "display_data",
    UpdateDisplayData = "update_display_data",
    ClearOutput = "clear_output",
    Error = "error",
    DebugEvent = "debug_event",
    IopubWelcome = "iopub_welcome",
    // Stdin.
    InputRequest = "input_request",
    InputReply = "input_reply",
    // The registration of the kernel's ports with who started it.
    HandshakeRequest = "handshake_request",
    HandshakeReply = "handshake_reply",
}

impl std::fmt::Display for MessageType {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl MessageType {
    /// The type of the reply to this request; `None` if it has no reply.
    pub fn reply(&self) -> Option<MessageType> {
        Some(match self {
            Self::ExecuteRequest => Self::ExecuteReply,
            Self::CompleteRequest => Self::CompleteReply,
            Self::InspectRequest => Self::InspectReply,
            Self::IsCompleteRequest => Self::IsCompleteReply,
            Self::HistoryRequest => Self::HistoryReply,
            Self::CommInfoRequest => Self::CommInfoReply,
            Self::KernelInfoRequest => Self::KernelInfoReply,
            Self::ConnectRequest => Self::ConnectReply,
            Self::InterruptRequest => Self::InterruptReply,
            Self::ShutdownRequest => Self::ShutdownReply,
            Self::DebugRequest => Self::DebugReply,
            Self::UsageRequest => Self::UsageReply,
            Self::CreateSubshellRequest => Self::CreateSubshellReply,
            Self::DeleteSubshellRequest => Self::DeleteSubshellReply,
            Self::ListSubshellRequest => Self::ListSubshellReply,
            _ => return None,
        })
    }

    /// Whether this is a message of a comm: those may pass a running cell that awaits.
    pub fn is_comm(&self) -> bool {
        matches!(self, Self::CommOpen | Self::CommMsg | Self::CommClose)
    }
}

/// Where a request came in and its reply goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Requests that wait for their turn.
    Shell,
    /// Requests that must not wait for a cell.
    Control,
}

impl Channel {
    /// The channel's name in the specification.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shell => "shell",
            Self::Control => "control",
        }
    }
}

/// The header of a message.
///
/// Only `msg_id` and `msg_type` are needed to answer; the rest may be left out
/// by small hand-written clients.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Header {
    /// Unique per message.
    pub msg_id: String,
    /// The type, by its name.
    pub msg_type: String,
    /// The session of the sender.
    #[serde(default)]
    pub session: String,
    /// The user of the sender.
    #[serde(default)]
    pub username: String,
    /// When it was made, ISO 8601.
    #[serde(default)]
    pub date: String,
    /// The version of the protocol.
    #[serde(default)]
    pub version: String,
    /// The subshell a shell request is meant for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subshell_id: Option<String>,
}
