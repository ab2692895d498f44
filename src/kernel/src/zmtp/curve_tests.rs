//! A client of CurveZMQ, what it may do, and what it is refused for.

use super::*;

const CLIENT_METADATA: &[u8] = b"\x0bSocket-Type\0\0\0\x06DEALER";
const METADATA: &[u8] = b"\x0bSocket-Type\0\0\0\x06ROUTER";

/// The length of an INITIATE with this metadata.
const LENGTH: usize = 257 + CLIENT_METADATA.len();

/// The other side; a test may change it, so that it sends what is wrong.
struct Client {
    /// S.
    server: [u8; KEY],
    /// The secret keys of C' and C.
    transient: [u8; KEY],
    permanent: [u8; KEY],
    /// What it vouches for: C' and S.
    vouched: [[u8; KEY]; 2],
    metadata: &'static [u8],
    /// With C' and S', once WELCOME told S'.
    key: Zeroizing<[u8; KEY]>,
    sent: u64,
}

impl Client {
    fn of(keys: &Keys) -> Client {
        let transient = random().unwrap();
        Client {
            server: keys.public,
            transient,
            permanent: random().unwrap(),
            vouched: [public_key_of(&transient), keys.public],
            metadata: CLIENT_METADATA,
            key: Zeroizing::default(),
            sent: 0,
        }
    }

    fn hello(&mut self) -> Vec<u8> {
        self.hello_with(&SIGNATURE)
    }

    fn hello_with(&mut self, signature: &[u8]) -> Vec<u8> {
        let short = self.next_nonce();
        let key = shared_key(&self.server, &self.transient).unwrap();
        let sealed = nacl::seal(signature, &nonce(b"CurveZMQHELLO---", &short), &key);
        let client = public_key_of(&self.transient);
        let head = [&b"\x05HELLO\x01\0"[..], &[0; 72], &client, &short];
        [&head.concat()[..], &sealed].concat()
    }

    /// What a client would send that got this WELCOME.
    fn initiate(&mut self, welcome: &[u8]) -> Vec<u8> {
        let mut rest = welcome.strip_prefix(b"\x07WELCOME").unwrap();
        let long: &[u8; 16] = take(&mut rest).unwrap();
        let key = shared_key(&self.server, &self.transient).unwrap();
        let text = nacl::open(rest, &nonce(b"WELCOME-", long), &key).unwrap();
        let (server, cookie) = text.split_first_chunk::<KEY>().unwrap();
        self.key = shared_key(server, &self.transient).unwrap();

        let long: [u8; 16] = random().unwrap();
        let vouch_key = shared_key(server, &self.permanent).unwrap();
        let vouch = nacl::seal(
            &self.vouched.concat(),
            &nonce(b"VOUCH---", &long),
            &vouch_key,
        );
        let permanent = public_key_of(&self.permanent);
        let text = [&permanent[..], &long, &vouch, self.metadata].concat();
        self.initiate_with(cookie, &text)
    }

    fn initiate_with(&mut self, cookie: &[u8], text: &[u8]) -> Vec<u8> {
        let short = self.next_nonce();
        let sealed = nacl::seal(text, &nonce(b"CurveZMQINITIATE", &short), &self.key);
        [b"\x08INITIATE", cookie, &short, &sealed].concat()
    }

    fn read_ready(&self, ready: &[u8]) -> Vec<u8> {
        let mut rest = ready.strip_prefix(b"\x05READY").unwrap();
        let short: &[u8; 8] = take(&mut rest).unwrap();
        assert_eq!(*short, 1_u64.to_be_bytes());
        nacl::open(rest, &nonce(b"CurveZMQREADY---", short), &self.key).unwrap()
    }

    /// A MESSAGE with this text, the flags before the payload.
    fn message(&mut self, text: &[u8]) -> Vec<u8> {
        let short = self.next_nonce();
        let sealed = nacl::seal(text, &nonce(b"CurveZMQMESSAGEC", &short), &self.key);
        [b"\x07MESSAGE", &short[..], &sealed].concat()
    }

    /// The nonce and the text of a MESSAGE from the server.
    fn read(&self, message: &[u8]) -> (u64, Vec<u8>) {
        let mut rest = message.strip_prefix(b"\x07MESSAGE").unwrap();
        let short = take(&mut rest).unwrap();
        let text = nacl::open(rest, &nonce(b"CurveZMQMESSAGES", short), &self.key);
        (u64::from_be_bytes(*short), text.unwrap())
    }

    fn next_nonce(&mut self) -> [u8; 8] {
        self.sent += 1;
        self.sent.to_be_bytes()
    }
}

fn keys() -> Keys {
    let secret = Zeroizing::new(random().unwrap());
    Keys {
        public: public_key_of(&secret),
        secret,
    }
}

fn pair() -> (Client, CurveServer) {
    let keys = keys();
    (Client::of(&keys), CurveServer::new(&keys).unwrap())
}

fn welcome(client: &mut Client, server: &mut CurveServer) -> Vec<u8> {
    match server.command(&client.hello(), METADATA) {
        Ok(Step::Answer(welcome)) => welcome,
        _ => panic!("no WELCOME"),
    }
}

/// The INITIATE that follows on a HELLO and its WELCOME.
fn initiate(client: &mut Client, server: &mut CurveServer) -> Vec<u8> {
    let welcome = welcome(client, server);
    client.initiate(&welcome)
}

fn connected() -> (Client, CurveServer) {
    let (mut client, mut server) = pair();
    let initiate = initiate(&mut client, &mut server);
    assert!(server.command(&initiate, METADATA).is_ok());
    (client, server)
}

fn refusal(server: &mut CurveServer, command: &[u8]) -> Option<Refusal> {
    server.command(command, METADATA).err()
}

#[test]
fn a_client_that_knows_the_key_is_let_in() {
    let (mut client, mut server) = pair();
    let hello = client.hello();
    assert_eq!(hello.len(), 200);
    let Ok(Step::Answer(welcome)) = server.command(&hello, METADATA) else {
        panic!("no WELCOME");
    };
    assert_eq!(welcome.len(), 168);
    let initiate = client.initiate(&welcome);
    let Ok(Step::Done { answer, metadata }) = server.command(&initiate, METADATA) else {
        panic!("no READY");
    };
    assert_eq!(metadata, CLIENT_METADATA);
    assert_eq!(client.read_ready(&answer), METADATA);
}

#[test]
fn frames_go_both_ways() {
    let (mut client, mut server) = connected();
    let large = vec![b'x'; 100_000];
    for (expected, payload) in (2..).zip([&b""[..], b"x", &large]) {
        for flags in 0..=3 {
            let text = [&[flags], payload].concat();
            let opened = server.open(&client.message(&text));
            assert_eq!(opened, Ok((flags, payload.to_vec())));
        }
        let (nonce, text) = client.read(&server.seal(1, payload));
        assert_eq!(text, [&[1], payload].concat());
        // READY had the first.
        assert_eq!(nonce, expected);
    }
}

#[test]
fn nobody_needs_metadata() {
    let (mut client, mut server) = pair();
    client.metadata = b"";
    let initiate = initiate(&mut client, &mut server);
    assert_eq!(initiate.len(), 257);
    let Ok(Step::Done { answer, metadata }) = server.command(&initiate, b"") else {
        panic!("no READY");
    };
    assert_eq!(metadata, b"");
    assert_eq!(answer.len(), 30);
}

#[test]
fn a_client_with_another_key_is_refused() {
    let mut server = CurveServer::new(&keys()).unwrap();
    let hello = Client::of(&keys()).hello();
    assert_eq!(refusal(&mut server, &hello), Some(Refusal::Cryptographic));
}

#[test]
fn a_refused_client_cannot_try_again() {
    let (mut client, mut server) = pair();
    assert_eq!(refusal(&mut server, b""), Some(Refusal::Protocol));
    let hello = client.hello();
    assert_eq!(refusal(&mut server, &hello), Some(Refusal::Protocol));
    assert_eq!(server.open(b""), Err(Refusal::Protocol));
}

#[test]
fn a_hello_that_was_changed_is_refused() {
    let keys = keys();
    let hello = Client::of(&keys).hello();
    for at in 0..hello.len() {
        let mut changed = hello.clone();
        changed[at] ^= 1;
        let mut server = CurveServer::new(&keys).unwrap();
        let expected = if at < 80 {
            Refusal::Protocol
        } else {
            Refusal::Cryptographic
        };
        assert_eq!(refusal(&mut server, &changed), Some(expected), "{at}");
    }
}

#[test]
fn a_hello_that_signs_something_else_is_refused() {
    let (mut client, mut server) = pair();
    let hello = client.hello_with(&[1; 64]);
    assert_eq!(refusal(&mut server, &hello), Some(Refusal::Protocol));
}

#[test]
fn a_hello_of_another_length_is_refused() {
    let keys = keys();
    let hello = Client::of(&keys).hello();
    for count in 0..hello.len() {
        let mut server = CurveServer::new(&keys).unwrap();
        let refused = refusal(&mut server, &hello[..count]);
        assert_eq!(refused, Some(Refusal::Protocol), "{count}");
    }
    let mut server = CurveServer::new(&keys).unwrap();
    let refused = refusal(&mut server, &[&hello[..], &[0]].concat());
    assert_eq!(refused, Some(Refusal::Protocol));
}

#[test]
fn a_transient_key_that_hides_the_secret_one_is_refused() {
    let (mut client, mut server) = pair();
    let mut hello = client.hello();
    hello[80..112].fill(0);
    assert_eq!(refusal(&mut server, &hello), Some(Refusal::Protocol));
}

#[test]
fn commands_out_of_order_are_refused() {
    let (mut client, mut server) = pair();
    let initiate = initiate(&mut client, &mut server);
    let (mut other, mut unprepared) = pair();
    assert_eq!(refusal(&mut unprepared, &initiate), Some(Refusal::Protocol));
    assert_eq!(
        unprepared.open(&other.message(b"\0")),
        Err(Refusal::Protocol)
    );

    let hello = client.hello();
    assert_eq!(refusal(&mut server, &hello), Some(Refusal::Protocol));

    let (mut client, mut server) = connected();
    for command in [
        client.hello(),
        client.message(b"\0"),
        b"\x05ERROR\0".to_vec(),
    ] {
        assert_eq!(refusal(&mut server, &command), Some(Refusal::Protocol));
    }
    // None of this has broken what is under way.
    assert_eq!(client.read(&server.seal(0, b"last")).1, b"\0last");
    assert_eq!(server.open(&initiate), Err(Refusal::Protocol));
}

#[test]
fn an_initiate_that_was_changed_is_refused() {
    let keys = keys();
    for at in 0..LENGTH {
        let mut client = Client::of(&keys);
        let mut server = CurveServer::new(&keys).unwrap();
        let mut initiate = initiate(&mut client, &mut server);
        assert_eq!(initiate.len(), LENGTH);
        initiate[at] ^= 1;
        let expected = match at {
            // The name and the cookie.
            0..105 => Refusal::Protocol,
            _ => Refusal::Cryptographic,
        };
        assert_eq!(refusal(&mut server, &initiate), Some(expected), "{at}");
    }
}

#[test]
fn an_initiate_that_was_cut_is_refused() {
    let keys = keys();
    for count in 0..LENGTH {
        let mut client = Client::of(&keys);
        let mut server = CurveServer::new(&keys).unwrap();
        let initiate = initiate(&mut client, &mut server);
        let expected = match count {
            0..257 => Refusal::Protocol,
            _ => Refusal::Cryptographic,
        };
        let refused = refusal(&mut server, &initiate[..count]);
        assert_eq!(refused, Some(expected), "{count}");
    }
}

#[test]
fn a_cookie_of_another_connection_is_refused() {
    let keys = keys();
    let mut client = Client::of(&keys);
    let mut server = CurveServer::new(&keys).unwrap();
    let mut initiate = initiate(&mut client, &mut server);
    let cookie = CurveServer::new(&keys).unwrap().cookie;
    initiate[9..105].copy_from_slice(&cookie);
    assert_eq!(refusal(&mut server, &initiate), Some(Refusal::Protocol));
}

#[test]
fn a_vouch_for_another_key_is_refused() {
    for which in 0..2 {
        let (mut client, mut server) = pair();
        client.vouched[which] = random().unwrap();
        let initiate = initiate(&mut client, &mut server);
        assert_eq!(refusal(&mut server, &initiate), Some(Refusal::Protocol));
    }
}

#[test]
fn a_vouch_by_another_key_is_refused() {
    for (voucher, expected) in [
        (random().unwrap(), Refusal::Cryptographic),
        ([0; KEY], Refusal::Protocol),
    ] {
        let (mut client, mut server) = pair();
        let cookie = server.cookie;
        initiate(&mut client, &mut server);
        let text = [&voucher[..], &[0; LONG + VOUCH]].concat();
        let initiate = client.initiate_with(&cookie, &text);
        assert_eq!(refusal(&mut server, &initiate), Some(expected));
    }
}

#[test]
fn nonces_grow() {
    let (mut client, mut server) = pair();
    let welcome = welcome(&mut client, &mut server);
    client.sent = 0;
    let initiate = client.initiate(&welcome);
    // That of HELLO.
    assert_eq!(refusal(&mut server, &initiate), Some(Refusal::Protocol));

    let (mut client, mut server) = connected();
    client.sent = 1;
    // That of INITIATE.
    assert_eq!(server.open(&client.message(b"\0")), Err(Refusal::Protocol));
    let message = client.message(b"\0once");
    assert_eq!(server.open(&message), Ok((0, b"once".to_vec())));
    assert_eq!(server.open(&message), Err(Refusal::Protocol));
    client.sent = u64::MAX - 1;
    assert!(server.open(&client.message(b"\0the last of all")).is_ok());
    client.sent = 0;
    assert_eq!(server.open(&client.message(b"\0")), Err(Refusal::Protocol));
}

#[test]
fn a_message_that_was_changed_is_refused() {
    let (mut client, mut server) = connected();
    let message = client.message(b"\0text");
    for at in 0..message.len() {
        let mut changed = message.clone();
        changed[at] ^= 0x80;
        let expected = if at < 8 {
            Refusal::Protocol
        } else {
            Refusal::Cryptographic
        };
        assert_eq!(server.open(&changed), Err(expected), "{at}");
    }
    assert_eq!(server.open(&message), Ok((0, b"text".to_vec())));
}

#[test]
fn a_message_that_was_cut_is_refused() {
    let (mut client, mut server) = connected();
    let message = client.message(b"\0text");
    for count in 0..message.len() {
        assert!(server.open(&message[..count]).is_err(), "{count}");
    }
    // A box of nothing, without so much as flags.
    assert_eq!(server.open(&client.message(b"")), Err(Refusal::Protocol));
}

#[test]
fn flags_without_a_meaning_are_refused() {
    let (mut client, mut server) = connected();
    for bit in 2..8 {
        let message = client.message(&[1 << bit]);
        assert_eq!(server.open(&message), Err(Refusal::Protocol), "{bit}");
    }
}

#[test]
fn what_the_server_sent_is_no_message_to_it() {
    let (_, mut server) = connected();
    let sealed: Vec<_> = (0..3).map(|_| server.seal(0, b"text")).collect();
    assert_eq!(server.open(&sealed[2]), Err(Refusal::Cryptographic));
}

// A DEALER of libzmq 4.3.5, with a server whose random bytes are all the same.
const RECORDED_CLIENT: &str = "ffc078c04bb11e020a4af36270dd565bdeddb5d75e4c911e62af652abaf12f69";
const RECORDED_SIGNATURE: &str = concat!(
    "96fedb08ef1f69927d44986b9162b560f75f0654752e4296b4cb33930a358c3a",
    "b43cdcc04cda7516c4bf611f9c199782c252adcf0ec82b34d7c86b62581cbbb8",
    "8e6e0a2e44649b08c01dcab84151586d",
);
const RECORDED_WELCOME: &str = concat!(
    "28e1fa9f657d868ae8f97a8c060900d584b5386d9bf584851e2daee75631ea95",
    "17808b443e45b26dcb6a7f362efcb7954092021a0abeac78add5e5c7000c35cd",
    "1edae6f80e8378d83f348ea4913b186b40d2ef1a03ca06dfcfdbdfe7b9e82efb",
    "d9db3ca8b9aa92e27d3a7c2a391b6115449619305761beb3c0615564259ee1dc",
    "2e7343071b909d585a007fa91cbb6b18",
);
const RECORDED_INITIATE: &str = concat!(
    "034333524f0d2f03e6e0170a9f87424f7a07dce69d195c8b6d89e1be788f4ea9",
    "3735043b83a23f83a1652c3d2c9032fd3790137259c867d49d47d525b1726c26",
    "6c0f426e9ae50431d30e16f6c93f6500f793f82f8bc81b477c3d8273076a5db0",
    "93c0e856e940ef5d510f22323a90a485cd554554d160455c29ebe67ef383524b",
    "56432d2f5c97a4520e37b78351be2520fb864fc939a1697bff98fcfd8ca1abf1",
    "66883047ae043e19bd2cc5ef892e7150a2ef5f",
);
const RECORDED_READY: &str = concat!(
    "1876e044b78fb4ad0d3948bf945f3f9cc7a965214b6572abb4d2b0eb8387a910",
    "c4bd2a09afff",
);
const RECORDED_QUESTION: &str = "89ad8ef837bb5733f3b58a82002b89fe46b7600bcddf741114ed";
const RECORDED_ANSWER: &str = "2960a5b0f80aa969b16db924227e195febf6b4e5f33158fbd5f0";

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = (0..hex.len()).step_by(2).map(|at| &hex[at..at + 2]);
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

#[test]
fn libzmq_understands_and_is_understood() {
    let short = u64::to_be_bytes;
    let secret = Zeroizing::new([4; KEY]);
    let keys = Keys {
        public: public_key_of(&secret),
        secret,
    };
    let (transient, cookie, long) = ([1; KEY].into(), [2; COOKIE], [3; LONG]);
    let mut server = CurveServer::with(&keys, transient, cookie, long);

    let (client, signature) = (bytes(RECORDED_CLIENT), bytes(RECORDED_SIGNATURE));
    let head = [b"\x05HELLO\x01\0", &[0; 72][..], &client, &short(1)].concat();
    let hello = [head, signature].concat();
    let Ok(Step::Answer(welcome)) = server.command(&hello, METADATA) else {
        panic!("no WELCOME");
    };
    assert_eq!(
        welcome,
        [b"\x07WELCOME", &long[..], &bytes(RECORDED_WELCOME)].concat()
    );

    let initiate = bytes(RECORDED_INITIATE);
    let initiate = [b"\x08INITIATE", &cookie[..], &short(2), &initiate].concat();
    let Ok(Step::Done { answer, metadata }) = server.command(&initiate, METADATA) else {
        panic!("no READY");
    };
    assert_eq!(
        answer,
        [b"\x05READY", &short(1)[..], &bytes(RECORDED_READY)].concat()
    );
    assert_eq!(
        metadata,
        [CLIENT_METADATA, b"\x08Identity\0\0\0\0"].concat()
    );

    let question = [b"\x07MESSAGE", &short(3)[..], &bytes(RECORDED_QUESTION)].concat();
    assert_eq!(server.open(&question), Ok((1, b"a message".to_vec())));
    let answer = [b"\x07MESSAGE", &short(2)[..], &bytes(RECORDED_ANSWER)].concat();
    assert_eq!(server.seal(1, b"a message"), answer);
}
