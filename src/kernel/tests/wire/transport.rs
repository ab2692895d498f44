//! ZMTP as it goes over the wire, byte by byte: what libzmq, which the other tests
//! speak with, never does, or does in newer versions only.

use crate::client::{Client, LIMIT, Room, content, ok, send};
use ipyrust_kernel::{Bytes, decode};
use serde_json::json;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;

/// A peer that writes what it is told.
struct Peer(TcpStream);

impl Peer {
    fn connect(port: u16) -> Peer {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_nodelay(true).unwrap();
        Peer(stream)
    }

    /// Its handshake is done, as this type of socket.
    fn ready(port: u16, socket_type: &str) -> Peer {
        Peer::ready_as(port, socket_type, "")
    }

    fn ready_as(port: u16, socket_type: &str, identity: &str) -> Peer {
        let mut peer = Peer::connect(port);
        peer.write(&greeting());
        let properties = [
            property("Socket-Type", socket_type),
            property("Identity", identity),
        ];
        peer.command("READY", &properties.concat());
        let mut theirs = [0; 64];
        peer.0.read_exact(&mut theirs).unwrap();
        assert_eq!((theirs[0], theirs[9], theirs[10]), (0xff, 0x7f, 3));
        let (flags, ready) = peer.read();
        assert_eq!(flags, COMMAND);
        assert!(ready.starts_with(b"\x05READY\x0bSocket-Type"), "{ready:?}");
        peer
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    fn command(&mut self, name: &str, content: &[u8]) {
        let body = [&[name.len() as u8], name.as_bytes(), content].concat();
        self.write(&frame(COMMAND, &body));
    }

    fn read(&mut self) -> (u8, Vec<u8>) {
        let mut flags = [0];
        self.0.read_exact(&mut flags).unwrap();
        let length = if flags[0] & LONG == 0 {
            let mut length = [0];
            self.0.read_exact(&mut length).unwrap();
            length[0].into()
        } else {
            let mut length = [0; 8];
            self.0.read_exact(&mut length).unwrap();
            usize::try_from(u64::from_be_bytes(length)).unwrap()
        };
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        (flags[0] & !LONG, body)
    }

    fn message(&mut self) -> Vec<Bytes> {
        let mut frames = Vec::new();
        loop {
            let (flags, body) = self.read();
            frames.push(body.into());
            if flags & MORE == 0 {
                return frames;
            }
        }
    }

    /// The kernel has nothing to say to it any more.
    fn is_hung_up_on(&mut self) {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => {}
            // It had not read all that we wrote.
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
}

fn greeting() -> [u8; 64] {
    let mut greeting = [0; 64];
    (greeting[0], greeting[9], greeting[10], greeting[11]) = (0xff, 0x7f, 3, 1);
    greeting[12..16].copy_from_slice(b"NULL");
    greeting
}

fn property(name: &str, value: &str) -> Vec<u8> {
    let length = u32::try_from(value.len()).unwrap().to_be_bytes();
    let name_length = [u8::try_from(name.len()).unwrap()];
    [&name_length, name.as_bytes(), &length, value.as_bytes()].concat()
}

fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = match u8::try_from(body.len()) {
        Ok(length) => vec![flags, length],
        Err(_) => [&[flags | LONG][..], &(body.len() as u64).to_be_bytes()].concat(),
    };
    frame.extend_from_slice(body);
    frame
}

fn message(frames: &[Bytes]) -> Vec<u8> {
    let (last, first) = frames.split_last().unwrap();
    let mut bytes: Vec<u8> = first.iter().flat_map(|body| frame(MORE, body)).collect();
    bytes.extend(frame(0, last));
    bytes
}

#[track_caller]
fn is_well(client: &mut Client) {
    let id = client.command("kernel_info_request", json!({}));
    assert_eq!(content(&client.control_reply(&id))["status"], "ok");
    client.beat();
}

#[test]
fn a_message_may_come_byte_by_byte() {
    let room = Room::new();
    let mut client = room.client();
    let mut peer = Peer::ready(room.kernel.connection().shell_port, "DEALER");
    let header = client.header("kernel_info_request");
    let bytes = message(&client.frames(&header, &json!({}), Vec::new()));
    for byte in bytes {
        peer.write(&[byte]);
    }
    let reply = decode(peer.message(), &mut client.session).unwrap();
    assert_eq!(content(&reply)["status"], "ok");
}

#[test]
fn many_messages_may_come_at_once() {
    let room = Room::new();
    let mut client = room.client();
    let mut peer = Peer::ready(room.kernel.connection().shell_port, "DEALER");
    let bytes: Vec<u8> = (0..500)
        .flat_map(|_| {
            let header = client.header("kernel_info_request");
            message(&client.frames(&header, &json!({}), Vec::new()))
        })
        .collect();
    peer.write(&bytes);
    for _ in 0..500 {
        let reply = decode(peer.message(), &mut client.session).unwrap();
        assert_eq!(content(&reply)["status"], "ok");
    }
}

#[test]
fn what_is_not_zmtp_is_hung_up_on() {
    let room = Room::new();
    let mut client = room.client();
    let info = room.kernel.connection().clone();
    let endless = [&[LONG | COMMAND][..], &(1_u64 << 62).to_be_bytes()].concat();
    let zmtp_2 = [&b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x05"[..], &[0; 52]].concat();
    let plain: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\n\r\n",
        &zmtp_2,
        &[&greeting()[..], &endless].concat(),
        &[&greeting()[..], &frame(0, b"no handshake")].concat(),
        &[&greeting()[..], &frame(COMMAND, b"\x05READYnonsense")].concat(),
        &[&greeting()[..], &[0xf8]].concat(),
    ];
    for port in [info.shell_port, info.control_port, info.iopub_port] {
        for bytes in plain {
            let mut peer = Peer::connect(port);
            peer.write(bytes);
            peer.is_hung_up_on();
        }
        let mut peer = Peer::connect(port);
        peer.write(&greeting());
        peer.command("READY", &property("Socket-Type", "PUSH"));
        peer.is_hung_up_on();
    }
    let mut peer = Peer::ready(info.shell_port, "DEALER");
    peer.write(&[0xff; 100]);
    peer.is_hung_up_on();
    is_well(&mut client);
}

#[test]
fn peers_that_hesitate_or_vanish_harm_nobody() {
    let room = Room::new();
    let mut client = room.client();
    let info = room.kernel.connection().clone();
    let mut hesitating = Vec::new();
    for port in [info.shell_port, info.iopub_port, info.hb_port] {
        for end in [0, 1, 11, 63, 64] {
            let mut peer = Peer::connect(port);
            peer.write(&greeting()[..end]);
            hesitating.push(peer);
        }
        // Within a message.
        let mut peer = Peer::connect(port);
        peer.write(&greeting());
        peer.command("READY", &property("Socket-Type", "DEALER"));
        peer.write(&frame(MORE, b"begun"));
        drop(peer);
    }
    is_well(&mut client);
    drop(hesitating);
    is_well(&mut client);
}

#[test]
fn a_ping_is_answered_with_its_context() {
    let room = Room::new();
    let mut peer = Peer::ready(room.kernel.connection().shell_port, "DEALER");
    peer.command("PING", b"\0\x0acontext");
    assert_eq!(peer.read(), (COMMAND, b"\x04PONGcontext".to_vec()));
    // And a command that nobody knows is passed over.
    peer.command("SING", b"");
    peer.command("PING", b"\0\x0a");
    assert_eq!(peer.read(), (COMMAND, b"\x04PONG".to_vec()));
}

#[test]
fn subscriptions_come_as_messages_or_as_commands() {
    let room = Room::new();
    let port = room.kernel.connection().iopub_port;
    let ident = room.kernel.ident().to_owned();
    let topic = format!("kernel.{ident}.status");
    let mut old = Peer::ready(port, "SUB");
    old.write(&frame(0, &[b"\x01", topic.as_bytes()].concat()));
    let mut new = Peer::ready(port, "SUB");
    new.command("SUBSCRIBE", topic.as_bytes());
    for peer in [&mut old, &mut new] {
        let welcome = peer.message();
        assert_eq!(welcome[0], topic.as_bytes());
        let content: serde_json::Value = serde_json::from_slice(&welcome[6]).unwrap();
        assert_eq!(content, json!({"subscription": topic}));
    }
    // What is cancelled does not come any more.
    old.write(&frame(0, &[b"\x00", topic.as_bytes()].concat()));
    new.command("CANCEL", topic.as_bytes());
    old.write(&frame(0, b"\x01stream"));
    new.command("SUBSCRIBE", b"stream");
    for peer in [&mut old, &mut new] {
        while peer.message()[0] != b"stream"[..] {}
    }
    let mut client = room.client();
    client.execute("1");
    let request = room.take();
    let (iopub, parent) = (room.kernel.iopub(), request.parent());
    iopub.write(ipyrust_kernel::StreamName::Stdout, "text\n", Some(parent));
    iopub.flush();
    for peer in [&mut old, &mut new] {
        loop {
            let message = peer.message();
            if message[0] == b"stream.stdout"[..] {
                break;
            }
            // The other's welcome.
            assert_eq!(message[0], b"stream"[..]);
        }
    }
    request_ok(request);
}

fn request_ok(mut request: ipyrust_kernel::Request) {
    request.reply(ok(), None, Vec::new()).unwrap();
}

#[test]
fn a_client_that_comes_back_under_its_identity_gets_its_reply() {
    let room = Room::new();
    let mut client = room.client();
    let port = room.kernel.connection().shell_port;
    let named = || Peer::ready_as(port, "DEALER", "its name");
    let mut first = named();
    // As when a network has changed: the first connection does not end.
    let header = client.header("execute_request");
    let frames = client.frames(&header, &json!({"code": "1"}), Vec::new());
    first.write(&message(&frames));
    let request = room.take();
    let mut again = named();
    let header = client.header("kernel_info_request");
    again.write(&message(&client.frames(&header, &json!({}), Vec::new())));
    let reply = decode(again.message(), &mut client.session).unwrap();
    assert_eq!(reply.header.msg_type, "kernel_info_reply");
    request_ok(request);
    let reply = decode(again.message(), &mut client.session).unwrap();
    assert_eq!(reply.header.msg_type, "execute_reply");
    first.is_hung_up_on();
}

#[test]
fn at_the_end_who_reads_nothing_costs_the_others_nothing() {
    let room = Room::new();
    let port = room.kernel.connection().iopub_port;
    let mut silent = Peer::ready(port, "SUB");
    silent.command("SUBSCRIBE", b"");
    silent.message();
    let mut client = room.client();
    let parent = client.execute("1");
    let mut request = room.take();
    let kind = ipyrust_kernel::MessageType::DisplayData;
    for number in 0..60 {
        let content = json!({"data": {"n": number, "text/plain": "x".repeat(1 << 20)}});
        let content = ipyrust_kernel::RawJson::encode(&content);
        let parent = Some(request.parent());
        room.kernel
            .iopub()
            .publish(&kind, content, None, Vec::new(), parent);
    }
    request.reply(ok(), None, Vec::new()).unwrap();
    drop(request);
    let ending = std::thread::spawn(move || drop(room));
    let all = client.until_idle(&parent);
    let numbers = all.iter().filter(|one| one.kind == "display_data");
    let numbers: Vec<_> = numbers
        .map(|one| one.content["data"]["n"].clone())
        .collect();
    assert_eq!(numbers, (0..60).map(|n| json!(n)).collect::<Vec<_>>());
    ending.join().unwrap();
}

#[test]
fn a_message_of_many_megabytes_arrives_and_leaves() {
    let room = Room::new();
    let mut client = room.client();
    let header = client.header("comm_msg");
    let buffer = Bytes::from(vec![7; 40 << 20]);
    let data = json!({"comm_id": "1", "data": {}});
    send(
        &client.shell,
        &client.frames(&header, &data, vec![buffer.clone()]),
    );
    let request = room.take();
    assert!(request.message().buffers == [buffer.clone()]);
    let kind = ipyrust_kernel::MessageType::CommMsg;
    let content = ipyrust_kernel::RawJson::encode(&data);
    room.kernel.iopub().publish(
        &kind,
        content,
        None,
        vec![buffer.clone()],
        Some(request.parent()),
    );
    drop(request);
    loop {
        let message = client.receive(|client| &client.iopub);
        if message.header.msg_type == "comm_msg" {
            assert!(message.buffers == [buffer]);
            break;
        }
    }
}
