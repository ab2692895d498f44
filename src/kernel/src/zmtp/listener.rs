//! Where peers connect to: a port of an address, or a file.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::net::{Shutdown, shutdown};
use std::io::{Error, ErrorKind, Result};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process;

/// See the module.
pub(crate) enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A Unix socket.
    Unix {
        listener: UnixListener,
        /// The file of it, which goes with us.
        _file: Option<File>,
    },
}

/// Removed at the end by the process that made it, not by children.
pub(crate) struct File {
    path: PathBuf,
    made_by: u32,
}

impl Drop for File {
    fn drop(&mut self) {
        if self.made_by == process::id() {
            // Somebody may have tidied up before.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Listener {
    /// Binds an address, of which `*` stands for any; 0 is any free port.
    pub(crate) fn tcp(ip: &str, port: u16) -> Result<Listener> {
        let listener = TcpListener::bind(&addresses(ip, port)?[..])?;
        listener.set_nonblocking(true)?;
        Ok(Listener::Tcp(listener))
    }

    /// Binds a file, on Linux an abstract name after `@`. What a kernel has left
    /// behind that did not end well is replaced; one that lives is not.
    pub(crate) fn unix(path: &str) -> Result<Listener> {
        #[cfg(target_os = "linux")]
        if let Some(name) = path.strip_prefix('@') {
            use std::os::linux::net::SocketAddrExt;
            let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
            let listener = UnixListener::bind_addr(&address)?;
            listener.set_nonblocking(true)?;
            let _file = None;
            return Ok(Listener::Unix { listener, _file });
        }
        let path = PathBuf::from(path);
        let listener = match UnixListener::bind(&path) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && is_abandoned(&path) => {
                std::fs::remove_file(&path)?;
                UnixListener::bind(&path)
            }
            bound => bound,
        }?;
        listener.set_nonblocking(true)?;
        let made_by = process::id();
        let _file = Some(File { path, made_by });
        Ok(Listener::Unix { listener, _file })
    }

    /// The port that was bound; none for a file.
    pub(crate) fn port(&self) -> Option<u16> {
        match self {
            Listener::Tcp(listener) => listener.local_addr().ok().map(|address| address.port()),
            Listener::Unix { .. } => None,
        }
    }

    /// The next who connects, if there is one.
    pub(crate) fn accept(&self) -> Result<OwnedFd> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                // Messages are handed over whole: there is nothing to gather.
                let ready = stream
                    .set_nodelay(true)
                    .and_then(|()| without_signal(&stream));
                // Some systems refuse it where the peer has gone already.
                ready.map_err(|_| ErrorKind::ConnectionAborted)?;
                Ok(stream.into())
            }
            Listener::Unix { listener, .. } => {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                without_signal(&stream).map_err(|_| ErrorKind::ConnectionAborted)?;
                Ok(stream.into())
            }
        }
    }

    /// Nobody is let in any more. A child that was forked may have the socket, too: closing
    /// it would leave the port taken.
    pub(crate) fn close(&self) {
        // Where the system knows no end of listening, closing it is all there is.
        let _ = match self {
            Listener::Tcp(listener) => shutdown(listener, Shutdown::Read),
            Listener::Unix { listener, .. } => shutdown(listener, Shutdown::Read),
        };
    }

    /// What to poll.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Listener::Tcp(listener) => listener.as_fd(),
            Listener::Unix { listener, .. } => listener.as_fd(),
        }
    }
}

/// The addresses of a name: of version 6 only where one is written as such, for clients
/// take a name for one of version 4.
pub(super) fn addresses(ip: &str, port: u16) -> Result<Vec<SocketAddr>> {
    let ip = ip.trim_start_matches('[').trim_end_matches(']');
    let name = if ip == "*" { "0.0.0.0" } else { ip };
    let fits = |address: &SocketAddr| address.is_ipv4() || ip.contains(':');
    Ok((name, port).to_socket_addrs()?.filter(fits).collect())
}

/// Whether a socket's file has nobody behind it. What is no socket is not ours to replace.
fn is_abandoned(path: &Path) -> bool {
    let is_socket = std::fs::metadata(path).is_ok_and(|file| file.file_type().is_socket());
    let refused = |error: Error| error.kind() == ErrorKind::ConnectionRefused;
    is_socket && UnixStream::connect(path).err().is_some_and(refused)
}

/// A peer that is gone is an error and no signal; elsewhere each write says so itself.
pub(super) fn without_signal(stream: &impl AsFd) -> Result<()> {
    let stream: BorrowedFd<'_> = stream.as_fd();
    #[cfg(target_vendor = "apple")]
    rustix::net::sockopt::set_socket_nosigpipe(stream, true)?;
    #[cfg(not(target_vendor = "apple"))]
    let _ = stream;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_left_behind_is_replaced_and_removed_at_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let name = path.to_str().unwrap();
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let listener = Listener::unix(name).unwrap();
        let living = Listener::unix(name).err().unwrap();
        assert_eq!(living.kind(), ErrorKind::AddrInUse);
        drop(listener);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_is_no_socket_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notes");
        std::fs::write(&path, "mine").unwrap();
        assert!(Listener::unix(path.to_str().unwrap()).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    }

    #[test]
    fn a_name_is_of_version_4() {
        for address in addresses("localhost", 1).unwrap() {
            assert!(address.is_ipv4(), "{address}");
        }
        assert_eq!(addresses("[::1]", 1).unwrap().len(), 1);
    }

    #[test]
    fn a_port_is_found() {
        let listener = Listener::tcp("*", 0).unwrap();
        assert!(listener.port().is_some_and(|port| port > 0));
        assert_eq!(
            listener.accept().err().unwrap().kind(),
            ErrorKind::WouldBlock
        );
    }
}
