//! The five sockets, bound.

use crate::connection::{ConnectionInfo, Transport};
use crate::encryption::{EncryptionError, Keys, Refusals};
use crate::log::Log;
use crate::zmtp::{Listener, Publisher, Router, Socket, Token};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// One of the sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Control,
    Heartbeat,
    Iopub,
    Stdin,
    Shell,
}

impl Name {
    /// In the order of their turns: an interrupt must not wait behind cells, and who
    /// subscribes before it asks is to see what comes of it.
    pub(crate) const ALL: [Name; 5] = [
        Name::Control,
        Name::Heartbeat,
        Name::Iopub,
        Name::Stdin,
        Name::Shell,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Name::Control => "control",
            Name::Heartbeat => "heartbeat",
            Name::Iopub => "iopub",
            Name::Stdin => "stdin",
            Name::Shell => "shell",
        }
    }
}

/// The sockets of a kernel.
pub(crate) struct Sockets {
    pub(crate) shell: Router,
    pub(crate) control: Router,
    pub(crate) stdin: Router,
    pub(crate) heartbeat: Router,
    pub(crate) iopub: Publisher,
    refusals: Refusals,
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
        source: io::Error,
    },
    /// The keys of the connection file.
    #[error(transparent)]
    Encryption(#[from] EncryptionError),
}

impl Sockets {
    /// Binds all five; ports that were 0 become the bound ones.
    pub(crate) fn bind(info: &mut ConnectionInfo) -> Result<Sockets, SocketError> {
        let keys = Keys::of(info)?.map(Arc::new);
        // The shape of the file stays; only its ports are written.
        let told = info.clone();
        let bind = |name: Name, port: &mut u16| bind(name, port, &told);
        let keys = || keys.clone();
        Ok(Sockets {
            shell: Router::new(bind(Name::Shell, &mut info.shell_port)?, keys()),
            control: Router::new(bind(Name::Control, &mut info.control_port)?, keys()),
            stdin: Router::new(bind(Name::Stdin, &mut info.stdin_port)?, keys()),
            heartbeat: Router::new(bind(Name::Heartbeat, &mut info.hb_port)?, keys()),
            iopub: Publisher::new(bind(Name::Iopub, &mut info.iopub_port)?, keys()),
            refusals: Refusals::default(),
        })
    }

    pub(crate) fn get(&self, name: Name) -> &Socket {
        match name {
            Name::Control => &self.control.socket,
            Name::Heartbeat => &self.heartbeat.socket,
            Name::Iopub => &self.iopub.socket,
            Name::Stdin => &self.stdin.socket,
            Name::Shell => &self.shell.socket,
        }
    }

    fn get_mut(&mut self, name: Name) -> &mut Socket {
        match name {
            Name::Control => &mut self.control.socket,
            Name::Heartbeat => &mut self.heartbeat.socket,
            Name::Iopub => &mut self.iopub.socket,
            Name::Stdin => &mut self.stdin.socket,
            Name::Shell => &mut self.shell.socket,
        }
    }

    /// What a poll has found.
    pub(crate) fn told(&mut self, name: Name, token: Token, readable: bool, writable: bool) {
        self.get_mut(name).told(token, readable, writable);
    }

    /// Hands the system what waits: the output of a cell before its reply, for some clients
    /// look no further when that is here.
    pub(crate) fn flush(&mut self) {
        for name in Name::ALL {
            self.get_mut(name).flush();
        }
    }

    /// Hands the system what waits, also where it took nothing the last time.
    pub(crate) fn retry(&mut self) {
        for name in Name::ALL {
            self.get_mut(name).retry();
        }
    }

    /// Whether the I/O thread need not know of anything that others have left.
    pub(crate) fn is_settled(&self) -> bool {
        let settled = |socket: &Socket| !socket.is_unsettled() && !socket.is_changed();
        Name::ALL.iter().all(|name| settled(self.get(*name)))
    }

    /// Whether bytes wait that the system has not taken.
    pub(crate) fn has_output(&self) -> bool {
        Name::ALL.iter().any(|name| self.get(*name).has_output())
    }

    /// When there is something to do although nothing comes.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        Name::ALL
            .iter()
            .filter_map(|name| self.get(*name).deadline())
            .min()
    }

    /// Closes what has ended, and tells who was turned away. For the I/O thread.
    pub(crate) fn tidy(&mut self, now: Instant, log: &Log) {
        for name in Name::ALL {
            for reason in self.get_mut(name).tidy(now) {
                self.refusals.tell(name.as_str(), reason, now, log);
            }
        }
    }

    /// Tells all peers that nothing will follow.
    pub(crate) fn close(&mut self) {
        for name in Name::ALL {
            self.get_mut(name).close();
        }
    }
}

fn bind(name: Name, port: &mut u16, info: &ConnectionInfo) -> Result<Listener, SocketError> {
    if info.transport == Transport::Ipc && *port == 0 {
        // For files a port is a number at the end of the path.
        let free = |port: &u16| !Path::new(&info.path(*port)).exists();
        *port = (1..=u16::MAX).find(free).unwrap_or_default();
    }
    let bound = match info.transport {
        Transport::Tcp => Listener::tcp(&info.ip, *port),
        Transport::Ipc => Listener::unix(&info.path(*port)),
    };
    let listener = bound.map_err(|source| SocketError::Bind {
        name: name.as_str(),
        endpoint: info.endpoint(*port),
        source,
    })?;
    if let Some(bound) = listener.port() {
        *port = bound;
    }
    Ok(listener)
}
