//! A socket that asks one question and waits for the answer (REQ, RFC 28).

use super::connection::{Connection, Incoming};
use super::listener::{addresses, without_signal};
use super::multipart::Multipart;
use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use std::io::{Error, ErrorKind, Result};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Between two tries to connect.
const RETRY: Duration = Duration::from_millis(50);

/// See the module.
pub(crate) struct Client {
    connection: Connection,
}

impl Client {
    /// Connects to a port, which may be bound only later.
    pub(crate) fn tcp(ip: &str, port: u16, deadline: Instant) -> Result<Client> {
        Client::connect(deadline, || {
            let stream = connect_by(&addresses(ip, port)?, deadline)?;
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            without_signal(&stream)?;
            Ok(stream.into())
        })
    }

    /// Connects to a file.
    pub(crate) fn unix(path: &str, deadline: Instant) -> Result<Client> {
        Client::connect(deadline, || {
            let stream = UnixStream::connect(path)?;
            stream.set_nonblocking(true)?;
            without_signal(&stream)?;
            Ok(stream.into())
        })
    }

    fn connect(deadline: Instant, connect: impl Fn() -> Result<OwnedFd>) -> Result<Client> {
        loop {
            let retry = [ErrorKind::ConnectionRefused, ErrorKind::NotFound];
            match connect() {
                Err(error) if retry.contains(&error.kind()) && Instant::now() < deadline => {
                    std::thread::sleep(RETRY);
                }
                stream => {
                    let connection = Connection::new(stream?, "REQ", &["REP", "ROUTER"], None)?;
                    return Ok(Client { connection });
                }
            }
        }
    }

    /// Asks, and waits for the answer; `ErrorKind::TimedOut` if none comes in time.
    pub(crate) fn ask(
        &mut self,
        mut question: Vec<Bytes>,
        deadline: Instant,
    ) -> Result<Vec<Bytes>> {
        // An empty frame ends the addresses, of which there are none.
        question.insert(0, Bytes::new());
        loop {
            match self.connection.receive() {
                Some(Incoming::Ready) => {
                    let question = Multipart::new(std::mem::take(&mut question));
                    self.connection.send(&question);
                    self.connection.flush();
                }
                Some(Incoming::Message(mut frames)) => {
                    let end = frames.iter().position(Bytes::is_empty);
                    return Ok(frames.split_off(end.map_or(0, |end| end + 1)));
                }
                Some(_) => {}
                None if self.connection.is_ended() => {
                    let reason = self.connection.refused.unwrap_or("it was closed");
                    return Err(Error::new(ErrorKind::ConnectionAborted, reason));
                }
                None => self.wait(deadline)?,
            }
        }
    }

    fn wait(&mut self, deadline: Instant) -> Result<()> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        let mut flags = PollFlags::IN;
        flags.set(PollFlags::OUT, self.connection.has_output());
        let mut items = [PollFd::from_borrowed_fd(self.connection.as_fd(), flags)];
        let left = Timespec::try_from(left).unwrap_or_default();
        match poll(&mut items, Some(&left)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let events = items[0].revents();
        let writable = events.contains(PollFlags::OUT);
        self.connection
            .told(!(events - PollFlags::OUT).is_empty(), writable);
        self.connection.flush();
        Ok(())
    }
}

/// To the first of the addresses that answers.
fn connect_by(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream> {
    let mut failed = Error::from(ErrorKind::AddrNotAvailable);
    for address in addresses {
        let left = deadline.saturating_duration_since(Instant::now());
        match TcpStream::connect_timeout(address, left.max(RETRY)) {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}
