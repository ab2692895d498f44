//! What the I/O thread and the threads of the language have in common.

use crate::connection::ConnectionInfo;
use crate::descriptors::Originals;
use crate::event::Event;
use crate::iopub::IoPub;
use crate::log::Log;
use crate::outbox::Outbox;
use crate::protocol::KernelInfo;
use crate::queue::RequestQueue;
use crate::stdin::Stdin;
use crate::subshell::Subshells;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// See the module.
pub(crate) struct Shared {
    pub(crate) connection: ConnectionInfo,
    pub(crate) session: String,
    pub(crate) ident: String,
    pub(crate) info: Mutex<KernelInfo>,
    pub(crate) interrupt: Box<dyn Fn() + Send + Sync>,
    pub(crate) shutdown_grace: Duration,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) iopub: IoPub,
    pub(crate) shell: RequestQueue,
    pub(crate) control: RequestQueue,
    pub(crate) subshells: Subshells,
    pub(crate) stdin: Stdin,
    pub(crate) log: Log,
    pub(crate) originals: Originals,
    pub(crate) captured: AtomicBool,
    /// Raised by signal handlers when the process was told to end.
    pub(crate) termination: Event,
    /// Until when the I/O thread may take to send what is left, once closing.
    pub(crate) closing: Mutex<Option<Instant>>,
    pub(crate) stopped: AtomicBool,
}
