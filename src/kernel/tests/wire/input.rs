//! `input()`: questions, answers, and answers that come too late.

use crate::client::{Client, LIMIT, Room, send};
use ipyrust_kernel::{Answer, Message, StreamName};
use serde_json::{Value, json};
use std::time::Duration;

fn answer(client: &mut Client, question: Option<&Message>, value: &str) {
    let header = client.header("input_reply");
    let mut frames = client.frames(&header, &json!({ "value": value }), Vec::new());
    if let Some(question) = question {
        frames[3] = question.header_json.clone().into_bytes();
        let signed = client
            .session
            .sign([&frames[2], &frames[3], &frames[4], &frames[5]]);
        frames[1] = signed.into();
    }
    send(&client.stdin, &frames);
}

#[test]
fn a_question_reaches_the_client_that_asked_and_its_answer_returns() {
    let room = Room::new();
    let mut client = room.client();
    let mut other = room.client();
    let id = client.execute("input()");
    let request = room.take();
    room.kernel
        .iopub()
        .write(StreamName::Stdout, "before", Some(request.parent()));
    let pending = room.kernel.stdin().ask(request.parent(), "name? ", true);
    let question = client.receive(|client| &client.stdin);
    assert_eq!(question.header.msg_type, "input_request");
    assert_eq!(crate::client::parent(&question), id);
    let content: Value = question.content.decode().unwrap();
    assert_eq!(content, json!({"prompt": "name? ", "password": true}));
    // Another client's answer is not taken.
    answer(&mut other, None, "intruder");
    assert_eq!(
        pending.wait(Some(Duration::from_millis(50))),
        Answer::Timeout
    );
    answer(&mut client, None, "Ada");
    assert_eq!(pending.wait(Some(LIMIT)), Answer::Text("Ada".into()));
}

#[test]
fn an_answer_to_a_question_that_ended_is_not_taken_for_the_next() {
    let room = Room::new();
    let mut client = room.client();
    client.execute("input()");
    let request = room.take();
    let stdin = room.kernel.stdin();
    let interrupted = stdin.ask(request.parent(), "1", false);
    let first = client.receive(|client| &client.stdin);
    drop(interrupted);
    let pending = stdin.ask(request.parent(), "2", false);
    let second = client.receive(|client| &client.stdin);
    answer(&mut client, Some(&first), "stale");
    answer(&mut client, Some(&second), "right");
    assert_eq!(pending.wait(Some(LIMIT)), Answer::Text("right".into()));
}

#[test]
fn questions_of_several_threads_are_asked_one_after_the_other() {
    let room = Room::new();
    let mut client = room.client();
    client.execute("input()");
    let request = room.take();
    let stdin = room.kernel.stdin();
    let (first, second) = (
        stdin.ask(request.parent(), "1", false),
        stdin.ask(request.parent(), "2", false),
    );
    let question = client.receive(|client| &client.stdin);
    assert!(question.content.as_str().contains("\"1\""));
    answer(&mut client, Some(&question), "one");
    let question = client.receive(|client| &client.stdin);
    assert!(question.content.as_str().contains("\"2\""));
    answer(&mut client, Some(&question), "two");
    assert_eq!(second.wait(Some(LIMIT)), Answer::Text("two".into()));
    assert_eq!(first.wait(Some(LIMIT)), Answer::Text("one".into()));
}

#[test]
fn closing_ends_a_question() {
    let room = Room::new();
    let mut client = room.client();
    client.execute("input()");
    let request = room.take();
    let pending = room.kernel.stdin().ask(request.parent(), "1", false);
    let kernel = room.kernel.clone();
    let closing = std::thread::spawn(move || kernel.close(Duration::from_secs(1)));
    assert_eq!(pending.wait(Some(LIMIT)), Answer::Closed);
    closing.join().unwrap();
}
