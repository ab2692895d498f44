//! The kernel: what the threads of the language hold.

use crate::connection::{ConnectionFile, ConnectionInfo};
use crate::descriptors::{Descriptors, Originals};
use crate::event::Event;
#[cfg(target_os = "linux")]
use crate::io::Idle;
use crate::io::{Io, IoThread};
use crate::iopub::IoPub;
use crate::lock::lock;
use crate::log::Log;
use crate::outbox::{Outbox, Outgoing};
use crate::parent_process::ParentWatch;
use crate::process::{forked, with_signals_blocked};
use crate::protocol::KernelInfo;
use crate::queue::RequestQueue;
use crate::registration::{RegistrationError, register};
use crate::session::{Session, UnknownScheme};
use crate::shared::Shared;
use crate::sockets::{SocketError, Sockets};
use crate::stdin::Stdin;
use crate::subshell::{Subshell, Subshells};
use rustix::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How a kernel is to be.
pub struct KernelOptions {
    /// What `kernel_info_reply` says.
    pub info: KernelInfo,
    /// The user our headers name.
    pub username: String,
    /// The session our headers name; a new one if none is given.
    pub session: Option<String>,
    /// Whether the kernel ends with the process that started it.
    pub watch_parent: bool,
    /// Interrupts the cell that runs. The I/O thread calls it; it must not wait.
    pub interrupt: Box<dyn Fn() + Send + Sync>,
    /// How long after a wish to shut down the process is ended by force, unless
    /// the kernel was closed.
    pub shutdown_grace: Duration,
}

impl KernelOptions {
    /// The usual ones.
    pub fn new(info: KernelInfo, interrupt: Box<dyn Fn() + Send + Sync>) -> KernelOptions {
        KernelOptions {
            info,
            username: std::env::var("USER").unwrap_or_else(|_| "username".to_owned()),
            session: None,
            watch_parent: false,
            interrupt,
            shutdown_grace: Duration::from_secs(3),
        }
    }
}

/// Why a kernel did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its sockets.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// Its signatures.
    #[error(transparent)]
    Scheme(#[from] UnknownScheme),
    /// Its registration.
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    /// The system.
    #[error("cannot start the kernel: {0}")]
    System(#[from] std::io::Error),
}

/// A running kernel.
#[derive(Clone)]
pub struct Kernel(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    #[cfg(target_os = "linux")]
    idle: Idle,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Kernel {
    /// Binds the sockets and starts to answer. When it returns, clients can
    /// connect, and `kernel_info_request` and the heartbeat are answered.
    pub fn start(file: ConnectionFile, options: KernelOptions) -> Result<Kernel, StartError> {
        crate::process::open_standard_descriptors();
        crate::process::watch_forks();
        let (mut info, registration) = match file {
            ConnectionFile::Connection(info) => (info, None),
            ConnectionFile::Registration(file) => {
                let info = ConnectionInfo {
                    transport: file.transport,
                    ip: file.ip.clone(),
                    key: file.key.clone(),
                    signature_scheme: file.signature_scheme.clone(),
                    ..ConnectionInfo::default()
                };
                (info, Some(file))
            }
        };
        let KernelOptions {
            username, session, ..
        } = &options;
        let mut session = Session::new(
            session.clone(),
            username.clone(),
            &info.signature_scheme,
            &info.key,
        )?;
        let sockets = Sockets::bind(&mut info)?;
        let mut headers = crate::io::Headers::new(&session);
        if let Some(file) = registration {
            let header = headers.next("handshake_request", std::time::SystemTime::now(), None);
            register(&file, &info, &mut session, header)?;
        }
        let outbox = Arc::new(Outbox::new()?);
        let originals = Originals::keep()?;
        let log = Log::new(originals.stderr.try_clone()?);
        let ident = uuid::Uuid::new_v4().to_string();
        let iopub = IoPub::new(Arc::clone(&outbox), &ident);
        let shared = Arc::new(Shared {
            session: session.id.clone(),
            connection: info,
            info: Mutex::new(options.info),
            interrupt: options.interrupt,
            shutdown_grace: options.shutdown_grace,
            outbox,
            shell: RequestQueue::new(iopub.clone(), &ident, true)?,
            control: RequestQueue::new(iopub.clone(), &ident, false)?,
            subshells: Subshells::default(),
            stdin: Stdin::new(iopub.clone()),
            iopub,
            ident,
            log,
            originals,
            captured: AtomicBool::new(false),
            termination: Event::new()?,
            closing: Mutex::new(None),
            stopped: AtomicBool::new(false),
        });
        let ending = Arc::clone(&shared);
        let watch = options.watch_parent.then(ParentWatch::start).flatten();
        let io = Io::new(Arc::clone(&shared), sockets, session, headers, watch);
        let io = IoThread::new(io)?;
        #[cfg(target_os = "linux")]
        let idle = io.idle();
        let thread = with_signals_blocked(|| {
            std::thread::Builder::new()
                .name("ipyrust-io".to_owned())
                .spawn(move || run(io, &ending))
        })?;
        Ok(Kernel(Arc::new(Inner {
            shared,
            #[cfg(target_os = "linux")]
            idle,
            thread: Mutex::new(Some(thread)),
        })))
    }

    /// Changes what `kernel_info_reply` says.
    pub fn set_info(&self, info: KernelInfo) {
        *lock(&self.0.shared.info) = info;
    }

    /// What `kernel_info_reply` says.
    pub fn info(&self) -> KernelInfo {
        lock(&self.0.shared.info).clone()
    }

    /// Where the sockets are, with the ports that are bound.
    pub fn connection(&self) -> &ConnectionInfo {
        &self.0.shared.connection
    }

    /// The session our headers name.
    pub fn session(&self) -> &str {
        &self.0.shared.session
    }

    /// The kernel's own id, which IOPub topics carry.
    pub fn ident(&self) -> &str {
        &self.0.shared.ident
    }

    /// Requests for the main shell.
    pub fn shell(&self) -> &RequestQueue {
        &self.0.shared.shell
    }

    /// For a thread that waits for them, to read them itself.
    #[cfg(target_os = "linux")]
    pub fn idle(&self) -> &Idle {
        &self.0.idle
    }

    /// Requests that do not wait for a cell and need the language.
    pub fn control(&self) -> &RequestQueue {
        &self.0.shared.control
    }

    /// Where everybody listens.
    pub fn iopub(&self) -> &IoPub {
        &self.0.shared.iopub
    }

    /// Questions to the user.
    pub fn stdin(&self) -> &Stdin {
        &self.0.shared.stdin
    }

    /// Makes a subshell; some thread must serve its queue.
    pub fn create_subshell(&self) -> std::io::Result<Subshell> {
        let shared = &self.0.shared;
        let queue = RequestQueue::new(shared.iopub.clone(), &shared.ident, false)?;
        Ok(shared.subshells.add(queue))
    }

    /// Closes a subshell's queue and forgets it; whether there was one. Requests
    /// that waited in it are answered with an error.
    pub fn delete_subshell(&self, id: &str) -> bool {
        let Some(queue) = self.0.shared.subshells.remove(id) else {
            return false;
        };
        queue.close();
        if !forked() {
            let refused = Outgoing::Refused {
                requests: queue.waiting().take_all(),
                ename: "SubshellDeleted",
                evalue: format!("the subshell {id} has been deleted"),
            };
            self.0.shared.outbox.push(refused);
            self.0.shared.outbox.hurry();
        }
        true
    }

    /// The ids of the subshells there are.
    pub fn subshells(&self) -> Vec<String> {
        self.0.shared.subshells.ids()
    }

    /// A descriptor for signal handlers: eight bytes, a 1 in the machine's order,
    /// written to it say that the process was told to end. What is left to it is
    /// the time of a shutdown; then it is ended by force.
    pub fn termination_fd(&self) -> RawFd {
        self.0.shared.termination.write_fd()
    }

    /// Takes over descriptors 1 and 2: what is written there is published from
    /// now on. Not done by the start, for what a language says while it cannot
    /// run yet is for who started it.
    pub fn capture(&self) -> std::io::Result<()> {
        let shared = &self.0.shared;
        if !shared.captured.swap(true, Ordering::AcqRel) {
            shared.iopub.capture(Descriptors::capture()?);
        }
        Ok(())
    }

    /// Descriptors 1 and 2 as they were before they were captured.
    pub fn original_descriptors(&self) -> (RawFd, RawFd) {
        let originals = &self.0.shared.originals;
        (originals.stdout.as_raw_fd(), originals.stderr.as_raw_fd())
    }

    /// Ends the kernel: queues are closed, what they hold is answered, what was
    /// published is sent, at most this long, and the I/O thread is joined.
    pub fn close(&self, grace: Duration) {
        // A child of fork has the thread's handle and not the thread.
        if forked() {
            return;
        }
        let shared = &self.0.shared;
        let thread = lock(&self.0.thread).take();
        let Some(thread) = thread else { return };
        if shared.captured.load(Ordering::Acquire) {
            shared.originals.restore();
        }
        shared.shell.close();
        shared.control.close();
        shared
            .subshells
            .queues()
            .iter()
            .for_each(RequestQueue::close);
        shared.stdin.close();
        *lock(&shared.closing) = Some(Instant::now() + grace);
        shared.outbox.wake.notify(true);
        if thread.join().is_err() {
            shared.log.say("the I/O thread ended with a panic");
        }
    }

    /// Whether the I/O thread has ended.
    pub fn is_closed(&self) -> bool {
        self.0.shared.stopped.load(Ordering::Acquire)
    }
}

/// Runs the I/O thread. Should it panic, which is our mistake, nobody can be
/// answered any more: the log says so, and the language sees its queues end.
fn run(io: IoThread, shared: &Shared) {
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| io.run()));
    if ended.is_err() {
        shared.log.say("the I/O thread panicked; the kernel ends");
        shared.shell.close();
        shared.control.close();
        shared
            .subshells
            .queues()
            .iter()
            .for_each(RequestQueue::close);
        shared.stdin.close();
        shared.stopped.store(true, Ordering::Release);
    }
}

impl Drop for Inner {
    /// A kernel that is dropped is closed; one that was closed has no thread.
    fn drop(&mut self) {
        if forked() {
            return;
        }
        if let Some(thread) = lock(&self.thread).take() {
            *lock(&self.shared.closing) = Some(Instant::now() + Duration::from_secs(1));
            self.shared.outbox.wake.notify(true);
            drop(thread.join());
        }
    }
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Kernel")
            .field("connection", self.connection())
            .finish()
    }
}
