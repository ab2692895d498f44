//! CurveZMQ (RFC 26), the server's side of one connection: the handshake HELLO, WELCOME,
//! INITIATE, READY, and then every frame as a MESSAGE. Bytes come in and bytes go out; it
//! reads and writes nothing itself.
//!
//! The letters are the RFC's: C and S are the permanent keys of client and server, C' and
//! S' the transient ones, made for this connection alone. Every client is let in that
//! knows S: the connection file, which has it, is the secret.

use crate::encryption::Keys;
use crate::nacl::{self, KEY, NONCE, TAG, public_key_of, shared_key};
use std::io;
use zeroize::Zeroizing;

const HELLO: &[u8; 6] = b"\x05HELLO";
const WELCOME: &[u8; 8] = b"\x07WELCOME";
const INITIATE: &[u8; 9] = b"\x08INITIATE";
const READY: &[u8; 6] = b"\x05READY";
const MESSAGE: &[u8; 8] = b"\x07MESSAGE";

/// Major and minor.
const VERSION: [u8; 2] = [1, 0];
/// What makes HELLO longer than its answer, so that nobody sends it for the answer's sake.
const PADDING: usize = 72;
/// What the box in HELLO holds.
const SIGNATURE: [u8; 64] = [0; 64];
const COOKIE: usize = 96;
/// A nonce of random bytes, for a permanent key.
const LONG: usize = 16;
/// A nonce that counts, for the keys of one connection.
const SHORT: usize = 8;
/// Box [C' + S](C->S').
const VOUCH: usize = KEY + KEY + TAG;

/// The flags of a frame that have a meaning: that more follow, and that it is a command.
/// The RFC has the first only, libzmq both.
const FLAGS: u8 = 1 | 2;

/// One connection's side of CurveZMQ.
pub(crate) struct CurveServer {
    /// S.
    permanent: [u8; KEY],
    /// The secret key of S'.
    transient: Zeroizing<[u8; KEY]>,
    /// What the client has to bring back. The RFC puts the transient keys into it, for a
    /// server that forgets a client after WELCOME; here the connection is what remembers.
    cookie: [u8; COOKIE],
    welcome_nonce: [u8; LONG],
    state: State,
    /// The short nonce of the last command to the client.
    sent: u64,
    /// The short nonce of the client's last command.
    received: u64,
}

/// Which command the client may send.
enum State {
    /// HELLO, for which it takes the secret key of S.
    Hello { secret: Zeroizing<[u8; KEY]> },
    /// INITIATE, from the owner of C'.
    Initiate { client: [u8; KEY] },
    /// MESSAGE, under the key that C' and S' share.
    Ready { key: Zeroizing<[u8; KEY]> },
    /// None, after a handshake that failed.
    Refused,
}

/// What a command of the handshake leads to.
pub(crate) enum Step {
    /// Send this command body.
    Answer(Vec<u8>),
    /// Send it; the handshake is done, and this is the client's metadata.
    Done { answer: Vec<u8>, metadata: Vec<u8> },
}

/// Why a client is not talked to any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The client encrypts with another key than the connection file's: a box does not open.
    Cryptographic,
    /// Malformed or out of order commands, nonces that do not grow.
    Protocol,
}

impl CurveServer {
    /// For a connection that was just made; without random numbers there is no encryption.
    pub(crate) fn new(keys: &Keys) -> io::Result<CurveServer> {
        let transient = Zeroizing::new(random()?);
        Ok(CurveServer::with(keys, transient, random()?, random()?))
    }

    fn with(
        keys: &Keys,
        transient: Zeroizing<[u8; KEY]>,
        cookie: [u8; COOKIE],
        welcome_nonce: [u8; LONG],
    ) -> CurveServer {
        CurveServer {
            permanent: keys.public,
            transient,
            cookie,
            welcome_nonce,
            state: State::Hello {
                secret: keys.secret.clone(),
            },
            sent: 0,
            received: 0,
        }
    }

    /// Takes the body of a handshake's command, from its name on. `metadata` is what READY
    /// is to carry.
    pub(crate) fn command(&mut self, body: &[u8], metadata: &[u8]) -> Result<Step, Refusal> {
        match std::mem::replace(&mut self.state, State::Refused) {
            State::Hello { secret } => self.hello(body, &secret),
            State::Initiate { client } => self.initiate(body, &client, metadata),
            // What is still to be sent can be.
            ready @ State::Ready { .. } => {
                self.state = ready;
                Err(Refusal::Protocol)
            }
            State::Refused => Err(Refusal::Protocol),
        }
    }

    /// The body of a MESSAGE that carries this frame. Of the flags, 1 is that more frames
    /// follow, 2 that it is a command. Only for a handshake that is done.
    pub(crate) fn seal(&mut self, flags: u8, payload: &[u8]) -> Vec<u8> {
        let short = self.next_nonce();
        let State::Ready { key } = &self.state else {
            // Nothing must leave that is not encrypted.
            debug_assert!(false, "a frame was sent before the handshake was done");
            return Vec::new();
        };
        let mut body =
            Vec::with_capacity(MESSAGE.len() + SHORT + TAG + size_of_val(&flags) + payload.len());
        body.extend_from_slice(MESSAGE);
        body.extend_from_slice(&short);
        let before = body.len();
        body.extend_from_slice(&[0; TAG]);
        body.push(flags);
        body.extend_from_slice(payload);
        let (tag, text) = body[before..].split_at_mut(TAG);
        let nonce = nonce(b"CurveZMQMESSAGES", &short);
        tag.copy_from_slice(&nacl::seal_in_place(text, &nonce, key));
        body
    }

    /// The flags and the payload of such a body.
    pub(crate) fn open(&mut self, body: &[u8]) -> Result<(u8, Vec<u8>), Refusal> {
        let State::Ready { key } = &self.state else {
            return Err(Refusal::Protocol);
        };
        let mut rest = body.strip_prefix(MESSAGE).ok_or(Refusal::Protocol)?;
        let short = take(&mut rest)?;
        let received = self.grown(short)?;
        if rest.len() <= TAG {
            return Err(Refusal::Protocol);
        }
        let mut payload = open(rest, &nonce(b"CurveZMQMESSAGEC", short), key)?;
        // Only now: before, anybody could have written it.
        self.received = received;
        match payload.first() {
            Some(&flags) if flags & !FLAGS == 0 => {
                payload.drain(..1);
                Ok((flags, payload))
            }
            _ => Err(Refusal::Protocol),
        }
    }

    /// HELLO, which says C' and shows that the client knows S; the answer is WELCOME.
    fn hello(&mut self, body: &[u8], secret: &[u8; KEY]) -> Result<Step, Refusal> {
        let mut rest = body.strip_prefix(HELLO).ok_or(Refusal::Protocol)?;
        let version: &[u8; VERSION.len()] = take(&mut rest)?;
        let padding: &[u8; PADDING] = take(&mut rest)?;
        let client: &[u8; KEY] = take(&mut rest)?;
        let short: &[u8; SHORT] = take(&mut rest)?;
        let signature: &[u8; SIGNATURE.len() + TAG] = take(&mut rest)?;
        if *version != VERSION || *padding != [0; PADDING] || !rest.is_empty() {
            return Err(Refusal::Protocol);
        }
        // Box [64 * %x0](C'->S)
        let key = shared_key(client, secret).ok_or(Refusal::Protocol)?;
        let signature = open(signature, &nonce(b"CurveZMQHELLO---", short), &key)?;
        if signature != SIGNATURE {
            return Err(Refusal::Protocol);
        }
        self.received = u64::from_be_bytes(*short);

        // Box [S' + cookie](S->C')
        let text = [public_key_of(&self.transient).as_slice(), &self.cookie].concat();
        let sealed = nacl::seal(&text, &nonce(b"WELCOME-", &self.welcome_nonce), &key);
        self.state = State::Initiate { client: *client };
        Ok(Step::Answer(
            [WELCOME.as_slice(), &self.welcome_nonce, &sealed].concat(),
        ))
    }

    /// INITIATE, which says C, and vouches with it for C'; the answer is READY.
    fn initiate(
        &mut self,
        body: &[u8],
        client: &[u8; KEY],
        metadata: &[u8],
    ) -> Result<Step, Refusal> {
        let mut rest = body.strip_prefix(INITIATE).ok_or(Refusal::Protocol)?;
        let cookie: &[u8; COOKIE] = take(&mut rest)?;
        let short = take(&mut rest)?;
        self.received = self.grown(short)?;
        // Not in constant time: whoever can send an INITIATE was told the cookie.
        if *cookie != self.cookie || rest.len() < KEY + LONG + VOUCH + TAG {
            return Err(Refusal::Protocol);
        }
        // Box [C + vouch + metadata](C'->S')
        let key = shared_key(client, &self.transient).ok_or(Refusal::Protocol)?;
        let text = open(rest, &nonce(b"CurveZMQINITIATE", short), &key)?;
        let mut rest = text.as_slice();
        let voucher: &[u8; KEY] = take(&mut rest)?;
        let long: &[u8; LONG] = take(&mut rest)?;
        let vouch: &[u8; VOUCH] = take(&mut rest)?;

        // Without S in it, the vouch could be one that another server was given.
        let vouch_key = shared_key(voucher, &self.transient).ok_or(Refusal::Protocol)?;
        let vouch = open(vouch, &nonce(b"VOUCH---", long), &vouch_key)?;
        if vouch != [*client, self.permanent].concat() {
            return Err(Refusal::Protocol);
        }

        // Box [metadata](S'->C')
        let short = self.next_nonce();
        let sealed = nacl::seal(metadata, &nonce(b"CurveZMQREADY---", &short), &key);
        self.state = State::Ready { key };
        Ok(Step::Done {
            answer: [READY.as_slice(), &short, &sealed].concat(),
            metadata: rest.to_vec(),
        })
    }

    /// The short nonce of the next command to the client. It cannot come to its end: at a
    /// thousand million commands a second that would take five hundred years.
    fn next_nonce(&mut self) -> [u8; SHORT] {
        self.sent += 1;
        self.sent.to_be_bytes()
    }

    /// Reads a short nonce of the client's, each of which is larger than the one before:
    /// nothing can be sent a second time.
    fn grown(&self, short: &[u8; SHORT]) -> Result<u64, Refusal> {
        let received = u64::from_be_bytes(*short);
        if received > self.received {
            Ok(received)
        } else {
            Err(Refusal::Protocol)
        }
    }
}

/// Takes the next field of a command.
fn take<'a, const LENGTH: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8; LENGTH], Refusal> {
    let (field, after) = rest.split_first_chunk().ok_or(Refusal::Protocol)?;
    *rest = after;
    Ok(field)
}

fn open(sealed: &[u8], nonce: &[u8; NONCE], key: &[u8; KEY]) -> Result<Vec<u8>, Refusal> {
    nacl::open(sealed, nonce, key).ok_or(Refusal::Cryptographic)
}

/// What a box is made with: a command's own prefix, and the nonce that was sent.
fn nonce<const PREFIX: usize, const REST: usize>(
    prefix: &[u8; PREFIX],
    rest: &[u8; REST],
) -> [u8; NONCE] {
    const { assert!(PREFIX + REST == NONCE) };
    let mut nonce = [0; NONCE];
    nonce[..PREFIX].copy_from_slice(prefix);
    nonce[PREFIX..].copy_from_slice(rest);
    nonce
}

fn random<const LENGTH: usize>() -> io::Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

#[cfg(test)]
#[path = "curve_tests.rs"]
mod tests;
