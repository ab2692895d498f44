//! What `usage_request` wants to know: how much of the machine we and our
//! children use. Read from `/proc`; no library is loaded for it.

use crate::children::descendants;
use crate::protocol::{RawJson, ReplyStatus};
use rustix::process::getpid;
use serde::Serialize;
use std::time::Instant;

/// Remembers the last answer: percentages are of the time since then.
#[derive(Default)]
pub struct Usage {
    kernel: Option<(Instant, f64)>,
    host: Option<(f64, f64)>,
}

#[derive(Serialize)]
struct Reply {
    status: ReplyStatus,
    hostname: String,
    pid: i32,
    kernel_cpu: f64,
    kernel_memory: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    host_cpu_percent: Option<f64>,
    cpu_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    host_virtual_memory: Option<VirtualMemory>,
}

#[derive(Serialize)]
struct VirtualMemory {
    total: u64,
    available: u64,
    percent: f64,
    used: u64,
    free: u64,
    active: u64,
    inactive: u64,
    buffers: u64,
    cached: u64,
    shared: u64,
    slab: u64,
}

impl Usage {
    /// The content of a `usage_reply`.
    pub fn reply(&mut self) -> RawJson {
        let pid = getpid().as_raw_nonzero().get();
        let mut pids = vec![pid];
        pids.extend(descendants().iter().map(|pid| pid.as_raw_nonzero().get()));
        RawJson::encode(&Reply {
            status: ReplyStatus::Ok,
            hostname: rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned(),
            pid,
            kernel_cpu: self.kernel_percent(&pids),
            kernel_memory: pids.iter().map(|pid| memory(*pid)).sum(),
            host_cpu_percent: self.host_percent(),
            cpu_count: std::thread::available_parallelism().map_or(1, usize::from),
            host_virtual_memory: virtual_memory(),
        })
    }

    fn kernel_percent(&mut self, pids: &[i32]) -> f64 {
        let now = Instant::now();
        let seconds: f64 = pids.iter().filter_map(|pid| processor_seconds(*pid)).sum();
        let before = self.kernel.replace((now, seconds));
        before.map_or(0.0, |(then, used)| {
            let elapsed = now.duration_since(then).as_secs_f64();
            // A child that has ended takes its seconds with it.
            rounded((seconds - used).max(0.0) / elapsed.max(1e-3) * 100.0)
        })
    }

    fn host_percent(&mut self) -> Option<f64> {
        let stat = std::fs::read_to_string("/proc/stat").ok()?;
        let fields: Vec<f64> = stat
            .lines()
            .next()?
            .split_ascii_whitespace()
            .skip(1)
            .take(8)
            .filter_map(|field| field.parse().ok())
            .collect();
        let idle = fields.get(3)? + fields.get(4)?;
        let total: f64 = fields.iter().sum();
        let (total_before, idle_before) = self.host.replace((total, idle))?;
        let elapsed = total - total_before;
        (elapsed > 0.0).then(|| rounded((1.0 - (idle - idle_before) / elapsed).max(0.0) * 100.0))
    }
}

fn rounded(percent: f64) -> f64 {
    (percent * 10.0).round() / 10.0
}

fn processor_seconds(pid: i32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after) = stat.rsplit_once(')')?;
    // Fields 14 and 15 of proc(5), of which the first two stand before.
    let mut fields = after.split_ascii_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "a clock tick is a hundredth of a second"
    )]
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    Some((user + system) / per_second)
}

/// The proportional share where the system tells it, the resident set elsewhere.
fn memory(pid: i32) -> u64 {
    let smaps = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let status = || std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    kilobytes(&smaps, "Pss:")
        .or_else(|| kilobytes(&status(), "VmRSS:"))
        .unwrap_or(0)
}

/// The bytes of a line such as `Pss:   123 kB`.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    let number: u64 = line[name.len()..]
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .ok()?;
    Some(number * 1024)
}

fn virtual_memory() -> Option<VirtualMemory> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let of = |name: &str| kilobytes(&text, name).unwrap_or(0);
    let (total, available, free) = (of("MemTotal:"), of("MemAvailable:"), of("MemFree:"));
    let (buffers, cached) = (of("Buffers:"), of("Cached:") + of("SReclaimable:"));
    #[expect(
        clippy::cast_precision_loss,
        reason = "it becomes a percentage of one decimal"
    )]
    let percent = total.saturating_sub(available) as f64 / total.max(1) as f64 * 100.0;
    Some(VirtualMemory {
        total,
        available,
        percent: rounded(percent),
        used: total.saturating_sub(available),
        free,
        active: of("Active:"),
        inactive: of("Inactive:"),
        buffers,
        cached,
        shared: of("Shmem:"),
        slab: of("Slab:"),
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn usage_tells_of_this_process_and_machine() {
        let mut usage = Usage::default();
        usage.reply();
        let value: serde_json::Value = usage.reply().decode().unwrap();
        assert_eq!(value["status"], "ok");
        assert_eq!(value["pid"], std::process::id());
        assert!(value["kernel_memory"].as_u64().unwrap() > 100_000);
        assert!(value["host_virtual_memory"]["total"].as_u64().unwrap() > 1 << 20);
        assert!(value["cpu_count"].as_u64().unwrap() >= 1);
        assert!(!value["hostname"].as_str().unwrap().is_empty());
    }
}
