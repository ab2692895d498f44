//! How a kernel is reached: ports, files, encryption, registration.

use crate::client::{Client, KEY, Room, connection, info};
use ipyrust_kernel::{
    Bytes, ConnectionFile, ConnectionInfo, Kernel, KernelOptions, Parts, RawJson, RegistrationFile,
    Secret, Session, StartError, Transport, decode, encode,
};
use serde_json::{Value, json};

fn start(file: ConnectionFile) -> Result<Kernel, StartError> {
    Kernel::start(file, KernelOptions::new(info(), Box::new(|| {})))
}

#[test]
fn ipc_works_as_tcp_does() {
    let directory = tempfile::tempdir().unwrap();
    let ip = directory.path().join("kernel").to_str().unwrap().to_owned();
    let room = Room::with(
        ConnectionInfo {
            transport: Transport::Ipc,
            ip,
            ..connection()
        }
        .into(),
    );
    let mut client = room.client();
    let id = client.ask("kernel_info_request", json!({}));
    client.shell_reply(&id);
    client.beat();
}

#[test]
fn a_port_in_use_is_named() {
    let room = Room::new();
    let taken = room.kernel.connection();
    let file = ConnectionInfo {
        control_port: taken.shell_port,
        ..connection()
    };
    let error = start(file.into()).unwrap_err().to_string();
    let port = taken.shell_port;
    let start = format!("cannot bind the control socket at tcp://127.0.0.1:{port}: ");
    assert!(error.starts_with(&start), "{error}");
    assert!(error.contains("in use"), "{error}");
}

#[test]
fn curve_keys_that_cannot_be_used_are_refused_in_a_sentence() {
    let refusal = |public: Option<&str>, secret: Option<&str>| {
        let file = ConnectionInfo {
            curve_publickey: public.map(str::to_owned),
            curve_secretkey: secret.map(Secret::new),
            ..connection()
        };
        start(file.into()).unwrap_err().to_string()
    };
    // The example of ZeroMQ's own documentation.
    let (public, secret) = (
        "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID",
        "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs",
    );
    let half =
        "the connection file has a `curve_publickey` without a `curve_secretkey`, or the reverse";
    assert_eq!(refusal(Some(public), None), half);
    assert_eq!(refusal(None, Some(secret)), half);
    for wrong in ["", "swordfish", &public[..35]] {
        let error = refusal(Some(wrong), Some(secret));
        assert!(error.starts_with("`curve_publickey`"), "{error}");
        let error = refusal(Some(public), Some(wrong));
        assert!(error.starts_with("`curve_secretkey`"), "{error}");
        assert!(wrong.is_empty() || !error.contains(wrong), "{error}");
    }
    let error = refusal(Some(secret), Some(secret));
    assert!(error.contains("does not belong"), "{error}");
}

#[test]
fn an_unknown_signature_scheme_is_refused() {
    let file = ConnectionInfo {
        signature_scheme: "hmac-rot13".into(),
        ..connection()
    };
    assert!(matches!(start(file.into()), Err(StartError::Scheme(_))));
}

#[test]
fn a_registered_kernel_is_reached_at_the_ports_it_told() {
    let context = zmq::Context::new();
    let socket = context.socket(zmq::REP).unwrap();
    socket.bind("tcp://127.0.0.1:*").unwrap();
    let endpoint = socket.get_last_endpoint().unwrap().unwrap();
    let registration_port = endpoint.rsplit(':').next().unwrap().parse().unwrap();
    let launcher = std::thread::spawn(move || {
        let mut session =
            Session::new(None, "launcher".into(), "hmac-sha256", &Secret::new(KEY)).unwrap();
        let frames = socket
            .recv_multipart(0)
            .unwrap()
            .into_iter()
            .map(Bytes::from)
            .collect();
        let request = decode(frames, &mut session).unwrap();
        assert_eq!(request.header.msg_type, "handshake_request");
        let header = json!({"msg_id": "1", "msg_type": "handshake_reply"});
        let parts = Parts {
            header: RawJson::encode(&header),
            parent_header: request.header_json.clone(),
            metadata: RawJson::empty(),
            content: RawJson::encode(&json!({"status": "ok"})),
            buffers: Vec::new(),
        };
        let reply = encode(&[], parts, &session);
        socket
            .send_multipart(reply.iter().map(|frame| &frame[..]), 0)
            .unwrap();
        request.content.decode::<Value>().unwrap()
    });
    let room = Room::with(ConnectionFile::Registration(RegistrationFile {
        transport: Transport::Tcp,
        ip: "127.0.0.1".into(),
        registration_port,
        key: Secret::new(KEY),
        signature_scheme: "hmac-sha256".into(),
    }));
    let told = launcher.join().unwrap();
    let port = |name: &str| u16::try_from(told[name].as_u64().unwrap()).unwrap();
    let mut client = Client::new(&ConnectionInfo {
        shell_port: port("shell_port"),
        iopub_port: port("iopub_port"),
        stdin_port: port("stdin_port"),
        control_port: port("control_port"),
        hb_port: port("hb_port"),
        ..connection()
    });
    let id = client.ask("kernel_info_request", json!({}));
    client.shell_reply(&id);
    drop(room);
}
