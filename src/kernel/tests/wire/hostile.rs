//! What is not a message is logged and survived.

use crate::client::{Client, KEY, Room, content, send};
use ipyrust_kernel::{Bytes, RawJson, Secret, Session};
use serde_json::json;

/// The kernel is as it was.
#[track_caller]
fn is_well(room: &Room, client: &mut Client) {
    let id = client.ask("kernel_info_request", json!({}));
    assert_eq!(content(&client.shell_reply(&id))["status"], "ok");
    let id = client.command("kernel_info_request", json!({}));
    assert_eq!(content(&client.control_reply(&id))["status"], "ok");
    client.beat();
    assert!(room.kernel.shell().is_empty());
}

#[test]
fn wrong_signatures_and_replays_do_not_run() {
    let room = Room::new();
    let mut client = room.client();
    let header = client.header("execute_request");
    let frames = client.frames(&header, &json!({"code": "1"}), Vec::new());
    let mut forged = frames.clone();
    forged[5] = Bytes::from_static(b"{\"code\":\"2\"}");
    send(&client.shell, &forged);
    let mut unsigned = frames.clone();
    unsigned[1] = Bytes::new();
    send(&client.shell, &unsigned);
    let other = Session::new(None, String::new(), "hmac-sha256", &Secret::new("other")).unwrap();
    let mut with_other_key = frames.clone();
    let signed = other.sign([&frames[2], &frames[3], &frames[4], &frames[5]]);
    with_other_key[1] = Bytes::from(signed);
    send(&client.shell, &with_other_key);
    is_well(&room, &mut client);
    send(&client.shell, &frames);
    drop(room.take());
    send(&client.shell, &frames);
    send(&client.control, &frames);
    let id = header["msg_id"].as_str().unwrap().to_owned();
    client.shell_reply(&id);
    is_well(&room, &mut client);
}

#[test]
fn broken_frames_are_survived() {
    let room = Room::new();
    let mut client = room.client();
    let header = client.header("execute_request");
    let whole = client.frames(&header, &json!({"code": "1"}), Vec::new());
    let signed = |client: &Client, parts: [&[u8]; 4]| {
        let mut frames = vec![whole[0].clone(), Bytes::from(client.session.sign(parts))];
        frames.extend(parts.map(Bytes::copy_from_slice));
        frames
    };
    let header = RawJson::encode(&header);
    let header = header.as_bytes();
    let huge = format!("{{\"code\":{}", "[".repeat(5 << 20));
    let mut broken: Vec<Vec<Bytes>> = (1..whole.len()).map(|end| whole[..end].to_vec()).collect();
    broken.push(vec![Bytes::new()]);
    broken.push(vec![Bytes::from_static(b"x"); 1000]);
    for parts in [
        [&b"{"[..], b"{}", b"{}", b"{}"],
        [b"{}", b"{}", b"{}", b"{}"],
        [b"[1,2]", b"{}", b"{}", b"{}"],
        [b"{\"msg_id\":1,\"msg_type\":2}", b"{}", b"{}", b"{}"],
        [b"\xff\xfe", b"{}", b"{}", b"{}"],
        [header, b"1", b"{}", b"{\"code\":\"1\"}"],
        [header, b"{}", b"\"\"", b"{\"code\":\"1\"}"],
        [header, b"{}", b"{}", b"{\"code\":\"\xc3\x28\"}"],
        [header, b"{}", b"{}", b"null and more"],
        [header, b"{}", b"{}", huge.as_bytes()],
    ] {
        broken.push(signed(&client, parts));
    }
    for frames in &broken {
        send(&client.shell, frames);
        send(&client.control, frames);
        send(&client.stdin, frames);
    }
    is_well(&room, &mut client);
}

#[test]
fn the_key_is_in_no_debug_output_and_no_error() {
    let room = Room::new();
    let shown = format!("{:?} {:?}", room.kernel, room.kernel.connection());
    assert!(!shown.contains(KEY), "{shown}");
    let again = ipyrust_kernel::Kernel::start(
        room.kernel.connection().clone().into(),
        ipyrust_kernel::KernelOptions::new(crate::client::info(), Box::new(|| {})),
    );
    let error = again.expect_err("the ports are in use");
    assert!(!format!("{error} {error:?}").contains(KEY));
}
