//! The paths that every message takes, each as a test that does it often.
//!
//! As tests they say that the paths work. `ci/instructions` runs them under
//! callgrind, which counts the instructions of [`counted`] and of nothing else:
//! a change that makes a path dearer shows on a busy machine, too.

use crate::connection::Secret;
use crate::io::Headers;
use crate::outbox::{Outbound, Outbox};
use crate::parent::Parent;
use crate::protocol::{MessageType, RawJson, Stream, StreamName};
use crate::session::Session;
use crate::streams::Streams;
use crate::wire::{self, Message, Parts};
use crate::zmtp::{Connection, Incoming, Multipart};
use bytes::Bytes;
use std::hint::black_box;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// How often each path is taken.
const TIMES: usize = 1_000;

/// What callgrind counts, by this function's name.
#[inline(never)]
fn counted(mut work: impl FnMut(usize)) {
    for time in 0..TIMES {
        work(black_box(time));
    }
}

fn session() -> Session {
    let key = Secret::new("a key of the usual length, 36 letters");
    Session::new(None, "user".to_owned(), "hmac-sha256", &key).expect("a scheme that is known")
}

fn json(text: &str) -> RawJson {
    RawJson::parse(text.to_owned()).expect("the test's own JSON")
}

/// An `execute_request` as JupyterLab sends it.
fn request(session: &Session, number: usize) -> Vec<Bytes> {
    let header = format!(
        r#"{{"date":"2026-01-02T03:04:05.678Z","msg_id":"{number:08}-1d8a-4d0d-9f4b-2f1f3c0f6a55",
        "msg_type":"execute_request","session":"5a3b8a4e-8d0d-4a0e-9c1e-1f2e3d4c5b6a",
        "subshell_id":null,"username":"","version":"5.2"}}"#
    );
    let content = r#"{"silent":false,"store_history":true,"user_expressions":{},"allow_stdin":true,
        "stop_on_error":true,"code":"import numpy as np\nnp.arange(10).reshape(2, 5)\n"}"#;
    let metadata = r#"{"deletedCells":[],"recordTiming":false,"cellId":"e5c5f9c6"}"#;
    let parts = Parts {
        header: json(&header),
        parent_header: RawJson::empty(),
        metadata: json(metadata),
        content: json(content),
        buffers: Vec::new(),
    };
    wire::encode(&[Bytes::from_static(b"identity")], parts, session)
}

fn parent() -> Arc<Parent> {
    let mut session = session();
    let frames = request(&session, 0);
    let message = wire::decode(frames, &mut session).expect("our own message");
    Arc::new(Parent::new(message))
}

#[test]
fn decode_and_verify() {
    let mut session = session();
    let mut requests: Vec<Vec<Bytes>> = (0..TIMES).map(|n| request(&session, n)).collect();
    let mut last: Option<Message> = None;
    counted(|time| {
        let frames = std::mem::take(&mut requests[time]);
        last = wire::decode(frames, &mut session).ok();
    });
    assert!(last.is_some_and(|message| message.message_type == MessageType::ExecuteRequest));
}

#[test]
fn check_the_content() {
    let parent = parent();
    let content = &parent.message.content;
    let mut right = 0;
    counted(|_| {
        let checked = crate::protocol::complete(&MessageType::ExecuteRequest, content.clone());
        right += usize::from(checked.is_ok());
    });
    assert_eq!(right, TIMES);
}

#[test]
fn encode_and_sign() {
    let session = session();
    let mut headers = Headers::new(&session);
    let parent = parent();
    let content = json(r#"{"data":{"text/plain":"array([[0, 1], [2, 3]])"},"metadata":{}}"#);
    let topic = [Bytes::from_static(b"kernel.5a3b8a4e.display_data")];
    let mut frames = Vec::new();
    counted(|_| {
        let parts = Parts {
            header: headers.next("display_data", SystemTime::UNIX_EPOCH, None),
            parent_header: parent.message.header_json.clone(),
            metadata: RawJson::empty(),
            content: content.clone(),
            buffers: Vec::new(),
        };
        frames = wire::encode(&topic, parts, &session);
    });
    assert_eq!(frames.len(), 7);
}

#[test]
fn append_to_a_stream() {
    let (mut streams, parent, start) = (Streams::default(), parent(), Instant::now());
    counted(|_| {
        for text in ["a line of text", "\n"] {
            streams.append(StreamName::Stdout, text, Some(&parent), || start);
        }
    });
    let text: String = streams
        .take_all()
        .into_iter()
        .map(|piece| piece.text)
        .collect();
    assert_eq!(text.lines().count(), TIMES);
}

#[test]
fn flush_a_stream() {
    let (mut streams, parent, start) = (Streams::default(), parent(), Instant::now());
    let outbox = Outbox::new().expect("a descriptor");
    let text = "a line of text\n".repeat(100);
    counted(|time| {
        let now = start + Duration::from_secs(time as u64);
        streams.append(StreamName::Stdout, &text, Some(&parent), || now);
        for piece in streams.take_due(now) {
            let (name, text) = (piece.name, &*piece.text);
            let content = RawJson::encode(&Stream { name, text });
            let message = Outbound::new(MessageType::Stream, content, piece.parent.as_ref());
            outbox.publish(Bytes::from_static(b"stream.stdout"), message);
        }
    });
    let mut batch = Vec::new();
    outbox.take(&mut batch);
    assert_eq!(batch.len(), TIMES);
}

#[test]
fn send_and_receive() {
    let (ours, theirs) = UnixStream::pair().expect("two descriptors");
    let connection = |stream: UnixStream, kind, accepted| {
        stream.set_nonblocking(true).expect("a socket");
        Connection::new(stream.into(), kind, accepted, None).expect("no keys, no random numbers")
    };
    let mut kernel = connection(ours, "ROUTER", &["DEALER"]);
    let mut client = connection(theirs, "DEALER", &["ROUTER"]);
    while !(kernel.is_ready() && client.is_ready()) {
        for side in [&mut kernel, &mut client] {
            side.told(true, true);
            side.receive();
        }
    }
    let frames = request(&session(), 0);
    let mut received = 0;
    counted(|_| {
        client.send(&Multipart::new(frames.clone()));
        client.flush();
        kernel.told(true, true);
        if let Some(Incoming::Message(message)) = kernel.receive() {
            received += usize::from(message == frames);
        }
    });
    assert_eq!(received, TIMES);
}
