//! Questions to the user: `input()` and `getpass()`.
//!
//! A question goes to the client whose cell asks, and only that client's answer
//! counts. Threads that ask at the same time are served one after the other.

use crate::event::{Event, Waited};
use crate::iopub::IoPub;
use crate::lock::lock;
use crate::outbox::{Outbound, Outgoing};
use crate::parent::Parent;
use crate::process::forked;
use crate::protocol::{InputReply, InputRequest, MessageType, RawJson};
use crate::wire::Message;
use serde::Deserialize;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How many questions that ended without an answer are remembered.
const REMEMBERED: usize = 1000;

/// Asks the user.
#[derive(Clone)]
pub struct Stdin(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    iopub: IoPub,
}

#[derive(Default)]
struct State {
    /// The first one has been sent, the others wait for it.
    questions: VecDeque<Arc<Question>>,
    /// Questions that nobody waits for any more: answers to them are stale.
    ended: VecDeque<String>,
    closed: bool,
}

struct Question {
    msg_id: String,
    parent: Arc<Parent>,
    content: RawJson,
    answer: Mutex<Option<String>>,
    /// Whether it is on its way to the client: what came before is no answer to it.
    asked: AtomicBool,
    /// Raised by the answer, and when stdin closes.
    event: Option<Event>,
}

/// A question that was asked. Dropping it takes it back.
pub struct Pending {
    stdin: Stdin,
    question: Arc<Question>,
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// What the user typed.
    Text(String),
    /// The kernel ends; there will be no answer.
    Closed,
    /// None came in this time.
    Timeout,
    /// A signal came; run its handler, then wait again.
    Interrupted,
}

impl Stdin {
    pub(crate) fn new(iopub: IoPub) -> Stdin {
        Stdin(Arc::new(Inner {
            state: Mutex::new(State::default()),
            iopub,
        }))
    }

    /// Asks the client of this parent; text its cell has written goes before.
    pub fn ask(&self, parent: &Arc<Parent>, prompt: &str, password: bool) -> Pending {
        let content = RawJson::encode(&InputRequest {
            prompt: prompt.to_owned(),
            password,
        });
        let question = Arc::new(Question {
            msg_id: uuid::Uuid::new_v4().to_string(),
            parent: Arc::clone(parent),
            content,
            answer: Mutex::new(None),
            asked: AtomicBool::new(false),
            // Without a descriptor to spare the question ends as closed.
            event: Event::new().ok(),
        });
        if !forked() {
            let mut state = lock(&self.0.state);
            state.questions.push_back(Arc::clone(&question));
            let first = state.questions.len() == 1 && !state.closed;
            drop(state);
            if first {
                self.send(&question);
            }
        }
        Pending {
            stdin: self.clone(),
            question,
        }
    }

    fn send(&self, question: &Question) {
        let mut message = Outbound::new(
            MessageType::InputRequest,
            question.content.clone(),
            Some(&question.parent),
        );
        message.msg_id = Some(question.msg_id.clone());
        self.0
            .iopub
            .push_after_text(&question.parent, Outgoing::Input { message }, true);
    }

    /// The question is going to be sent, and what clients sent before is read.
    pub(crate) fn asked(&self, msg_id: Option<&str>) {
        for question in &lock(&self.0.state).questions {
            if msg_id == Some(&question.msg_id) {
                question.asked.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Takes an `input_reply`; says why it was not wanted.
    pub(crate) fn answer(&self, message: &Message) -> Result<(), &'static str> {
        #[derive(Deserialize)]
        struct ParentHeader {
            #[serde(default)]
            msg_id: String,
        }
        let next = {
            let mut state = lock(&self.0.state);
            let asked = |question: &&Arc<Question>| question.asked.load(Ordering::Relaxed);
            let question = state
                .questions
                .front()
                .filter(asked)
                .ok_or("nobody asked")?;
            if question.parent.message.identities.first() != message.identities.first() {
                return Err("another client was asked");
            }
            // jupyter_client sends no parent header with its answers, JupyterLab
            // does: where there is one, it tells which question is answered.
            let answered = message.parent_header.decode::<ParentHeader>().ok();
            if answered.is_some_and(|header| state.ended.contains(&header.msg_id)) {
                return Err("its question has ended");
            }
            // As ipykernel: an answer without a value is an empty one.
            let value = message
                .content
                .decode::<InputReply>()
                .map(|reply| reply.value);
            *lock(&question.answer) = Some(value.unwrap_or_default());
            if let Some(event) = &question.event {
                event.raise();
            }
            let id = question.msg_id.clone();
            state.remember(id);
            state.questions.pop_front();
            state.questions.front().cloned()
        };
        if let Some(question) = next {
            self.send(&question);
        }
        Ok(())
    }

    fn withdraw(&self, question: &Arc<Question>) {
        let next = {
            let mut state = lock(&self.0.state);
            let place = state
                .questions
                .iter()
                .position(|other| Arc::ptr_eq(other, question));
            let Some(place) = place else { return };
            state.questions.remove(place);
            if place > 0 || state.closed {
                return;
            }
            state.remember(question.msg_id.clone());
            state.questions.front().cloned()
        };
        if let Some(question) = next {
            self.send(&question);
        }
    }

    /// Nobody will answer any more.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.0.state);
        state.closed = true;
        for question in &state.questions {
            if let Some(event) = &question.event {
                event.raise();
            }
        }
    }
}

impl State {
    fn remember(&mut self, id: String) {
        self.ended.push_back(id);
        if self.ended.len() > REMEMBERED {
            self.ended.pop_front();
        }
    }
}

impl Pending {
    /// Waits for the answer, for ever if no time is given. A signal ends the wait.
    pub fn wait(&self, timeout: Option<Duration>) -> Answer {
        let Some(event) = self.question.event.as_ref().filter(|_| !forked()) else {
            return Answer::Closed;
        };
        if lock(&self.stdin.0.state).closed {
            return Answer::Closed;
        }
        match event.wait(timeout) {
            Waited::Raised => match lock(&self.question.answer).take() {
                Some(text) => Answer::Text(text),
                None => Answer::Closed,
            },
            Waited::Timeout => Answer::Timeout,
            Waited::Interrupted => Answer::Interrupted,
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !forked() {
            self.stdin.withdraw(&self.question);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::Outbox;
    use crate::protocol::Header;

    fn message(kind: &str, content: &str) -> Message {
        let header: Header = RawJson::parse(format!(r#"{{"msg_id":"1","msg_type":"{kind}"}}"#))
            .and_then(|header| header.decode())
            .unwrap();
        Message {
            message_type: kind.into(),
            header_json: RawJson::encode(&header),
            header,
            parent_header: RawJson::empty(),
            metadata: RawJson::empty(),
            content: RawJson::parse(content.to_owned()).unwrap(),
            buffers: Vec::new(),
            identities: vec!["client".into()],
        }
    }

    #[test]
    fn an_answer_that_came_before_its_question_was_sent_is_not_taken() {
        let outbox = Arc::new(Outbox::new().unwrap());
        let stdin = Stdin::new(IoPub::new(outbox, "ident"));
        let parent = Arc::new(Parent::new(message("execute_request", "{}")));
        let early = message("input_reply", r#"{"value":"early"}"#);
        assert_eq!(stdin.answer(&early), Err("nobody asked"));
        let pending = stdin.ask(&parent, "?", false);
        assert_eq!(stdin.answer(&early), Err("nobody asked"));
        stdin.asked(Some(&pending.question.msg_id));
        assert_eq!(
            stdin.answer(&message("input_reply", r#"{"value":"right"}"#)),
            Ok(())
        );
        assert_eq!(pending.wait(None), Answer::Text("right".into()));
    }

    #[test]
    fn an_answer_without_a_value_is_empty() {
        let outbox = Arc::new(Outbox::new().unwrap());
        let stdin = Stdin::new(IoPub::new(outbox, "ident"));
        let parent = Arc::new(Parent::new(message("execute_request", "{}")));
        let pending = stdin.ask(&parent, "?", false);
        stdin.asked(Some(&pending.question.msg_id));
        assert_eq!(
            stdin.answer(&message("input_reply", r#"{"value":1}"#)),
            Ok(())
        );
        assert_eq!(pending.wait(None), Answer::Text(String::new()));
    }
}
