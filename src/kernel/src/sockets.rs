//! The five sockets: made, given their options, bound.

use crate::connection::{ConnectionInfo, Transport};
use crate::encryption::{EncryptionError, Keys, Refusals};
use crate::polled::Polled;
use crate::zmq_thread::ZmqThread;
use std::ffi::{c_int, c_void};
use std::path::Path;
use zmq::{Context, Socket, SocketType};

/// Messages in libzmq's hands per subscriber; what is more waits with us, where
/// it can be counted in bytes.
const IOPUB_MESSAGES: i32 = 64;
/// How long replies that nobody reads can delay the end of the process.
const LINGER_MILLISECONDS: i32 = 1000;

/// Where shell is in `Sockets::all`.
pub(crate) const SHELL: usize = 1;

/// The sockets of a kernel. The context is dropped last, as the order says.
pub(crate) struct Sockets {
    pub(crate) shell: Polled,
    pub(crate) control: Polled,
    pub(crate) stdin: Polled,
    pub(crate) heartbeat: Polled,
    pub(crate) iopub: Polled,
    /// Of an encrypted kernel.
    pub(crate) refusals: Refusals,
    pub(crate) thread: ZmqThread,
    pub(crate) context: Context,
}

/// Why sockets could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Such as a port in use.
    #[error("cannot bind the {name} socket at {endpoint}: {source}")]
    Bind {
        /// Which socket.
        name: &'static str,
        /// Where.
        endpoint: String,
        /// Why.
        source: zmq::Error,
    },
    /// An option libzmq does not take.
    #[error("cannot set up the {name} socket: {source}")]
    Option {
        /// Which socket.
        name: &'static str,
        /// Why.
        source: zmq::Error,
    },
    /// The keys of the connection file.
    #[error(transparent)]
    Encryption(#[from] EncryptionError),
}

impl Sockets {
    /// Binds all five; ports that were 0 become the bound ones.
    pub(crate) fn bind(info: &mut ConnectionInfo) -> Result<Sockets, SocketError> {
        crate::nacl::install();
        let keys = Keys::of(info)?;
        let context = Context::new();
        let mut refusals = Refusals::default();
        let mut make =
            |name, kind, port: &mut u16, info: &ConnectionInfo| -> Result<Polled, SocketError> {
                let option = |source| SocketError::Option { name, source };
                let mut socket = context.socket(kind).map_err(option)?;
                set_up(&mut socket, kind, info).map_err(option)?;
                if let Some(keys) = &keys {
                    keys.give(&socket).map_err(option)?;
                    refusals.watch(name, &socket, &context).map_err(option)?;
                }
                bind(&socket, name, port, info)?;
                Polled::new(socket).map_err(option)
            };
        // The shape of the file stays; only its ports are written.
        let told = info.clone();
        // With the first socket libzmq starts its threads.
        let (thread, shell) =
            ZmqThread::started_by(|| make("shell", zmq::ROUTER, &mut info.shell_port, &told));
        Ok(Sockets {
            shell: shell?,
            control: make("control", zmq::ROUTER, &mut info.control_port, &told)?,
            stdin: make("stdin", zmq::ROUTER, &mut info.stdin_port, &told)?,
            heartbeat: make("heartbeat", zmq::ROUTER, &mut info.hb_port, &told)?,
            iopub: make("iopub", zmq::XPUB, &mut info.iopub_port, &told)?,
            refusals,
            thread,
            context,
        })
    }

    /// All of them, in an order of their own, in which shell is at `SHELL`.
    pub(crate) fn all(&self) -> [&Polled; 5] {
        [
            &self.control,
            &self.shell,
            &self.stdin,
            &self.heartbeat,
            &self.iopub,
        ]
    }

    /// Lets the next message pass subscribers that take nothing, or none again.
    pub(crate) fn set_lossless(&mut self, lossless: bool) {
        // It was set once at the start, so the option is known to be taken.
        let iopub = self.iopub.socket_mut();
        let _ = set_option(iopub, zmq_sys::ZMQ_XPUB_NODROP, lossless.into());
    }
}

fn set_up(socket: &mut Socket, kind: SocketType, info: &ConnectionInfo) -> zmq::Result<()> {
    socket.set_linger(LINGER_MILLISECONDS)?;
    if info.ip.contains(':') {
        socket.set_ipv6(true)?;
    }
    if kind == zmq::XPUB {
        // A full subscriber makes us wait instead of losing messages, and every
        // subscription is told to us, so that each is welcomed.
        socket.set_sndhwm(IOPUB_MESSAGES)?;
        socket.set_xpub_verbose(true)?;
        set_option(socket, zmq_sys::ZMQ_XPUB_NODROP, 1)
    } else {
        // Replies are never dropped, however slowly they are read; and a client
        // that comes back under its identity gets them.
        socket.set_sndhwm(0)?;
        set_option(socket, zmq_sys::ZMQ_ROUTER_HANDOVER, 1)
    }
}

/// Sets an option the `zmq` crate has no method for.
fn set_option(socket: &mut Socket, option: u32, value: c_int) -> zmq::Result<()> {
    let option = c_int::try_from(option).map_err(|_| zmq::Error::EINVAL)?;
    // SAFETY: the socket is open as long as it is borrowed, and the option is
    // one of those that take an int, which is what the pointer and size say.
    let code = unsafe {
        zmq_sys::zmq_setsockopt(
            socket.as_mut_ptr(),
            option,
            (&raw const value).cast::<c_void>(),
            size_of::<c_int>(),
        )
    };
    if code == 0 {
        Ok(())
    } else {
        // SAFETY: zmq_errno reads a thread-local number.
        Err(zmq::Error::from_raw(unsafe { zmq_sys::zmq_errno() }))
    }
}

fn bind(
    socket: &Socket,
    name: &'static str,
    port: &mut u16,
    info: &ConnectionInfo,
) -> Result<(), SocketError> {
    if info.transport == Transport::Ipc {
        return bind_ipc(socket, name, port, info);
    }
    let endpoint = info.endpoint(*port);
    let failed = |source| SocketError::Bind {
        name,
        endpoint: endpoint.clone(),
        source,
    };
    socket.bind(&endpoint).map_err(failed)?;
    if *port == 0 {
        let bound = socket
            .get_last_endpoint()
            .map_err(failed)?
            .unwrap_or_default();
        let number = bound
            .rsplit(':')
            .next()
            .and_then(|number| number.parse().ok());
        *port = number.ok_or(zmq::Error::EINVAL).map_err(failed)?;
    }
    Ok(())
}

/// For files a port is a number at the end of the path; libzmq would replace a
/// file that is there, even that of a living kernel.
fn bind_ipc(
    socket: &Socket,
    name: &'static str,
    port: &mut u16,
    info: &ConnectionInfo,
) -> Result<(), SocketError> {
    if *port == 0 {
        let free = (1..=u16::MAX).find(|port| {
            let endpoint = info.endpoint(*port);
            endpoint
                .strip_prefix("ipc://")
                .is_some_and(|path| !Path::new(path).exists())
        });
        let Some(free) = free else {
            let endpoint = info.endpoint(0);
            return Err(SocketError::Bind {
                name,
                endpoint,
                source: zmq::Error::EADDRINUSE,
            });
        };
        *port = free;
    }
    let endpoint = info.endpoint(*port);
    socket.bind(&endpoint).map_err(|source| SocketError::Bind {
        name,
        endpoint,
        source,
    })
}
