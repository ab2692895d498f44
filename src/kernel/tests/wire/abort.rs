//! After an error the cells that wait are aborted; what arrives later runs.

use crate::client::{Room, content, ok};
use ipyrust_kernel::{Next, RawJson};
use serde_json::json;
use std::time::Duration;

fn error() -> RawJson {
    RawJson::encode(&json!({"status": "error", "ename": "E", "evalue": "", "traceback": []}))
}

#[test]
fn cells_that_wait_are_aborted_and_others_are_answered() {
    let room = Room::new();
    let mut client = room.client();
    client.see_start();
    let failing = client.execute("1/0");
    let mut request = room.take();
    let second = client.execute("2");
    let check = client.ask("is_complete_request", json!({"code": "1"}));
    let third = client.execute("3");
    // What is still under way when the error is answered may run.
    while room.kernel.shell().len() < 3 {
        std::thread::yield_now();
    }
    request.reply_aborting(error(), None, Vec::new()).unwrap();
    assert_eq!(content(&client.shell_reply(&failing))["status"], "error");
    drop(request);
    for id in [&second, &third] {
        let reply = client.shell_reply(id);
        assert_eq!(reply.header.msg_type, "execute_reply");
        assert_eq!(content(&reply), json!({"status": "aborted"}));
    }
    // The failing cell is idle before the aborted ones are busy.
    client.see_status("busy", &failing);
    client.see_status("idle", &failing);
    for id in [&second, &third] {
        client.see_status("busy", id);
        client.see_status("idle", id);
    }
    let mut request = room.take();
    assert_eq!(request.message().header.msg_id, check);
    request.reply(ok(), None, Vec::new()).unwrap();
    client.shell_reply(&check);
}

/// The cells are sent, and the error is answered at once: whatever the sockets
/// hold then was sent before the reply, so all of it must be aborted.
#[test]
fn what_was_sent_before_the_reply_never_runs() {
    let room = Room::new();
    let mut client = room.client();
    for round in 0..50 {
        let failing = client.execute("1/0");
        let waiting: Vec<String> = (0..round)
            .map(|cell| client.execute(&cell.to_string()))
            .collect();
        let mut request = room.take();
        // All have come in when the last one has: they are read in order.
        while room.kernel.shell().len() < waiting.len() {
            std::thread::yield_now();
        }
        request.reply_aborting(error(), None, Vec::new()).unwrap();
        drop(request);
        client.shell_reply(&failing);
        // Sent after the error was known: it runs.
        let later = client.execute("later");
        for id in &waiting {
            assert_eq!(
                content(&client.shell_reply(id)),
                json!({"status": "aborted"})
            );
        }
        let mut request = room.take();
        assert_eq!(request.message().header.msg_id, later);
        request.reply(ok(), None, Vec::new()).unwrap();
        drop(request);
        client.shell_reply(&later);
        client.until_idle(&later);
        assert!(matches!(
            room.kernel.shell().next(Some(Duration::ZERO)),
            Next::Timeout
        ));
    }
}
