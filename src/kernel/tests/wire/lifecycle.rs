//! How a kernel ends.

use crate::client::{LIMIT, Room, content, send, take};
use ipyrust_kernel::{MessageType, Next, RawJson, StreamName};
use serde_json::json;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[test]
fn the_shutdown_reply_and_the_last_output_are_on_the_wire_before_the_end() {
    let room = Room::new();
    let mut client = room.client();
    client.see_start();
    let id = client.command("shutdown_request", json!({"restart": true}));
    let mut request = take(room.kernel.control());
    client.see_status("busy", &id);
    room.kernel
        .iopub()
        .write(StreamName::Stdout, "bye", Some(request.parent()));
    let reply = json!({"status": "ok", "restart": true});
    request
        .reply(RawJson::encode(&reply), None, Vec::new())
        .unwrap();
    drop(request);
    room.kernel.close(Duration::from_secs(5));
    assert!(room.kernel.is_closed());
    assert_eq!(content(&client.control_reply(&id)), reply);
    assert_eq!(client.published().content["text"], "bye");
    client.see_status("idle", &id);
}

#[test]
fn a_shutdown_interrupts_the_running_cell_once() {
    let room = Room::new();
    let mut client = room.client();
    client.execute("1");
    let running = room.take();
    client.command("shutdown_request", json!({}));
    drop(take(room.kernel.control()));
    client.command("shutdown_request", json!({}));
    drop(take(room.kernel.control()));
    assert_eq!(room.interrupts.load(Ordering::SeqCst), 1);
    drop(running);
}

#[test]
fn a_shutdown_on_shell_waits_for_the_cells_before_it() {
    let room = Room::new();
    let mut client = room.client();
    client.execute("1");
    let running = room.take();
    client.ask("shutdown_request", json!({}));
    let info = client.ask("kernel_info_request", json!({}));
    client.shell_reply(&info);
    assert!(room.kernel.control().is_empty());
    drop(running);
    let request = room.take();
    assert_eq!(*request.kind(), MessageType::ShutdownRequest);
    assert_eq!(room.interrupts.load(Ordering::SeqCst), 0);
}

#[test]
fn closing_answers_what_waits() {
    let room = Room::new();
    let mut client = room.client();
    client.execute("1");
    let running = room.take();
    let waiting = client.execute("2");
    while room.kernel.shell().is_empty() {
        std::thread::yield_now();
    }
    drop(running);
    room.kernel.close(Duration::from_secs(5));
    client.receive(|client| &client.shell);
    assert_eq!(
        content(&client.shell_reply(&waiting)),
        json!({"status": "aborted"})
    );
    assert!(matches!(room.kernel.shell().next(None), Next::Closed));
}

#[test]
fn requests_before_any_subscriber_wait_but_not_for_ever() {
    let room = Room::new();
    let client = room.client();
    // A client that only has a shell socket, to a kernel nobody subscribed to.
    let alone = Room::new();
    let context = zmq::Context::new();
    let socket = context.socket(zmq::DEALER).unwrap();
    socket
        .connect(
            &alone
                .kernel
                .connection()
                .endpoint(alone.kernel.connection().shell_port),
        )
        .unwrap();
    let header = json!({"msg_id": "1", "msg_type": "execute_request"});
    send(
        &socket,
        &client.frames(&header, &json!({"code": "1"}), Vec::new()),
    );
    drop(alone.take());
    socket
        .set_rcvtimeo(i32::try_from(LIMIT.as_millis()).unwrap())
        .unwrap();
    assert!(socket.recv_multipart(0).is_ok());
}

#[test]
fn the_descriptor_is_readable_exactly_while_a_request_can_be_taken() {
    fn readable(fd: i32) -> bool {
        let mut items = [zmq::PollItem::from_fd(fd, zmq::POLLIN)];
        zmq::poll(&mut items, 0).unwrap() == 1
    }
    let room = Room::new();
    let mut client = room.client();
    let queue = room.kernel.shell();
    assert!(!readable(queue.fd()));
    client.execute("1");
    client.ask("comm_msg", json!({"comm_id": "1"}));
    let deadline = std::time::Instant::now() + LIMIT;
    while queue.len() < 2 && std::time::Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert!(readable(queue.fd()));
    drop(room.take());
    assert!(readable(queue.fd()));
    drop(room.take());
    assert!(!readable(queue.fd()));
    queue.close();
    assert!(readable(queue.fd()));
}
