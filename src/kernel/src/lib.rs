//! A Jupyter kernel library: sockets, framing, signing, queues, order, output,
//! input and lifecycle, for a language that pulls its requests and pushes its
//! results.
//!
//! There is no handler trait and no callback into the language. [`Kernel::start`]
//! binds the sockets and starts one I/O thread; threads of the language take a
//! [`Request`] from a [`RequestQueue`], publish through [`IoPub`], ask through
//! [`Stdin`] and answer with [`Request::reply`]. What needs no language
//! (`kernel_info`, heartbeat, interrupts, aborts) is answered beside a running
//! cell. `examples/echo.rs` is a whole kernel.
//!
//! How the modules lead to each other: `kernel -> io -> sockets -> zmtp ->
//! encryption -> connection`; `kernel -> queue, stdin, subshell -> request ->
//! iopub -> outbox -> wire -> session -> protocol`.

mod alarm;
pub mod children;
mod connection;
mod descriptors;
#[cfg(target_os = "linux")]
mod doorbell;
mod encryption;
mod event;
#[cfg(test)]
mod hot_paths;
mod io;
mod iopub;
mod kernel;
#[cfg(target_os = "linux")]
mod lent;
mod lifecycle;
mod lock;
mod log;
mod nacl;
mod outbox;
mod parent;
mod parent_process;
mod process;
pub mod protocol;
mod queue;
mod record;
mod registration;
mod request;
mod session;
mod shared;
mod sockets;
pub mod spare;
mod stdin;
mod streams;
mod subshell;
pub mod usage;
mod waiting;
mod wake;
mod watch;
mod wire;
mod z85;
mod zmtp;

pub use bytes::Bytes;
pub use connection::{
    ConnectionError, ConnectionFile, ConnectionInfo, ConnectionOverrides, RegistrationFile, Secret,
    Transport, reason,
};
pub use encryption::EncryptionError;
#[cfg(target_os = "linux")]
pub use io::Idle;
pub use iopub::IoPub;
pub use kernel::{Kernel, KernelOptions, StartError};
pub use lifecycle::exit_after;
pub use parent::Parent;
pub use process::forked;
pub use protocol::{
    Channel, Header, HelpLink, KernelInfo, MessageType, RawJson, StreamName, iso8601,
};
pub use queue::{Next, RequestQueue};
pub use registration::RegistrationError;
pub use request::{ReplyError, Request};
pub use session::{Session, SignatureError, UnknownScheme};
pub use sockets::SocketError;
pub use stdin::{Answer, Pending, Stdin};
pub use subshell::Subshell;
pub use wire::{DELIMITER, Message, Parts, WireError, decode, encode};
