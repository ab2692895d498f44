//! Requests, their replies and the statuses around them.

use crate::client::{LIMIT, Room, content, ok, send, take};
use ipyrust_kernel::{Bytes, MessageType, RawJson, ReplyError};
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn a_request_is_busy_has_one_reply_and_is_idle() {
    let room = Room::new();
    let mut client = room.client();
    client.see_start();
    let id = client.execute("1");
    let mut request = room.take();
    assert_eq!(*request.kind(), MessageType::ExecuteRequest);
    client.see_status("busy", &id);
    request.reply(ok(), None, Vec::new()).unwrap();
    assert_eq!(
        request.reply(ok(), None, Vec::new()),
        Err(ReplyError::AlreadyReplied)
    );
    let reply = client.shell_reply(&id);
    assert_eq!(reply.header.msg_type, "execute_reply");
    let metadata: Value = reply.metadata.decode().unwrap();
    assert_eq!(metadata["status"], "ok");
    assert_eq!(metadata["engine"], room.kernel.ident());
    assert_eq!(metadata["dependencies_met"], true);
    assert!(metadata["started"].as_str().unwrap().ends_with('Z'));
    drop(request);
    client.see_status("idle", &id);
}

#[test]
fn a_request_dropped_unanswered_becomes_an_error() {
    let room = Room::new();
    let mut client = room.client();
    let id = client.ask("is_complete_request", json!({"code": "1"}));
    drop(room.take());
    let reply = content(&client.shell_reply(&id));
    assert_eq!(reply["status"], "error");
    assert_eq!(
        reply["evalue"],
        "the handler of is_complete_request gave no reply"
    );
    client.until_idle(&id);
}

#[test]
fn absent_fields_arrive_with_their_defaults() {
    let room = Room::new();
    let mut client = room.client();
    client.execute("1");
    let value: Value = room.take().message().content.decode().unwrap();
    assert_eq!(value["stop_on_error"], true);
    assert_eq!(value["silent"], false);
}

#[test]
fn a_wrong_shape_is_answered_with_the_field() {
    let room = Room::new();
    let mut client = room.client();
    let id = client.ask(
        "complete_request",
        json!({"code": "1", "cursor_pos": "end"}),
    );
    let reply = client.shell_reply(&id);
    assert_eq!(reply.header.msg_type, "complete_reply");
    let reply = content(&reply);
    assert_eq!(reply["status"], "error");
    assert!(
        reply["evalue"].as_str().unwrap().contains("`cursor_pos`"),
        "{reply}"
    );
    client.until_idle(&id);
    assert!(room.kernel.shell().is_empty());
}

#[test]
fn an_unknown_type_is_busy_and_idle() {
    let room = Room::new();
    let mut client = room.client();
    client.see_start();
    let id = client.ask("no_such_request", json!({}));
    client.see_status("busy", &id);
    client.see_status("idle", &id);
}

#[test]
fn what_needs_no_language_is_answered_also_while_cells_wait() {
    let room = Room::new();
    let mut client = room.client();
    let first = client.execute("1");
    let mut running = room.take();
    let cells: Vec<String> = (0..3).map(|_| client.execute("2")).collect();
    while room.kernel.shell().len() < 3 {
        std::thread::yield_now();
    }
    let id = client.ask("kernel_info_request", json!({}));
    client.shell_reply(&id);
    running.reply(ok(), None, Vec::new()).unwrap();
    drop(running);
    client.shell_reply(&first);
    for cell in cells {
        let mut request = room.take();
        assert_eq!(request.message().header.msg_id, cell);
        request.reply(ok(), None, Vec::new()).unwrap();
        drop(request);
        client.shell_reply(&cell);
    }
}

#[test]
fn kernel_info_beside_a_running_cell_leaves_it_busy() {
    let room = Room::new();
    let mut client = room.client();
    client.see_start();
    let cell = client.execute("1");
    let running = room.take();
    client.see_status("busy", &cell);
    for on_control in [false, true] {
        let kind = "kernel_info_request";
        let (id, reply) = if on_control {
            let id = client.command(kind, json!({}));
            (id.clone(), client.control_reply(&id))
        } else {
            let id = client.ask(kind, json!({}));
            (id.clone(), client.shell_reply(&id))
        };
        let reply = content(&reply);
        assert_eq!(reply["protocol_version"], "5.5");
        assert_eq!(reply["language_info"], json!({"name": "test"}));
        client.see_status("busy", &id);
        client.see_status("idle", &id);
        client.see_status("busy", &cell);
    }
    drop(running);
    client.until_idle(&cell);
}

#[test]
fn connect_usage_and_interrupt_are_answered_beside_a_running_cell() {
    let room = Room::new();
    let mut client = room.client();
    client.execute("1");
    let _running = room.take();
    let id = client.command("connect_request", json!({}));
    let reply = content(&client.control_reply(&id));
    assert_eq!(reply["hb_port"], room.kernel.connection().hb_port);
    let id = client.command("usage_request", json!({}));
    assert_eq!(
        content(&client.control_reply(&id))["pid"],
        std::process::id()
    );
    let id = client.command("interrupt_request", json!({}));
    assert_eq!(content(&client.control_reply(&id)), json!({"status": "ok"}));
    assert_eq!(room.interrupts.load(std::sync::atomic::Ordering::SeqCst), 1);
    client.beat();
}

#[test]
fn buffers_travel_both_ways_unsigned() {
    let room = Room::new();
    let mut client = room.client();
    let header = client.header("comm_msg");
    let frames = client.frames(
        &header,
        &json!({"comm_id": "1", "data": {}}),
        vec![
            Bytes::from_static(b"\x00\xff"),
            Bytes::from(vec![7; 1 << 20]),
        ],
    );
    send(&client.shell, &frames);
    let mut request = room.take();
    assert_eq!(&request.message().buffers[0][..], b"\x00\xff");
    assert_eq!(request.message().buffers[1].len(), 1 << 20);
    assert_eq!(
        request.reply(ok(), None, Vec::new()),
        Err(ReplyError::NoReply)
    );
    let buffers = vec![Bytes::from(vec![9; 1 << 20])];
    let kind = MessageType::CommMsg;
    let parent = request.parent().clone();
    room.kernel
        .iopub()
        .publish(&kind, RawJson::empty(), None, buffers, Some(&parent));
    drop(request);
    loop {
        let message = client.receive(|client| &client.iopub);
        if message.header.msg_type == "comm_msg" {
            assert_eq!(message.buffers, [Bytes::from(vec![9; 1 << 20])]);
            break;
        }
    }
}

#[test]
fn only_an_overdue_completion_is_taken_beside_a_cell() {
    let room = Room::new();
    let mut client = room.client();
    client.execute("1");
    client.ask("complete_request", json!({"code": "a", "cursor_pos": 1}));
    let _running = take(room.kernel.shell());
    while room.kernel.shell().is_empty() {
        std::thread::yield_now();
    }
    assert!(room.kernel.shell().try_next_overdue(LIMIT).is_none());
    let request = room
        .kernel
        .shell()
        .try_next_overdue(Duration::ZERO)
        .unwrap();
    assert_eq!(*request.kind(), MessageType::CompleteRequest);
}

#[test]
fn debug_and_subshell_requests_come_out_of_control() {
    let room = Room::new();
    let mut client = room.client();
    let kinds = [
        "debug_request",
        "create_subshell_request",
        "delete_subshell_request",
    ];
    for kind in kinds {
        let content =
            json!({"command": "debugInfo", "seq": 1, "type": "request", "subshell_id": "one"});
        let id = client.command(kind, content);
        let mut request = take(room.kernel.control());
        assert_eq!(request.kind().as_str(), kind);
        request.reply(ok(), None, Vec::new()).unwrap();
        client.control_reply(&id);
    }
}
