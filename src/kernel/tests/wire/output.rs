//! Streams, displays, their order, and subscribers that do not read.

use crate::client::{Client, LIMIT, Published, Room, ok};
use ipyrust_kernel::{MessageType, Parent, RawJson, StreamName};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The text of a stream, and how many messages carried it.
fn text(published: &[Published], name: &str) -> (String, usize) {
    let pieces = published
        .iter()
        .filter(|one| one.kind == "stream" && one.content["name"] == name);
    let pieces: Vec<&str> = pieces
        .map(|one| one.content["text"].as_str().unwrap())
        .collect();
    (pieces.concat(), pieces.len())
}

#[test]
fn adjacent_writes_join_into_few_messages() {
    let room = Room::new();
    let mut client = room.client();
    let id = client.execute("1");
    let mut request = room.take();
    let parent = request.parent().clone();
    let mut expected = String::new();
    for line in 0..50_000 {
        let line = line.to_string();
        room.kernel
            .iopub()
            .write(StreamName::Stdout, &line, Some(&parent));
        room.kernel
            .iopub()
            .write(StreamName::Stdout, "\n", Some(&parent));
        expected.push_str(&line);
        expected.push('\n');
    }
    request.reply(ok(), None, Vec::new()).unwrap();
    drop(request);
    let (text, messages) = text(&client.until_idle(&id), "stdout");
    assert!(text == expected, "text was lost or changed");
    assert!(messages < 500, "{messages} messages");
}

#[test]
fn one_print_is_one_message_that_leaves_before_the_cell_ends() {
    let room = Room::new();
    let mut client = room.client();
    client.see_start();
    let id = client.execute("1");
    let request = room.take();
    client.see_status("busy", &id);
    let iopub = room.kernel.iopub();
    iopub.write(StreamName::Stdout, "hello", Some(request.parent()));
    iopub.write(StreamName::Stdout, "\n", Some(request.parent()));
    assert_eq!(
        client.published().content,
        json!({"name": "stdout", "text": "hello\n"})
    );
    // A line without an end comes too, in its time.
    iopub.write(StreamName::Stdout, "50 %", Some(request.parent()));
    assert_eq!(
        client.published().content,
        json!({"name": "stdout", "text": "50 %"})
    );
}

#[test]
fn the_order_of_calls_is_kept_across_streams_and_displays() {
    let room = Room::new();
    let mut client = room.client();
    client.see_start();
    let id = client.execute("1");
    let mut request = room.take();
    let parent = request.parent().clone();
    let iopub = room.kernel.iopub();
    for round in 0..100 {
        iopub.write(StreamName::Stdout, "out", Some(&parent));
        iopub.write(StreamName::Stderr, "err", Some(&parent));
        let content = RawJson::encode(&json!({ "round": round }));
        iopub.publish(
            &MessageType::DisplayData,
            content,
            None,
            Vec::new(),
            Some(&parent),
        );
    }
    iopub.write(StreamName::Stdout, "end", Some(&parent));
    request.reply(ok(), None, Vec::new()).unwrap();
    drop(request);
    client.see_status("busy", &id);
    let mut rounds = 0;
    let mut seen = Vec::new();
    for one in client.until_idle(&id) {
        assert_eq!(one.parent, id);
        if one.kind == "display_data" {
            assert_eq!(one.content["round"], rounds);
            assert_eq!(seen.join(""), "stdout:out stderr:err ");
            seen.clear();
            rounds += 1;
        } else if one.kind == "stream" {
            let part = |name: &str| one.content[name].as_str().unwrap().to_owned();
            seen.push(format!("{}:{} ", part("name"), part("text")));
        }
    }
    assert_eq!((rounds, seen.join("").as_str()), (100, "stdout:end "));
}

#[test]
fn a_parent_that_was_made_anew_is_the_same_parent() {
    let room = Room::new();
    let mut client = room.client();
    let id = client.execute("1");
    let request = room.take();
    let again = Arc::new(Parent::new(request.message().clone()));
    let iopub = room.kernel.iopub();
    iopub.write(StreamName::Stdout, "begun ", Some(request.parent()));
    iopub.write(StreamName::Stdout, "and ended\n", Some(&again));
    iopub.publish(
        &MessageType::ClearOutput,
        RawJson::empty(),
        None,
        Vec::new(),
        Some(&again),
    );
    drop(request);
    let all = client.until_idle(&id);
    let place = |kind: &str| all.iter().position(|one| one.kind == kind);
    assert!(place("stream") < place("clear_output"));
    assert_eq!(text(&all, "stdout"), ("begun and ended\n".to_owned(), 1));
}

#[test]
fn text_of_two_parents_stays_apart() {
    let room = Room::new();
    let mut client = room.client();
    let ids = [client.execute("1"), client.execute("2")];
    let requests = [room.take(), room.take()];
    for _ in 0..1000 {
        for request in &requests {
            let text = format!("{}\n", request.message().header.msg_id);
            room.kernel
                .iopub()
                .write(StreamName::Stdout, &text, Some(request.parent()));
        }
    }
    let [first, second] = requests;
    drop(second);
    let mut all = client.until_idle(&ids[1]);
    drop(first);
    all.extend(client.until_idle(&ids[0]));
    for id in &ids {
        let own: Vec<_> = all
            .iter()
            .filter(|one| one.parent == *id)
            .cloned()
            .collect();
        assert_eq!(text(&own, "stdout").0, format!("{id}\n").repeat(1000));
    }
}

#[test]
fn a_subscriber_that_pauses_loses_nothing_and_delays_nobody_else() {
    let room = Room::new();
    let mut client = room.client();
    let id = client.execute("1");
    let mut request = room.take();
    let (iopub, parent) = (room.kernel.iopub(), request.parent().clone());
    let line = format!("{}\n", "x".repeat(1023));
    let start = Instant::now();
    let mut written = 0;
    // Nobody reads: the backlog fills up, and the writer is told to wait.
    // libzmq takes some megabytes first; full for good is when none is taken.
    while iopub.wait_for_room(Duration::from_millis(500)) {
        iopub.write(StreamName::Stdout, &line, Some(&parent));
        written += 1;
        assert!(start.elapsed() < LIMIT);
    }
    // The others are answered in the meantime.
    let info = client.command("kernel_info_request", json!({}));
    client.control_reply(&info);
    client.beat();
    request.reply(ok(), None, Vec::new()).unwrap();
    client.shell_reply(&id);
    drop(request);
    // Two seconds of silence are what is tested here, not a wait for something.
    std::thread::sleep(Duration::from_secs(2).saturating_sub(start.elapsed()));
    let all = client.until_idle(&id);
    let (text, _) = text(&all, "stdout");
    assert!(
        text == line.repeat(written),
        "{} of {written} lines came",
        text.len() / 1024
    );
    assert!(iopub.wait_for_room(LIMIT));
}

#[test]
fn every_subscriber_is_welcomed_and_the_start_is_told_once() {
    let room = Room::new();
    let mut first = room.client();
    first.see_start();
    let mut second = Client::new(room.kernel.connection());
    // The second one's welcome reaches all who listen to everything.
    assert_eq!(first.published().kind, "iopub_welcome");
    let id = second.ask("kernel_info_request", json!({}));
    for client in [&mut first, &mut second] {
        client.see_status("busy", &id);
        client.see_status("idle", &id);
    }
}
