//! A thread that waits reads requests itself, and one that does not leaves them
//! to the I/O thread.

use crate::client::{LIMIT, Room, ok};
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use serde_json::json;
use std::thread;
use std::time::Duration;

/// An epoll that watches the queue of the main shell, and the shell socket.
fn epoll(room: &Room) -> OwnedFd {
    let epoll = epoll::create(CreateFlags::CLOEXEC).unwrap();
    let queue = room.kernel.shell().fd();
    // SAFETY: the room, which outlives this, holds it.
    let borrowed = unsafe { BorrowedFd::borrow_raw(queue) };
    // The small half of the number is the descriptor on every machine that runs tests.
    let data = EventData::new_u64(u64::try_from(queue).unwrap());
    epoll::add(&epoll, borrowed, data, EventFlags::IN).unwrap();
    room.kernel.idle().join(epoll.as_fd()).unwrap();
    epoll
}

#[test]
fn a_request_ends_the_wait_of_who_watches_its_queue() {
    let room = Room::new();
    let mut client = room.client();
    client.see_start();
    let epoll = epoll(&room);
    for _ in 0..100 {
        let id = client.execute("1");
        let told = room.kernel.idle().wait(epoll.as_fd(), Some(LIMIT)).unwrap();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].0, room.kernel.shell().fd());
        let mut request = room.take();
        // The I/O thread, which has slept through all this, comes to send it.
        client.see_status("busy", &id);
        request.reply(ok(), None, Vec::new()).unwrap();
        drop(request);
        client.shell_reply(&id);
        client.see_status("idle", &id);
    }
}

#[test]
fn what_needs_no_language_is_answered_and_the_wait_goes_on() {
    let room = Room::new();
    let mut client = room.client();
    let epoll = epoll(&room);
    thread::scope(|scope| {
        let waits = scope.spawn(|| room.kernel.idle().wait(epoll.as_fd(), Some(LIMIT)));
        for _ in 0..100 {
            let id = client.ask("kernel_info_request", json!({}));
            client.shell_reply(&id);
            client.until_idle(&id);
        }
        assert!(!waits.is_finished());
        client.execute("1");
        let told = waits.join().unwrap().unwrap();
        assert_eq!(told[0].0, room.kernel.shell().fd());
        room.take();
    });
}

#[test]
fn while_nobody_waits_requests_come_as_ever() {
    let room = Room::new();
    let mut client = room.client();
    let _epoll = epoll(&room);
    client.execute("1");
    let running = room.take();
    let id = client.ask("kernel_info_request", json!({}));
    client.shell_reply(&id);
    client.execute("2");
    room.take();
    drop(running);
}

#[test]
fn who_has_left_is_not_told_of_the_socket() {
    let room = Room::new();
    let mut client = room.client();
    let epoll = epoll(&room);
    room.kernel.idle().leave(epoll.as_fd());
    client.execute("1");
    let told = room.kernel.idle().wait(epoll.as_fd(), Some(LIMIT)).unwrap();
    assert_eq!(told[0].0, room.kernel.shell().fd());
    room.take();
}

#[test]
fn a_wait_without_an_event_ends_in_time() {
    let room = Room::new();
    let epoll = epoll(&room);
    let told = room
        .kernel
        .idle()
        .wait(epoll.as_fd(), Some(Duration::from_millis(1)));
    assert!(told.unwrap().is_empty());
}

#[test]
fn what_is_no_epoll_is_an_error() {
    let room = Room::new();
    let pipe = rustix::pipe::pipe().unwrap().0;
    assert!(room.kernel.idle().join(pipe.as_fd()).is_err());
    assert!(room.kernel.idle().wait(pipe.as_fd(), None).is_err());
}

#[test]
fn the_end_of_the_kernel_ends_the_wait() {
    let room = Room::new();
    let epoll = epoll(&room);
    room.kernel.close(Duration::from_secs(5));
    // Its queue is closed, which the epoll tells.
    let told = room.kernel.idle().wait(epoll.as_fd(), Some(LIMIT)).unwrap();
    assert_eq!(told[0].0, room.kernel.shell().fd());
}
