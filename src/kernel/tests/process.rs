//! What concerns the whole process: captured descriptors, forks, the end by
//! force. Each test runs a kernel in a process of its own: this program again,
//! told by an environment variable which kernel to be.

#[path = "wire/client.rs"]
#[allow(dead_code, reason = "these tests need few of the client's verbs")]
mod client;

use client::{Client, Published, content, info, ok, take};
use ipyrust_kernel::{
    ConnectionFile, ConnectionInfo, IoPub, Kernel, KernelOptions, Next, Request, StreamName,
};
use rustix::fd::BorrowedFd;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const ROLE: &str = "IPYRUST_TEST_KERNEL";

/// The other process's program: not a test, unless it is told its role.
#[test]
fn kernel_process() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let (role, path) = role.split_once(' ').unwrap();
    let mut options = KernelOptions::new(info(), Box::new(|| {}));
    options.watch_parent = true;
    if role == "stuck" {
        options.shutdown_grace = Duration::from_millis(200);
    }
    let kernel = Kernel::start(client::connection().into(), options).unwrap();
    kernel.capture().unwrap();
    kernel.connection().write(Path::new(path)).unwrap();
    if role == "stuck" {
        // As a thread in C code that holds the language's lock.
        let request = take(kernel.shell());
        let code: serde_json::Value = request.message().content.decode().unwrap();
        if code["code"] == "terminated" {
            let iopub = kernel.iopub();
            iopub.write(StreamName::Stdout, "the last words", Some(request.parent()));
            // SAFETY: the kernel, and with it the descriptor, lives as long as the process.
            let termination = unsafe { BorrowedFd::borrow_raw(kernel.termination_fd()) };
            let written = rustix::io::write(termination, &1_u64.to_ne_bytes());
            assert_eq!(written, Ok(size_of::<u64>()));
        }
        loop {
            std::thread::park();
        }
    }
    let (shell, iopub) = (kernel.shell().clone(), kernel.iopub().clone());
    let cells = std::thread::spawn(move || {
        while let Next::Request(mut request) = shell.next(None) {
            run_cell(&iopub, &request);
            request.reply(ok(), None, Vec::new()).unwrap();
        }
    });
    let mut request = take(kernel.control());
    request.reply(ok(), None, Vec::new()).unwrap();
    drop(request);
    kernel.close(Duration::from_secs(5));
    cells.join().unwrap();
    std::process::exit(7);
}

fn run_cell(iopub: &IoPub, request: &Request) {
    let parent = Some(request.parent());
    let raw = |text: &str| {
        assert_eq!(
            rustix::io::write(rustix::stdio::stdout(), text.as_bytes()),
            Ok(text.len())
        );
    };
    let code: serde_json::Value = request.message().content.decode().unwrap();
    match code["code"].as_str().unwrap() {
        "interleave" => {
            for number in 0..100 {
                iopub.write(StreamName::Stdout, &format!("python {number}"), parent);
                iopub.write(StreamName::Stdout, "\n", parent);
                raw(&format!("descriptor {number}\n"));
            }
        }
        "child" => {
            let status = Command::new("sh")
                .args(["-c", "echo out; echo err >&2"])
                .status();
            assert!(status.unwrap().success());
        }
        "fork" => {
            // SAFETY: the child only writes to a descriptor and exits.
            let child = unsafe { libc::fork() };
            if child == 0 {
                assert!(ipyrust_kernel::forked());
                iopub.write(StreamName::Stdout, "from the fork\n", parent);
                // SAFETY: as above.
                unsafe { libc::_exit(0) };
            }
            let mut status = 0;
            // SAFETY: the pointer is to a local of the type waitpid writes.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            assert_eq!(status, 0);
        }
        "forks" => {
            let ended = AtomicBool::new(false);
            std::thread::scope(|scope| {
                // Holds the lock of IOPub most of the time, also while the process forks.
                scope.spawn(|| {
                    while !ended.load(Ordering::Relaxed) {
                        iopub.begin_record(StreamName::Stderr);
                    }
                });
                let statuses: Vec<i32> = (0..100).map(|_| record_in_fork(iopub)).collect();
                ended.store(true, Ordering::Relaxed);
                assert_eq!(statuses, [0; 100]);
            });
        }
        // A pipe holds 64 KB; somebody must read while this writes.
        "flood" => (0..10_000).for_each(|_| raw(&"0123456789".repeat(10))),
        other => panic!("no such cell: {other}"),
    }
}

/// The status of a child that records, as one does in which the cell that forked
/// ends; it is killed where it waits.
fn record_in_fork(iopub: &IoPub) -> i32 {
    // SAFETY: the child only calls what a child may, and exits.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: has no conditions.
        unsafe { libc::alarm(20) };
        iopub.begin_record(StreamName::Stdout);
        assert_eq!(iopub.end_record(StreamName::Stdout), "");
        // SAFETY: as above.
        unsafe { libc::_exit(0) };
    }
    let mut status = 0;
    // SAFETY: the pointer is to a local of the type waitpid writes.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    status
}

struct Process {
    child: Child,
    client: Client,
    _directory: tempfile::TempDir,
}

impl Process {
    fn start(role: &str) -> Process {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kernel.json");
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kernel_process", "--nocapture"])
            .env(ROLE, format!("{role} {}", path.display()))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + client::LIMIT;
        while !path.exists() {
            assert!(
                Instant::now() < deadline,
                "the kernel did not write its file"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        let ConnectionFile::Connection(info) = ConnectionFile::read(&path).unwrap() else {
            panic!("not a connection file")
        };
        let info: ConnectionInfo = info;
        Process {
            child,
            client: Client::new(&info),
            _directory: directory,
        }
    }

    fn output(&mut self, code: &str) -> Vec<Published> {
        let id = self.client.execute(code);
        let all = self.client.until_idle(&id);
        let streams = all.into_iter().filter(|one| one.kind == "stream");
        streams.inspect(|one| assert_eq!(one.parent, id)).collect()
    }

    fn text(&mut self, code: &str, name: &str) -> String {
        let all = self.output(code);
        let named = all.iter().filter(|one| one.content["name"] == name);
        named
            .map(|one| one.content["text"].as_str().unwrap())
            .collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn descriptors_reach_their_cell_in_the_order_of_the_writes() {
    let mut process = Process::start("cells");
    let expected: String = (0..100)
        .map(|number| format!("python {number}\ndescriptor {number}\n"))
        .collect();
    assert_eq!(process.text("interleave", "stdout"), expected);
    let all = process.output("child");
    let told = |name: &str, text: &str| {
        all.iter()
            .any(|one| one.content == json!({"name": name, "text": text}))
    };
    assert!(
        told("stdout", "out\n") && told("stderr", "err\n"),
        "{all:?}"
    );
    assert_eq!(
        process.text("flood", "stdout"),
        "0123456789".repeat(100_000)
    );
}

#[test]
fn a_fork_writes_to_the_notebook_and_leaves_the_kernel_alone() {
    let mut process = Process::start("cells");
    assert_eq!(process.text("fork", "stdout"), "from the fork\n");
    assert_eq!(process.text("fork", "stdout"), "from the fork\n");
}

#[test]
fn a_fork_waits_for_no_lock_that_a_thread_of_its_parent_holds() {
    let mut process = Process::start("cells");
    assert_eq!(process.output("forks"), []);
}

#[test]
fn shutdown_is_answered_and_the_process_ends() {
    let mut process = Process::start("cells");
    let id = process.client.command("shutdown_request", json!({}));
    assert_eq!(
        content(&process.client.control_reply(&id)),
        json!({"status": "ok"})
    );
    assert_eq!(process.child.wait().unwrap().code(), Some(7));
}

#[test]
fn a_kernel_that_is_stuck_is_ended_by_force_after_its_reply() {
    let mut process = Process::start("stuck");
    process.client.execute("never ends");
    let id = process
        .client
        .command("shutdown_request", json!({"restart": true}));
    let reply = content(&process.client.control_reply(&id));
    assert_eq!(reply, json!({"status": "ok", "restart": true}));
    assert_eq!(process.child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_stuck_kernel_that_was_told_to_end_by_a_signal_sends_what_it_has_and_ends() {
    let mut process = Process::start("stuck");
    let id = process.client.execute("terminated");
    let words = json!({"name": "stdout", "text": "the last words"});
    loop {
        let published = process.client.published();
        if published.parent == id && published.content == words {
            break;
        }
    }
    assert_eq!(process.child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_kernel_ends_with_the_process_that_started_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kernel.json");
    let program = std::env::current_exe().unwrap();
    // A shell stands between: it is the parent, and it is killed.
    let script = format!(
        "'{}' --exact kernel_process --nocapture >/dev/null & echo $!; wait",
        program.display()
    );
    let mut shell = Command::new("sh")
        .args(["-c", &script])
        .env(ROLE, format!("cells {}", path.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let stdout = shell.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
    let kernel = Pid::from_raw(line.trim().parse().unwrap()).unwrap();
    let deadline = Instant::now() + client::LIMIT;
    while !path.exists() {
        assert!(
            Instant::now() < deadline,
            "the kernel did not write its file"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    kill_process(
        Pid::from_raw(shell.id().cast_signed()).unwrap(),
        Signal::KILL,
    )
    .unwrap();
    shell.wait().unwrap();
    let lives = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", kernel.as_raw_nonzero()));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    };
    while lives() {
        assert!(Instant::now() < deadline, "the kernel outlives its parent");
        std::thread::sleep(Duration::from_millis(5));
    }
}
