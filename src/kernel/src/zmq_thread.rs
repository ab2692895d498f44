//! libzmq's thread, and how it is woken.
//!
//! Each message that is handed to libzmq wakes its thread, and Linux lets a thread
//! that has slept take the processor from the one that woke it: the two would
//! take turns, message by message. A thread with the policy for batch jobs waits
//! its turn, and then finds all messages at once. It is made one for as long as
//! it is handed messages and no longer: where all processors are busy it would
//! wait for them, too. (Always so, `pass` takes 4 ms instead of 0.6 there.)

#[cfg(target_os = "linux")]
pub(crate) use linux::ZmqThread;

#[cfg(not(target_os = "linux"))]
#[derive(Clone, Copy)]
pub(crate) struct ZmqThread;

#[cfg(not(target_os = "linux"))]
impl ZmqThread {
    /// Runs `start`, which starts it.
    pub(crate) fn started_by<T>(start: impl FnOnce() -> T) -> (ZmqThread, T) {
        (ZmqThread, start())
    }

    /// Runs what hands several messages over.
    pub(crate) fn handed<T>(self, hand_over: impl FnOnce() -> T) -> T {
        hand_over()
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use libc::{c_int, pid_t};
    use rustix::thread::{name, set_name};
    use std::ffi::CStr;
    use std::fs;

    /// Names are inherited, and this one is how the thread is found.
    const NAME: &CStr = c"ipyrust-zmq";

    /// See the module.
    #[derive(Clone, Copy)]
    pub(crate) struct ZmqThread(Option<pid_t>);

    impl ZmqThread {
        /// Runs `start`, which starts it.
        pub(crate) fn started_by<T>(start: impl FnOnce() -> T) -> (ZmqThread, T) {
            let others = named();
            let own = name().and_then(|own| set_name(NAME).map(|()| own));
            let started = start();
            if let Ok(own) = own {
                // It has just worked with another name.
                let _ = set_name(&own);
            }
            // libzmq has another thread, which it starts first, for closing sockets. The system
            // lists threads in the order they were started; were it not so, nothing would be won.
            let thread = named().into_iter().rfind(|thread| !others.contains(thread));
            (ZmqThread(thread), started)
        }

        /// Runs what hands several messages over.
        pub(crate) fn handed<T>(self, hand_over: impl FnOnce() -> T) -> T {
            self.set(libc::SCHED_BATCH);
            let result = hand_over();
            self.set(libc::SCHED_OTHER);
            result
        }

        fn set(self, policy: c_int) {
            if let Some(thread) = self.0 {
                set_policy(thread, policy);
            }
        }
    }

    /// The threads that bear the name and have the usual policy: where somebody has
    /// given this process another, it stays.
    fn named() -> Vec<pid_t> {
        let Ok(tasks) = fs::read_dir("/proc/self/task") else {
            return Vec::new();
        };
        let threads = tasks.filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok());
        let is_named = |thread: &pid_t| {
            let name = fs::read(format!("/proc/self/task/{thread}/comm"));
            name.is_ok_and(|name| name.trim_ascii_end() == NAME.to_bytes())
        };
        // SAFETY: takes any number, and answers with an error if it is none of a thread.
        let is_usual =
            |thread: &pid_t| unsafe { libc::sched_getscheduler(*thread) } == libc::SCHED_OTHER;
        threads.filter(is_named).filter(is_usual).collect()
    }

    /// By the system call itself, which the function of musl does not make.
    fn set_policy(thread: pid_t, policy: c_int) {
        let parameters: c_int = 0; // `sched_param` is one number, and this the only one here.
        // SAFETY: the pointer is to what the call reads and does not keep. Where it is refused
        // nothing changes.
        unsafe {
            libc::syscall(
                libc::SYS_sched_setscheduler,
                thread,
                policy,
                &raw const parameters,
            );
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use std::sync::mpsc;

        #[test]
        fn the_thread_waits_its_turn_while_it_is_handed_messages() {
            let (end, ended) = mpsc::channel::<()>();
            let before = name().unwrap();
            let (thread, started) =
                ZmqThread::started_by(|| std::thread::spawn(move || ended.recv()));
            assert_eq!(name().unwrap(), before);
            let id = thread.0.unwrap();
            // SAFETY: takes any number.
            let policy = || unsafe { libc::sched_getscheduler(id) };
            assert_eq!(policy(), libc::SCHED_OTHER);
            assert_eq!(thread.handed(policy), libc::SCHED_BATCH);
            assert_eq!(policy(), libc::SCHED_OTHER);
            drop(end);
            assert!(started.join().unwrap().is_err());
        }
    }
}
