//! A socket that is bound: its listener, its connections, and whose turn it is.

use super::connection::{Connection, Incoming};
use super::listener::Listener;
use crate::encryption::Keys;
#[cfg(target_os = "linux")]
use crate::lent::Lent;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsRawFd, RawFd};
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// How long nobody is accepted after there was no descriptor for one.
const DEAF: Duration = Duration::from_millis(100);

/// How many messages are read at the end, which nobody will answer.
const UNREAD: usize = 100_000;

/// What kind of socket it is.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// Its type, and the types it belongs with (RFC 23, "The Socket-Type Property").
    pub(super) name: &'static str,
    pub(super) accepts: &'static [&'static str],
}

/// Which of the things that are polled: the listener, or a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// The listener.
    Listener,
    /// The connection that has this descriptor.
    Connection(RawFd),
}

/// What to poll a descriptor for.
pub(crate) struct Interest {
    pub(crate) descriptor: RawFd,
    pub(crate) token: Token,
    pub(crate) read: bool,
    pub(crate) write: bool,
}

/// See the module.
pub(crate) struct Socket {
    kind: Kind,
    listener: Listener,
    keys: Option<Arc<Keys>>,
    connections: Vec<Connection>,
    /// When a connection has to have shaken hands; in the order they came.
    shaking: Vec<(RawFd, Instant)>,
    /// Whose turn it is.
    turn: usize,
    /// Somebody may have connected.
    knocked: bool,
    /// Somebody has, of whom the thread that polls does not know.
    grown: bool,
    deaf_until: Option<Instant>,
    /// Where those who are ready are waited for by more than one thread.
    #[cfg(target_os = "linux")]
    lent: Option<Arc<Lent>>,
    /// Why peers were turned away, to be told.
    refusals: Vec<&'static str>,
}

impl Socket {
    pub(super) fn new(kind: Kind, listener: Listener, keys: Option<Arc<Keys>>) -> Socket {
        Socket {
            kind,
            listener,
            keys,
            connections: Vec::new(),
            shaking: Vec::new(),
            turn: 0,
            knocked: true,
            grown: false,
            deaf_until: None,
            #[cfg(target_os = "linux")]
            lent: None,
            refusals: Vec::new(),
        }
    }

    /// Has others wait for what its connections bring, too.
    #[cfg(target_os = "linux")]
    pub(crate) fn lend(&mut self, lent: Arc<Lent>) {
        self.lent = Some(lent);
    }

    /// What to poll; what is lent is not polled here for reading.
    pub(crate) fn interests(&self, now: Instant) -> impl Iterator<Item = Interest> {
        let listener = Interest {
            descriptor: self.listener.as_fd().as_raw_fd(),
            token: Token::Listener,
            read: self.deaf_until.is_none_or(|until| until <= now),
            write: false,
        };
        let connections = self.connections.iter().map(|connection| Interest {
            descriptor: connection.fd(),
            token: Token::Connection(connection.fd()),
            read: !connection.is_ended() && !connection.lent,
            write: connection.has_output(),
        });
        std::iter::once(listener)
            .chain(connections)
            .filter(|interest| interest.read || interest.write)
    }

    /// What a poll has found.
    pub(crate) fn told(&mut self, token: Token, readable: bool, writable: bool) {
        match token {
            Token::Listener => self.knocked = true,
            Token::Connection(descriptor) => {
                if let Some(connection) = self.with(descriptor) {
                    connection.told(readable, writable);
                    if writable {
                        connection.flush();
                    }
                }
            }
        }
    }

    /// Looks itself, without waiting, whether something has come.
    pub(crate) fn look(&mut self) {
        let listener = (Token::Listener, self.listener.as_fd());
        let connections = self.connections.iter().map(|connection| {
            let token = Token::Connection(connection.fd());
            (token, connection.as_fd())
        });
        let (tokens, mut items): (Vec<Token>, Vec<PollFd<'_>>) = std::iter::once(listener)
            .chain(connections)
            .map(|(token, fd)| (token, PollFd::from_borrowed_fd(fd, PollFlags::IN)))
            .unzip();
        // Where it fails, what has come is seen a little later.
        let found = poll(&mut items, Some(&Timespec::default())).unwrap_or_default();
        if found > 0 {
            let readable: Vec<bool> = items.iter().map(|i| !i.revents().is_empty()).collect();
            for (token, readable) in tokens.into_iter().zip(readable) {
                if readable {
                    self.told(token, true, false);
                }
            }
        }
    }

    /// Has the next look at any connection go to the system.
    pub(crate) fn suspect(&mut self) {
        for connection in &mut self.connections {
            connection.told(true, false);
        }
    }

    /// Whether something may have come that was not taken.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.knocked || self.connections.iter().any(Connection::is_unsettled)
    }

    /// Whether who polls has to be asked to poll for something else than before.
    pub(crate) fn is_changed(&self) -> bool {
        let changed = |connection: &Connection| connection.has_output() || connection.is_ended();
        self.grown || self.connections.iter().any(changed)
    }

    /// Whether bytes wait that the system has not taken.
    pub(crate) fn has_output(&self) -> bool {
        self.connections.iter().any(Connection::has_output)
    }

    /// When there is something to do although nothing comes.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let shaken = self.shaking.first().map(|(_, until)| *until);
        [shaken, self.deaf_until].into_iter().flatten().min()
    }

    /// What is to happen at a time; closes what has ended. Gives why peers were turned away.
    /// For the thread that polls: no other closes a descriptor.
    pub(crate) fn tidy(&mut self, now: Instant) -> Vec<&'static str> {
        self.grown = false;
        if self.deaf_until.is_some_and(|until| until <= now) {
            self.deaf_until = None;
            self.knocked = true;
        }
        while let Some(&(descriptor, until)) = self.shaking.first()
            && until <= now
        {
            self.shaking.remove(0);
            if let Some(connection) = self.with(descriptor)
                && !connection.is_ended()
            {
                connection.refuse("its handshake took too long");
            }
        }
        let ended = |connection: &mut Connection| connection.is_ended();
        for connection in self.connections.extract_if(.., ended) {
            self.shaking.retain(|(fd, _)| *fd != connection.fd());
            self.refusals.extend(connection.refused);
        }
        std::mem::take(&mut self.refusals)
    }

    /// Hands the system what waits, for as much as it takes.
    pub(crate) fn flush(&mut self) {
        self.connections.iter_mut().for_each(Connection::flush);
    }

    /// The same, also where it took nothing the last time.
    pub(crate) fn retry(&mut self) {
        for connection in &mut self.connections {
            connection.told(false, true);
            connection.flush();
        }
    }

    /// Tells the peers that nothing will follow, and lets in no others.
    pub(crate) fn close(&mut self) {
        // A connection that is closed with something unread is reset, and what it has not
        // delivered yet is lost.
        self.suspect();
        for _ in 0..UNREAD {
            if self.receive().is_none() {
                break;
            }
        }
        self.connections.iter_mut().for_each(Connection::close);
        self.listener.close();
    }

    #[cfg(test)]
    pub(super) fn listener_port(&self) -> u16 {
        self.listener.port().expect("a port")
    }

    pub(super) fn all(&self) -> &[Connection] {
        &self.connections
    }

    pub(super) fn connections(&mut self) -> &mut [Connection] {
        &mut self.connections
    }

    /// The next thing that came from anybody, each in turn, and from whom.
    pub(super) fn receive(&mut self) -> Option<(usize, Incoming)> {
        if self.knocked {
            self.accept();
        }
        let count = self.connections.len();
        for offset in 0..count {
            let place = (self.turn + offset) % count;
            let connection = &mut self.connections[place];
            if !connection.is_unsettled() {
                continue;
            }
            let incoming = connection.receive();
            if connection.is_ended() {
                #[cfg(target_os = "linux")]
                self.take_back(place);
            } else if incoming == Some(Incoming::Ready) {
                let descriptor = connection.fd();
                self.shaking.retain(|(shaking, _)| *shaking != descriptor);
                #[cfg(target_os = "linux")]
                self.give(place);
            }
            if let Some(incoming) = incoming {
                self.turn = place + 1;
                return Some((place, incoming));
            }
        }
        None
    }

    #[cfg(target_os = "linux")]
    fn give(&mut self, place: usize) {
        let connection = &mut self.connections[place];
        if let Some(lent) = &self.lent {
            connection.lent = lent.add(connection.fd());
        }
    }

    /// Before its descriptor is closed: a child that was forked may hold it, too, and then
    /// it would be told of for ever.
    #[cfg(target_os = "linux")]
    fn take_back(&mut self, place: usize) {
        let connection = &mut self.connections[place];
        if connection.lent
            && let Some(lent) = &self.lent
        {
            lent.remove(connection.fd());
            connection.lent = false;
        }
    }

    fn with(&mut self, descriptor: RawFd) -> Option<&mut Connection> {
        let wanted = |connection: &&mut Connection| connection.fd() == descriptor;
        self.connections.iter_mut().find(wanted)
    }

    fn accept(&mut self) {
        self.knocked = false;
        loop {
            let stream = match self.listener.accept() {
                Ok(stream) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // It has gone already.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => {
                    self.refusals
                        .push("there is no descriptor or memory for it; trying again");
                    self.deaf_until = Some(Instant::now() + DEAF);
                    return;
                }
            };
            let Kind { name, accepts } = self.kind;
            match Connection::new(stream, name, accepts, self.keys.as_deref()) {
                Ok(connection) => {
                    let until = Instant::now() + HANDSHAKE;
                    self.shaking.push((connection.fd(), until));
                    self.connections.push(connection);
                    self.grown = true;
                }
                Err(_) => self.refusals.push("there are no random numbers for it"),
            }
        }
    }
}
