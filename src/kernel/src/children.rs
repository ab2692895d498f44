//! The processes a cell has started and that are still there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getpgid, getpid, kill_process};

/// Interrupts our children, if we lead our process group as a kernel started by
/// a Jupyter client does: `!sleep 100` should end with its cell. How many.
///
/// `before` interrupts the cell itself, when it is known which children there
/// are. It comes first: a cell that waits for a child must not see it end and go
/// on as if nothing had happened.
pub fn interrupt(before: impl FnOnce()) -> usize {
    let group = getpid();
    let mut ours = Vec::new();
    if getpgid(None) == Ok(group) {
        ours = descendants();
        // A child that left the group has asked to be left alone.
        ours.retain(|pid| getpgid(Some(*pid)) == Ok(group));
    }
    before();
    signal(ours.into_iter(), Signal::INT)
}

/// Ends all our descendants: asks, waits at most this long, then kills. How many
/// there were.
pub fn end(grace: Duration) -> usize {
    let asked = signal(descendants().into_iter(), Signal::TERM);
    if asked == 0 {
        return 0;
    }
    let deadline = Instant::now() + grace;
    while Instant::now() < deadline {
        if descendants().is_empty() {
            return asked;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    signal(descendants().into_iter(), Signal::KILL);
    asked
}

fn signal(pids: impl Iterator<Item = Pid>, signal: Signal) -> usize {
    pids.filter(|pid| kill_process(*pid, signal).is_ok())
        .count()
}

/// All processes whose parents lead to us and that have not ended.
pub(crate) fn descendants() -> Vec<Pid> {
    if is_childless() {
        return Vec::new();
    }
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for (pid, parent) in processes() {
        children.entry(parent).or_default().push(pid);
    }
    let mut found = BTreeSet::new();
    let mut look = vec![getpid().as_raw_nonzero().get()];
    while let Some(pid) = look.pop() {
        for child in children.get(&pid).into_iter().flatten() {
            if found.insert(*child) {
                look.push(*child);
            }
        }
    }
    found.into_iter().filter_map(Pid::from_raw).collect()
}

/// Whether it is certain that we have no child: the usual case, and to look
/// through all processes of a machine takes as long as to interrupt a cell.
#[cfg(target_os = "linux")]
fn is_childless() -> bool {
    // Each of our threads has its own; where Linux was built without these files nothing is known.
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
        return false;
    };
    let Ok(threads) = threads.collect::<Result<Vec<_>, _>>() else {
        return false;
    };
    // The main thread comes last, for it gets the children of a thread that ends meanwhile.
    threads.iter().rev().all(|thread| {
        std::fs::read(thread.path().join("children")).is_ok_and(|children| children.is_empty())
    })
}

#[cfg(not(target_os = "linux"))]
fn is_childless() -> bool {
    false
}

/// Every process and its parent, without those that only wait to be collected.
#[cfg(target_os = "linux")]
fn processes() -> Vec<(i32, i32)> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| {
            let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The name stands in parentheses and may hold anything.
            let (_, after) = stat.rsplit_once(')')?;
            let mut fields = after.split_ascii_whitespace();
            let state = fields.next()?;
            let parent = fields.next()?.parse().ok()?;
            (state != "Z").then_some((pid, parent))
        })
        .collect()
}

/// Elsewhere `ps` knows.
#[cfg(not(target_os = "linux"))]
fn processes() -> Vec<(i32, i32)> {
    let output = std::process::Command::new("ps")
        .args(["-A", "-o", "pid=,ppid=,stat="])
        .output();
    let Ok(output) = output else {
        return Vec::new();
    };
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            let pid = fields.next()?.parse().ok()?;
            let parent = fields.next()?.parse().ok()?;
            (!fields.next()?.starts_with('Z')).then_some((pid, parent))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn descendants_are_found_and_ended() {
        // A shell with a child of its own: both must go.
        let mut child = Command::new("sh")
            .args(["-c", "sleep 1000 & wait"])
            .spawn()
            .unwrap();
        let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while descendants().len() < 2 && Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert!(descendants().contains(&pid));
        assert!(end(Duration::from_millis(200)) >= 2);
        assert!(!child.wait().unwrap().success());
        while !descendants().is_empty() && Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert!(descendants().is_empty());
    }
}
