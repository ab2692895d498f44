//! A socket that publishes to those who have subscribed (XPUB, RFC 29).

use super::connection::{Connection, Incoming};
use super::listener::Listener;
use super::multipart::Multipart;
use super::socket::{Kind, Socket};
use crate::encryption::Keys;
use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, Instant};

const XPUB: Kind = Kind {
    name: "XPUB",
    accepts: &["SUB", "XSUB"],
};

/// How many subscriptions a peer may have, and how many are welcomed.
const SUBSCRIPTIONS: usize = 1000;
/// How many messages that are no subscriptions are passed over at once.
const OTHERS: usize = 100;

/// See the module.
pub(crate) struct Publisher {
    pub(crate) socket: Socket,
    passed_over: bool,
}

impl Publisher {
    pub(crate) fn new(listener: Listener, keys: Option<Arc<Keys>>) -> Publisher {
        Publisher {
            socket: Socket::new(XPUB, listener, keys),
            passed_over: false,
        }
    }

    /// The next new subscription, if somebody has subscribed: what topics begin with.
    pub(crate) fn receive(&mut self) -> Option<Bytes> {
        for _ in 0..OTHERS {
            let (place, incoming) = self.socket.receive()?;
            let connection = self.socket.connections().get_mut(place)?;
            let (wanted, topic) = match incoming {
                Incoming::Subscribe(topic) => (true, topic),
                Incoming::Cancel(topic) => (false, topic),
                // So until ZMTP 3.1: a message of one frame, which begins with 1 or 0.
                Incoming::Message(frames) => match &frames[..] {
                    [frame] if frame.first() == Some(&1) => (true, frame.slice(1..)),
                    [frame] if frame.first() == Some(&0) => (false, frame.slice(1..)),
                    _ => continue,
                },
                Incoming::Ready => continue,
            };
            let topics = &mut connection.topics;
            let known = topics.iter().position(|known| *known == topic);
            match (wanted, known) {
                (false, Some(place)) => drop(topics.swap_remove(place)),
                (true, None) if topics.len() == SUBSCRIPTIONS => {
                    connection.refuse("the client has more than 1,000 subscriptions");
                }
                (true, None) => {
                    topics.push(topic.clone());
                    connection.welcomes += 1;
                    if connection.welcomes <= SUBSCRIPTIONS {
                        return Some(topic);
                    }
                }
                (true, Some(_)) | (false, None) => {}
            }
        }
        None
    }

    /// Sends a message to all whose subscriptions its first frame begins with; whether it
    /// did. It does not if one of them is full: nobody is to miss anything. Who is full and
    /// has taken nothing for so long is passed over, and gets nothing until it has.
    pub(crate) fn publish(&mut self, message: &Multipart, patience: Duration) -> bool {
        let connections = self.socket.connections();
        let wants = |connection: &&mut Connection| connection.wants(message.first());
        for connection in connections.iter_mut().filter(wants) {
            if connection.is_full() {
                connection.flush();
            }
            if connection.is_full() {
                if connection.moved.elapsed() < patience {
                    return false;
                }
                connection.skipped = true;
                self.passed_over = true;
            }
        }
        for connection in connections.iter_mut().filter(wants) {
            connection.send(message);
        }
        true
    }

    /// Whether somebody was passed over since this was last asked.
    pub(crate) fn take_passed_over(&mut self) -> bool {
        std::mem::take(&mut self.passed_over)
    }

    /// Since when one that is full has taken nothing, if one is waited for.
    pub(crate) fn silent_since(&self) -> Option<Instant> {
        let waited_for = |connection: &&Connection| {
            connection.takes_messages() && connection.is_full() && !connection.skipped
        };
        let connections = self.socket.all().iter();
        let moved = connections.filter(waited_for).map(|full| full.moved);
        moved.min()
    }
}

impl Connection {
    /// Whether it is to get what has this topic.
    fn wants(&self, topic: &[u8]) -> bool {
        let subscribed = |wanted: &Bytes| topic.starts_with(wanted);
        self.takes_messages() && !self.skipped && self.topics.iter().any(subscribed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zmtp::frame::{COMMAND, put};
    use crate::zmtp::greeting::{Mechanism, command, greeting, properties};
    use std::io::{Read, Write};
    use std::net::TcpStream;

    const LONG: Duration = Duration::from_secs(3600);

    fn publisher() -> Publisher {
        Publisher::new(Listener::tcp("127.0.0.1", 0).unwrap(), None)
    }

    fn connect(publisher: &Publisher) -> TcpStream {
        let port = publisher.socket.listener_port();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let mut hello = greeting(Mechanism::Null, false).to_vec();
        put(&mut hello, COMMAND, &command("READY", &properties("SUB")));
        stream.write_all(&hello).unwrap();
        stream
    }

    /// What comes next, however many looks it takes.
    fn next(publisher: &mut Publisher) -> Bytes {
        loop {
            publisher.socket.look();
            if let Some(topic) = publisher.receive() {
                return topic;
            }
        }
    }

    fn subscribe(stream: &mut TcpStream, topic: &[u8]) {
        let mut frame = Vec::new();
        put(&mut frame, 0, &[b"\x01", topic].concat());
        stream.write_all(&frame).unwrap();
    }

    fn subscriber(publisher: &mut Publisher) -> TcpStream {
        let mut stream = connect(publisher);
        subscribe(&mut stream, b"");
        assert!(next(publisher).is_empty());
        stream
    }

    fn message(size: usize) -> Multipart {
        Multipart::new(vec![Bytes::from_static(b"topic"), vec![7; size].into()])
    }

    /// Publishes until the subscriber takes nothing more.
    fn fill(publisher: &mut Publisher) {
        while publisher.publish(&message(1 << 20), LONG) {}
    }

    #[test]
    fn one_that_is_full_is_waited_for_and_passed_over_when_it_takes_nothing() {
        let mut publisher = publisher();
        let _silent = subscriber(&mut publisher);
        fill(&mut publisher);
        let mut other = subscriber(&mut publisher);
        assert!(!publisher.publish(&message(1), LONG));
        assert!(publisher.silent_since().is_some() && !publisher.take_passed_over());
        assert!(publisher.publish(&message(1), Duration::ZERO));
        assert!(publisher.take_passed_over() && publisher.silent_since().is_none());
        // From here on the other is not held up.
        assert!(publisher.publish(&message(1), LONG) && !publisher.take_passed_over());
        publisher.socket.flush();
        let mut all = vec![0; 400];
        other.set_read_timeout(Some(LONG)).unwrap();
        let mut count = 0;
        while all[..count]
            .windows(5)
            .filter(|part| part == b"topic")
            .count()
            < 2
        {
            count += other.read(&mut all[count..]).unwrap();
        }
    }

    #[test]
    fn one_that_reads_however_slowly_is_waited_for() {
        let mut publisher = publisher();
        let mut slow = subscriber(&mut publisher);
        fill(&mut publisher);
        let an_hour_ago = Instant::now().checked_sub(LONG).unwrap();
        publisher.socket.connections()[0].moved = an_hour_ago;
        let mut some = vec![0; 1 << 20];
        while publisher.socket.all()[0].moved == an_hour_ago {
            slow.read_exact(&mut some).unwrap();
            publisher.socket.retry();
        }
        // Whether it has room by now or not: it misses nothing.
        publisher.publish(&message(1), LONG / 2);
        assert!(!publisher.take_passed_over());
    }

    #[test]
    fn what_is_subscribed_twice_is_told_once() {
        let mut publisher = publisher();
        let mut stream = connect(&publisher);
        for topic in [&b"a"[..], b"a", b"b", b"a", b"c"] {
            subscribe(&mut stream, topic);
        }
        let told = [(); 3].map(|()| next(&mut publisher));
        assert_eq!(told, [&b"a"[..], b"b", b"c"]);
    }

    #[test]
    fn who_subscribes_without_end_is_turned_away() {
        let mut publisher = publisher();
        let mut stream = connect(&publisher);
        for number in 0..=SUBSCRIPTIONS {
            subscribe(&mut stream, number.to_string().as_bytes());
        }
        for _ in 0..SUBSCRIPTIONS {
            next(&mut publisher);
        }
        while !publisher.socket.all()[0].is_ended() {
            publisher.socket.look();
            assert_eq!(publisher.receive(), None);
        }
        let reasons = publisher.socket.tidy(Instant::now());
        assert_eq!(reasons, ["the client has more than 1,000 subscriptions"]);
    }

    #[test]
    fn the_thread_that_polls_is_to_learn_of_a_new_connection() {
        let mut publisher = publisher();
        publisher.receive();
        assert!(!publisher.socket.is_changed());
        let _stream = connect(&publisher);
        while publisher.socket.all().is_empty() {
            publisher.socket.look();
            publisher.receive();
        }
        assert!(publisher.socket.is_changed());
        publisher.socket.tidy(Instant::now());
        assert!(!publisher.socket.is_changed());
    }
}
