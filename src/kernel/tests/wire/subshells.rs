//! Subshells have queues of their own.

use crate::client::{Client, Room, content, ok, send, take};
use ipyrust_kernel::Next;
use ipyrust_kernel::protocol::{MessageType, RawJson};
use serde_json::json;

fn execute_in(client: &mut Client, subshell: &str) -> String {
    let mut header = client.header("execute_request");
    header["subshell_id"] = json!(subshell);
    let frames = client.frames(&header, &json!({"code": "1"}), Vec::new());
    send(&client.shell, &frames);
    header["msg_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_subshell_answers_beside_the_main_shell() {
    let room = Room::new();
    let mut client = room.client();
    client.execute("main");
    let _running = room.take();
    let subshell = room.kernel.create_subshell().unwrap();
    assert_eq!(room.kernel.subshells(), std::slice::from_ref(&subshell.id));
    let id = execute_in(&mut client, &subshell.id);
    let mut request = take(&subshell.queue);
    assert_eq!(request.subshell_id(), Some(&subshell.id[..]));
    request.reply(ok(), None, Vec::new()).unwrap();
    assert_eq!(content(&client.shell_reply(&id)), json!({"status": "ok"}));
}

#[test]
fn an_unknown_subshell_is_an_error_between_busy_and_idle() {
    let room = Room::new();
    let mut client = room.client();
    client.see_start();
    let id = execute_in(&mut client, "nobody");
    let reply = content(&client.shell_reply(&id));
    assert_eq!(reply["ename"], "UnknownSubshellError");
    client.see_status("busy", &id);
    client.see_status("idle", &id);
}

#[test]
fn a_deleted_subshell_ends_and_answers_what_waits() {
    let room = Room::new();
    let mut client = room.client();
    let subshell = room.kernel.create_subshell().unwrap();
    let id = execute_in(&mut client, &subshell.id);
    while subshell.queue.is_empty() {
        std::thread::yield_now();
    }
    assert!(room.kernel.delete_subshell(&subshell.id));
    assert!(!room.kernel.delete_subshell(&subshell.id));
    assert!(matches!(subshell.queue.next(None), Next::Closed));
    assert_eq!(content(&client.shell_reply(&id))["status"], "error");
    client.until_idle(&id);
}

#[test]
fn the_list_needs_no_language_and_keeps_its_place_behind_what_changes_it() {
    let room = Room::new();
    let mut client = room.client();
    let subshell = room.kernel.create_subshell().unwrap();
    let expected = json!({"status": "ok", "subshell_id": [subshell.id]});
    let list = client.command("list_subshell_request", json!({}));
    assert_eq!(content(&client.control_reply(&list)), expected);

    let delete = json!({"subshell_id": subshell.id});
    let delete = client.command("delete_subshell_request", delete);
    let list = client.command("list_subshell_request", json!({}));
    while room.kernel.control().len() < 2 {
        std::thread::yield_now();
    }
    let mut request = take(room.kernel.control());
    assert!(room.kernel.delete_subshell(&subshell.id));
    request.reply(ok(), None, Vec::new()).unwrap();
    drop(request);
    client.control_reply(&delete);
    let mut request = take(room.kernel.control());
    assert_eq!(*request.kind(), MessageType::ListSubshellRequest);
    let reply = json!({"status": "ok", "subshell_id": room.kernel.subshells()});
    let reply = RawJson::encode(&reply);
    request.reply(reply, None, Vec::new()).unwrap();
    drop(request);
    let reply = content(&client.control_reply(&list));
    assert_eq!(reply, json!({"status": "ok", "subshell_id": []}));

    // Nothing is left that it would have to wait for.
    let list = client.command("list_subshell_request", json!({}));
    assert_eq!(content(&client.control_reply(&list)), reply);
}
