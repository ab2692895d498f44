//! Signals: an interrupt is a real `SIGINT` to Python's main thread, a wait notices signals, and `SIGTERM`
//! ends the kernel in order.
//!
//! A signal aimed at the thread wakes `sleep`, `select` and `read` at once; `PyErr_SetInterrupt` from another
//! thread only sets a flag that nobody looks at before the system call is over.

use std::os::fd::RawFd;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{io, mem, ptr};

use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;

/// How long a wait lasts before it looks for interrupts again. A signal ends the main thread's wait on a
/// descriptor by itself, and this is for one that came just before the wait began; a subshell's thread is
/// interrupted by an asynchronous exception, which wakes nobody.
pub(crate) const SLICE: Duration = Duration::from_millis(100);

/// The main thread's `pthread_t`; 0 until it is known.
static MAIN_THREAD: AtomicUsize = AtomicUsize::new(0);

/// Remember which thread Python runs its signal handlers in.
pub(crate) fn remember_main_thread(py: Python<'_>) -> PyResult<()> {
    let main = py.import("threading")?.call_method0("main_thread")?;
    // On POSIX systems the identifier of a thread is its `pthread_t`.
    let identifier: Option<usize> = main.getattr(intern!(py, "ident"))?.extract()?;
    MAIN_THREAD.store(identifier.unwrap_or(0), Ordering::Release);
    Ok(())
}

/// This is the thread Python will run its signal handlers in.
///
/// Until it does, `SIGINT` does nothing, not even end the process: Control-C at a terminal that we share means
/// somebody else, and there is no cell yet that an interrupt could mean.
pub(crate) fn prepare_main_thread() -> io::Result<()> {
    // SAFETY: has no conditions.
    let this = unsafe { libc::pthread_self() } as usize;
    MAIN_THREAD.store(this, Ordering::Release);
    // Not SIG_IGN, which Python would keep and child processes inherit. What is neither that nor the default
    // is left alone by Python until ours takes its place.
    let action = action(nothing);
    if current_action(libc::SIGINT)?.sa_sigaction == libc::SIG_DFL {
        set_action(libc::SIGINT, &action)?;
    }
    Ok(())
}

extern "C" fn nothing(_: libc::c_int) {}

fn on_main_thread() -> bool {
    // SAFETY: has no conditions.
    let this = unsafe { libc::pthread_self() } as usize;
    let main = MAIN_THREAD.load(Ordering::Acquire);
    // While it is not known, any thread may be it.
    main == 0 || main == this
}

/// Send `SIGINT` to the main thread. Needs no interpreter: the I/O thread calls it.
pub(crate) fn interrupt() -> bool {
    let thread = MAIN_THREAD.load(Ordering::Acquire);
    if thread == 0 {
        return false;
    }
    // SAFETY: the main thread lives as long as the process; its identifier is never that of another thread.
    unsafe { libc::pthread_kill(thread as libc::pthread_t, libc::SIGINT) == 0 }
}

/// Send `SIGINT` to the main thread: what Control-C does at a terminal.
#[pyfunction]
pub(crate) fn interrupt_main(py: Python<'_>) -> PyResult<()> {
    // Once more, because a child forked from another thread has another main thread.
    remember_main_thread(py)?;
    if interrupt() {
        Ok(())
    } else {
        Err(PyRuntimeError::new_err("the main thread is not known"))
    }
}

/// Wait without the interpreter until `attempt` gives something or `timeout` has passed.
///
/// `attempt` is told how long it may wait, and gives nothing when that is over or when a signal ended it.
/// Between the attempts Python's signal handlers run on the main thread, and elsewhere the asynchronous
/// exceptions that other threads have set are raised; either ends the wait.
pub(crate) fn wait<T: Send>(
    py: Python<'_>,
    timeout: Option<Duration>,
    mut attempt: impl FnMut(Option<Duration>) -> Option<T> + Send,
) -> PyResult<Option<T>> {
    // A timeout that no clock can count to is none.
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let on_main_thread = on_main_thread();
    loop {
        if on_main_thread {
            py.check_signals()?;
        } else {
            // CPython raises an asynchronous exception where it runs bytecode, and only there.
            py.run(c"pass", None, None)?;
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let pause = left.into_iter().chain([SLICE]).min();
        if let Some(found) = py.detach(|| attempt(pause)) {
            return Ok(Some(found));
        }
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Ok(None);
        }
    }
}

/// Where the handler of `SIGTERM` writes; -1 until it is installed.
static TERMINATION: AtomicI32 = AtomicI32::new(-1);
/// The handler that was there before, which is Python's.
static TERMINATE_BEFORE: AtomicUsize = AtomicUsize::new(libc::SIG_DFL);

/// Let no C code keep the process from ending by `SIGTERM`.
///
/// Python's handlers wait for the next bytecode of the main thread, which a long call of C code may never
/// reach. So the one that Python has installed is called by another, which also starts the clock after which
/// the I/O thread ends the process. A handler a cell installs takes the place of both.
pub(crate) fn watch_sigterm(termination_fd: RawFd) -> io::Result<()> {
    TERMINATION.store(termination_fd, Ordering::Release);
    let mut action = current_action(libc::SIGTERM)?;
    let before = action.sa_sigaction;
    let ours = terminate as extern "C" fn(libc::c_int) as libc::sighandler_t;
    // Python's handler has one parameter; anything else was not installed by Python.
    if before == ours || action.sa_flags & libc::SA_SIGINFO != 0 {
        return Ok(());
    }
    TERMINATE_BEFORE.store(before, Ordering::Release);
    action.sa_sigaction = ours;
    set_action(libc::SIGTERM, &action)
}

extern "C" fn terminate(signal: libc::c_int) {
    let before = TERMINATE_BEFORE.load(Ordering::Acquire);
    // SAFETY: `write`, `signal` and `raise` may be called in a handler; the descriptor stays open, because
    // the kernel closes nothing before the process ends, and a failed write changes nothing. `before` is the
    // address of a handler of this signature, since it is none of the two numbers that are not.
    unsafe {
        if ipyrust_kernel::forked() || before == libc::SIG_DFL {
            // The child shares the descriptor, but the signal is for the child alone. It is blocked until
            // this handler returns; then it does what it does to any process.
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
            return;
        }
        let error = *errno();
        let one = 1_u64.to_ne_bytes();
        libc::write(
            TERMINATION.load(Ordering::Acquire),
            one.as_ptr().cast(),
            one.len(),
        );
        *errno() = error;
        if before != libc::SIG_IGN {
            mem::transmute::<libc::sighandler_t, extern "C" fn(libc::c_int)>(before)(signal);
        }
    }
}

fn action(handler: extern "C" fn(libc::c_int)) -> libc::sigaction {
    // SAFETY: a structure of plain numbers, for which zeros are a value: no flags, and an empty set.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = handler as libc::sighandler_t;
    action.sa_flags = libc::SA_RESTART;
    action
}

fn current_action(signal: libc::c_int) -> io::Result<libc::sigaction> {
    // SAFETY: as in `action`; the call writes to it and changes nothing.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        match libc::sigaction(signal, ptr::null(), &raw mut action) {
            0 => Ok(action),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// The handler makes only calls that a handler may make.
fn set_action(signal: libc::c_int, action: &libc::sigaction) -> io::Result<()> {
    // SAFETY: the structure is whole, and its handler is a function or one of the system's numbers.
    match unsafe { libc::sigaction(signal, action, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The place of `errno`, which a handler must leave as it was.
///
/// # Safety
/// None of its own: the C library's function has no conditions; the place is the calling thread's.
unsafe fn errno() -> *mut libc::c_int {
    // SAFETY: as above.
    #[cfg(target_os = "linux")]
    return unsafe { libc::__errno_location() };
    // SAFETY: as above.
    #[cfg(target_os = "macos")]
    return unsafe { libc::__error() };
}
