//! A kernel in this process, and a client of it.

use ipyrust_kernel::{
    Bytes, ConnectionFile, ConnectionInfo, Kernel, KernelInfo, KernelOptions, Message, Next, Parts,
    RawJson, Request, RequestQueue, Secret, Session, decode, encode, iso8601,
};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

/// No test waits for a time; this is when a wait is a failure.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) const KEY: &str = "swordfish";

pub(crate) fn info() -> KernelInfo {
    KernelInfo {
        implementation: "test".into(),
        implementation_version: "1".into(),
        language_info: RawJson::parse(r#"{"name":"test"}"#).unwrap(),
        banner: "A test.".into(),
        help_links: Vec::new(),
        debugger: false,
        supported_features: vec!["kernel subshells".into()],
    }
}

pub(crate) fn connection() -> ConnectionInfo {
    ConnectionInfo {
        key: Secret::new(KEY),
        ..ConnectionInfo::default()
    }
}

/// A kernel whose interrupts are counted.
pub(crate) struct Room {
    pub(crate) kernel: Kernel,
    pub(crate) interrupts: Arc<AtomicUsize>,
}

impl Room {
    pub(crate) fn new() -> Room {
        Room::with(connection().into())
    }

    pub(crate) fn with(file: ConnectionFile) -> Room {
        let interrupts = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&interrupts);
        let interrupt = move || {
            count.fetch_add(1, Ordering::SeqCst);
        };
        let mut options = KernelOptions::new(info(), Box::new(interrupt));
        // The end by force would end the tests.
        options.shutdown_grace = Duration::from_secs(3600);
        Room {
            kernel: Kernel::start(file, options).unwrap(),
            interrupts,
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.kernel.connection())
    }

    pub(crate) fn take(&self) -> Request {
        take(self.kernel.shell())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.kernel.close(Duration::from_secs(5));
    }
}

/// The next request of a queue.
#[track_caller]
pub(crate) fn take(queue: &RequestQueue) -> Request {
    match queue.next(Some(LIMIT)) {
        Next::Request(request) => request,
        other => panic!("no request came: {other:?}"),
    }
}

pub(crate) fn ok() -> RawJson {
    RawJson::encode(&json!({"status": "ok"}))
}

pub(crate) struct Client {
    pub(crate) shell: zmq::Socket,
    pub(crate) control: zmq::Socket,
    pub(crate) stdin: zmq::Socket,
    pub(crate) iopub: zmq::Socket,
    pub(crate) heartbeat: zmq::Socket,
    pub(crate) session: Session,
    count: usize,
}

/// What came on IOPub, as far as tests look.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Published {
    pub(crate) kind: String,
    pub(crate) parent: String,
    pub(crate) content: Value,
}

impl Client {
    pub(crate) fn new(info: &ConnectionInfo) -> Client {
        let context = zmq::Context::new();
        let session = Session::new(None, "tester".into(), "hmac-sha256", &info.key).unwrap();
        let connect = |kind, port| {
            let socket = context.socket(kind).unwrap();
            socket.set_identity(session.id.as_bytes()).unwrap();
            socket.set_linger(0).unwrap();
            socket
                .set_rcvtimeo(i32::try_from(LIMIT.as_millis()).unwrap())
                .unwrap();
            if kind == zmq::SUB {
                // Small, so that a reader that stops is soon felt.
                socket.set_rcvhwm(10).unwrap();
                socket.set_subscribe(b"").unwrap();
            }
            socket.connect(&info.endpoint(port)).unwrap();
            socket
        };
        let mut client = Client {
            shell: connect(zmq::DEALER, info.shell_port),
            control: connect(zmq::DEALER, info.control_port),
            stdin: connect(zmq::DEALER, info.stdin_port),
            iopub: connect(zmq::SUB, info.iopub_port),
            heartbeat: connect(zmq::REQ, info.hb_port),
            session,
            count: 0,
        };
        let welcome = client.published();
        assert_eq!(welcome.kind, "iopub_welcome");
        assert_eq!(welcome.content, json!({"subscription": ""}));
        client
    }

    /// The first client also sees the kernel start.
    pub(crate) fn see_start(&mut self) {
        let start = self.published();
        assert_eq!(start.content, json!({"execution_state": "starting"}));
    }

    pub(crate) fn header(&mut self, kind: &str) -> Value {
        self.count += 1;
        json!({"msg_id": format!("{kind}-{}", self.count), "msg_type": kind, "username": "tester",
            "session": self.session.id, "date": iso8601(SystemTime::now()), "version": "5.5"})
    }

    pub(crate) fn frames(
        &self,
        header: &Value,
        content: &Value,
        buffers: Vec<Bytes>,
    ) -> Vec<Bytes> {
        let parts = Parts {
            header: RawJson::encode(header),
            parent_header: RawJson::empty(),
            metadata: RawJson::empty(),
            content: RawJson::encode(content),
            buffers,
        };
        encode(&[], parts, &self.session)
    }

    /// Sends on shell; the message's id.
    pub(crate) fn ask(&mut self, kind: &str, content: Value) -> String {
        let header = self.header(kind);
        send(&self.shell, &self.frames(&header, &content, Vec::new()));
        header["msg_id"].as_str().unwrap().to_owned()
    }

    /// Sends on control; the message's id.
    pub(crate) fn command(&mut self, kind: &str, content: Value) -> String {
        let header = self.header(kind);
        send(&self.control, &self.frames(&header, &content, Vec::new()));
        header["msg_id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn execute(&mut self, code: &str) -> String {
        self.ask("execute_request", json!({"code": code}))
    }

    #[track_caller]
    pub(crate) fn shell_reply(&mut self, id: &str) -> Message {
        let message = self.receive(|client| &client.shell);
        assert_eq!(parent(&message), id);
        message
    }

    #[track_caller]
    pub(crate) fn control_reply(&mut self, id: &str) -> Message {
        let message = self.receive(|client| &client.control);
        assert_eq!(parent(&message), id);
        message
    }

    #[track_caller]
    pub(crate) fn receive(&mut self, socket: fn(&Client) -> &zmq::Socket) -> Message {
        let frames = socket(self)
            .recv_multipart(0)
            .expect("nothing came in time");
        decode(
            frames.into_iter().map(Bytes::from).collect(),
            &mut self.session,
        )
        .unwrap()
    }

    #[track_caller]
    pub(crate) fn published(&mut self) -> Published {
        let message = self.receive(|client| &client.iopub);
        Published {
            kind: message.header.msg_type.clone(),
            parent: parent(&message),
            content: message.content.decode().unwrap(),
        }
    }

    /// What is published until this request is idle, that included.
    #[track_caller]
    pub(crate) fn until_idle(&mut self, id: &str) -> Vec<Published> {
        let mut all = Vec::new();
        loop {
            let published = self.published();
            let idle =
                published.parent == id && published.content == json!({"execution_state": "idle"});
            all.push(published);
            if idle {
                return all;
            }
        }
    }

    #[track_caller]
    pub(crate) fn see_status(&mut self, state: &str, id: &str) {
        let published = self.published();
        let expected = Published {
            kind: "status".into(),
            parent: id.into(),
            content: json!({"execution_state": state}),
        };
        assert_eq!(published, expected);
    }

    pub(crate) fn beat(&self) {
        self.heartbeat.send("ping", 0).unwrap();
        assert_eq!(
            self.heartbeat.recv_bytes(0).expect("no heartbeat in time"),
            b"ping"
        );
    }
}

pub(crate) fn send(socket: &zmq::Socket, frames: &[Bytes]) {
    socket
        .send_multipart(frames.iter().map(|frame| &frame[..]), 0)
        .unwrap();
}

pub(crate) fn parent(message: &Message) -> String {
    let parent: Value = message.parent_header.decode().unwrap();
    parent["msg_id"].as_str().unwrap_or_default().to_owned()
}

pub(crate) fn content(message: &Message) -> Value {
    message.content.decode().unwrap()
}
