//! One connection to a peer: the handshake, what arrives, and what is to be sent.

use super::curve::{CurveServer, Refusal, Step};
use super::frame::{self, COMMAND, Decoder, Frame, MORE};
use super::greeting::{
    self, GREETING, Mechanism, Metadata, command, is_foreign, names, parse_command, properties,
};
use super::multipart::Multipart;
use crate::encryption::Keys;
use bytes::Bytes;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
use std::collections::VecDeque;
use std::io::IoSlice;
use std::time::Instant;

/// A subscriber that has not taken so many bytes takes no more messages.
const FULL: usize = 256 << 10;
/// The longest command of a handshake: its metadata is all that may be long.
const HANDSHAKE: usize = 64 << 10;
/// How often a connection is read before the others get their turn.
const READS: usize = 64;
/// How many pieces are handed to the system at once.
const PIECES: usize = 64;

#[cfg(not(target_vendor = "apple"))]
const SEND: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
const SEND: SendFlags = SendFlags::empty();

/// What came from a peer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// Its handshake is done.
    Ready,
    /// A message.
    Message(Vec<Bytes>),
    /// It wants what begins with this.
    Subscribe(Bytes),
    /// It does not want it any more.
    Cancel(Bytes),
}

/// Where a connection stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Greeting,
    Handshake,
    Ready,
    Ended,
}

/// See the module.
pub(crate) struct Connection {
    stream: OwnedFd,
    state: State,
    socket_type: &'static str,
    /// The types of sockets that belong to ours.
    accepted: &'static [&'static str],
    curve: Option<Box<CurveServer>>,
    decoder: Decoder,
    /// The first frames of a message.
    begun: Vec<Bytes>,
    /// The descriptor may hold something.
    readable: bool,
    /// What was read may hold another frame.
    uncut: bool,
    outgoing: VecDeque<Bytes>,
    /// How many bytes of the first piece have left, and how many wait in all.
    left: usize,
    waiting: usize,
    /// The system takes nothing at the moment.
    clogged: bool,
    /// When bytes have last left, or were the first to wait.
    pub(super) moved: Instant,
    /// Why the peer was turned away.
    pub(crate) refused: Option<&'static str>,
    /// What replies are addressed to; subscriptions.
    pub(crate) identity: Bytes,
    pub(crate) topics: Vec<Bytes>,
    /// Others are told, too, when something arrives, and it need not be polled for that.
    pub(crate) lent: bool,
    /// How many of its subscriptions were welcomed.
    pub(crate) welcomes: usize,
    /// It gets nothing until it has taken what waits for it.
    pub(crate) skipped: bool,
    /// It gets nothing any more, and is closed when what it has sent was read.
    leaving: bool,
}

impl Connection {
    /// Greets a peer that has connected.
    pub(crate) fn new(
        stream: OwnedFd,
        socket_type: &'static str,
        accepted: &'static [&'static str],
        keys: Option<&Keys>,
    ) -> std::io::Result<Connection> {
        let curve = keys.map(CurveServer::new).transpose()?.map(Box::new);
        let mut connection = Connection {
            stream,
            state: State::Greeting,
            socket_type,
            accepted,
            curve,
            decoder: Decoder::default(),
            begun: Vec::new(),
            readable: true,
            uncut: false,
            outgoing: VecDeque::new(),
            left: 0,
            waiting: 0,
            clogged: false,
            moved: Instant::now(),
            refused: None,
            identity: Bytes::new(),
            topics: Vec::new(),
            lent: false,
            welcomes: 0,
            skipped: false,
            leaving: false,
        };
        let greeting = greeting::greeting(connection.mechanism(), connection.curve.is_some());
        connection.queue(Bytes::copy_from_slice(&greeting));
        connection.flush();
        Ok(connection)
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// The descriptor was found readable, writable, or both.
    pub(crate) fn told(&mut self, readable: bool, writable: bool) {
        self.readable |= readable;
        if writable {
            self.clogged = false;
        }
    }

    /// Whether it is past the handshake, and not at its end.
    pub(crate) fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// Whether it is there to be sent messages.
    pub(crate) fn takes_messages(&self) -> bool {
        self.is_ready() && !self.leaving
    }

    /// Whether nothing is to be expected of it any more.
    pub(crate) fn is_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Whether something may have arrived that was not taken.
    pub(crate) fn is_unsettled(&self) -> bool {
        !self.is_ended() && (self.readable || self.uncut)
    }

    /// Whether bytes wait that the system did not take.
    pub(crate) fn has_output(&self) -> bool {
        !self.is_ended() && !self.outgoing.is_empty()
    }

    /// Whether so many wait that messages should wait, too.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting >= FULL
    }

    /// Gives it up.
    fn end(&mut self) {
        self.state = State::Ended;
        self.forget_output();
    }

    /// Tells the peer that nothing will follow.
    pub(crate) fn close(&mut self) {
        // A child that was forked may hold the descriptor: closing ours would not say it.
        let _ = rustix::net::shutdown(&self.stream, rustix::net::Shutdown::Both);
        self.end();
    }

    /// Sends nothing more to it: another connection takes its place, or it takes nothing.
    pub(crate) fn leave(&mut self) {
        self.forget_output();
        self.leaving = true;
        // The last look, after which it is closed.
        self.readable = true;
    }

    /// Turns the peer away.
    pub(crate) fn refuse(&mut self, reason: &'static str) {
        self.refused = Some(reason);
        self.close();
    }

    /// Sends a message, as much of it as the system takes at the next `flush`.
    pub(crate) fn send(&mut self, message: &Multipart) {
        if let Some(curve) = &mut self.curve {
            let mut piece = Vec::new();
            for (flags, body) in message.with_flags() {
                frame::put(&mut piece, 0, &curve.seal(flags, body));
            }
            self.queue(piece.into());
        } else {
            for piece in message.plain() {
                self.queue(piece.clone());
            }
        }
    }

    /// Hands the system what waits, until it takes no more.
    pub(crate) fn flush(&mut self) {
        while !self.clogged && !self.outgoing.is_empty() {
            let mut left = self.left;
            let pieces: Vec<IoSlice<'_>> = self
                .outgoing
                .iter()
                .take(PIECES)
                .map(|piece| IoSlice::new(&piece[std::mem::take(&mut left)..]))
                .collect();
            let mut no_control = SendAncillaryBuffer::default();
            match sendmsg(&self.stream, &pieces, &mut no_control, SEND) {
                Ok(count) => self.has_left(count),
                Err(Errno::AGAIN) => self.clogged = true,
                Err(Errno::INTR) => {}
                // What has arrived before is still to be read.
                Err(_) => self.leave(),
            }
        }
    }

    /// What has arrived, piece by piece; nothing once all of it was taken.
    pub(crate) fn receive(&mut self) -> Option<Incoming> {
        let mut reads = 0;
        while !self.is_ended() {
            if self.uncut {
                match self.cut() {
                    Ok(Some(incoming)) => return Some(incoming),
                    Ok(None) => self.uncut = false,
                    Err(reason) => self.refuse(reason),
                }
            } else if self.readable && reads < READS {
                self.read();
                reads += 1;
            } else {
                if self.leaving && !self.readable {
                    self.close();
                }
                break;
            }
        }
        None
    }

    fn read(&mut self) {
        match self.decoder.read(self.stream.as_fd()) {
            Ok((0, _)) => {
                // Who sees that we encrypt may hang up before it has said what it wanted.
                if self.curve.is_some() && !self.is_ready() {
                    self.refused = Some(NO_AGREEMENT);
                }
                self.end();
            }
            Ok((_, more)) => {
                self.uncut = true;
                self.readable = more;
            }
            Err(Errno::AGAIN) => self.readable = false,
            Err(Errno::INTR) => {}
            Err(_) => self.end(),
        }
    }

    /// The next thing that what was read holds, if it is whole.
    fn cut(&mut self) -> Result<Option<Incoming>, &'static str> {
        if self.state == State::Greeting && !self.greeted()? {
            return Ok(None);
        }
        loop {
            let longest = match self.state {
                State::Handshake => HANDSHAKE,
                _ => usize::MAX,
            };
            let frame = self.decoder.next(longest).map_err(|_| NO_FRAMES)?;
            let Some(frame) = frame else {
                return Ok(None);
            };
            let incoming = match self.state {
                State::Handshake => self.shake(&frame)?,
                _ => self.take(frame)?,
            };
            if incoming.is_some() {
                return Ok(incoming);
            }
        }
    }

    fn mechanism(&self) -> Mechanism {
        if self.curve.is_some() {
            Mechanism::Curve
        } else {
            Mechanism::Null
        }
    }

    fn greeted(&mut self) -> Result<bool, &'static str> {
        if is_foreign(self.decoder.waiting()) {
            return Err("the client does not speak ZMTP 3");
        }
        let Some(greeting) = self.decoder.take::<GREETING>() else {
            return Ok(false);
        };
        if !names(&greeting, self.mechanism()) {
            return Err(match self.mechanism() {
                Mechanism::Curve => {
                    "the client does not encrypt, and the connection file asks for it"
                }
                Mechanism::Null => "the client wants another security mechanism than none",
            });
        }
        if self.curve.is_none() {
            self.command(&command("READY", &properties(self.socket_type)));
        }
        self.state = State::Handshake;
        Ok(true)
    }

    /// A step of the handshake.
    fn shake(&mut self, frame: &Frame) -> Result<Option<Incoming>, &'static str> {
        if frame.flags != COMMAND {
            return Err(NO_HANDSHAKE);
        }
        let metadata = match &mut self.curve {
            None => match parse_command(&frame.body) {
                Some((b"READY", metadata)) => metadata.to_vec(),
                _ => return Err(NO_HANDSHAKE),
            },
            Some(curve) => {
                match curve
                    .command(&frame.body, &properties(self.socket_type))
                    .map_err(reason)?
                {
                    Step::Answer(answer) => {
                        self.command(&answer);
                        return Ok(None);
                    }
                    Step::Done { answer, metadata } => {
                        self.command(&answer);
                        metadata
                    }
                }
            }
        };
        let metadata = Metadata::parse(&metadata).ok_or(NO_HANDSHAKE)?;
        let fits = |kind: &&str| kind.as_bytes() == metadata.socket_type;
        if !self.accepted.iter().any(fits) {
            return Err("the client's socket is of a type that does not belong to this one");
        }
        self.identity = metadata.identity.into();
        self.state = State::Ready;
        Ok(Some(Incoming::Ready))
    }

    /// A frame after the handshake.
    fn take(&mut self, frame: Frame) -> Result<Option<Incoming>, &'static str> {
        let Frame { flags, body } = match &mut self.curve {
            None => frame,
            Some(curve) => {
                let (flags, body) = curve.open(&frame.body).map_err(reason)?;
                // Encrypted frames have a flag of their own for commands.
                let command = if flags & 2 == 0 { 0 } else { COMMAND };
                Frame {
                    flags: flags & MORE | command,
                    body: body.into(),
                }
            }
        };
        if flags & COMMAND != 0 {
            return self.obey(&body);
        }
        self.begun.push(body);
        if flags & MORE != 0 {
            return Ok(None);
        }
        let message = std::mem::take(&mut self.begun);
        Ok(Some(Incoming::Message(message)))
    }

    /// A command after the handshake; those that nobody knows are ignored.
    fn obey(&mut self, body: &Bytes) -> Result<Option<Incoming>, &'static str> {
        let (name, content) = parse_command(body).ok_or(NO_FRAMES)?;
        let topic = || body.slice(body.len() - content.len()..);
        match name {
            // A time to live of two bytes, and what is to be sent back.
            b"PING" => {
                let context = content.get(2..).ok_or(NO_FRAMES)?;
                // Who does not read what it asks for need not be told that we live.
                if self.is_full() {
                    return Ok(None);
                }
                let pong = command("PONG", context);
                match &mut self.curve {
                    None => self.command(&pong),
                    Some(curve) => {
                        let sealed = curve.seal(2, &pong);
                        self.frame(0, &sealed);
                    }
                }
            }
            b"ERROR" => return Err("the client reported an error"),
            b"SUBSCRIBE" => return Ok(Some(Incoming::Subscribe(topic()))),
            b"CANCEL" => return Ok(Some(Incoming::Cancel(topic()))),
            _ => {}
        }
        Ok(None)
    }

    fn command(&mut self, body: &[u8]) {
        self.frame(COMMAND, body);
    }

    /// Sends what is not a message, and at once.
    fn frame(&mut self, flags: u8, body: &[u8]) {
        let mut piece = Vec::with_capacity(body.len() + 9);
        frame::put(&mut piece, flags, body);
        self.queue(piece.into());
        self.flush();
    }

    fn queue(&mut self, piece: Bytes) {
        if !piece.is_empty() && !self.is_ended() && !self.leaving {
            if self.outgoing.is_empty() {
                self.moved = Instant::now();
            }
            self.waiting += piece.len();
            self.outgoing.push_back(piece);
        }
    }

    fn forget_output(&mut self) {
        self.outgoing.clear();
        (self.left, self.waiting) = (0, 0);
    }

    fn has_left(&mut self, count: usize) {
        self.waiting -= count;
        self.left += count;
        self.moved = Instant::now();
        while let Some(first) = self.outgoing.front()
            && first.len() <= self.left
        {
            self.left -= first.len();
            self.outgoing.pop_front();
        }
        if self.waiting < FULL {
            self.skipped = false;
        }
    }
}

const NO_FRAMES: &str = "what the client sends is not ZMTP";
const NO_AGREEMENT: &str = "the client and the kernel did not agree on encryption";
const NO_HANDSHAKE: &str = "the client's handshake is not ZMTP's";

fn reason(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Cryptographic => "the client encrypts with another key than the connection file's",
        Refusal::Protocol => NO_AGREEMENT,
    }
}
