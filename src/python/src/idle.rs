//! Python's event loop, waiting, reads the shell socket itself.

use std::io::ErrorKind;
use std::os::fd::{BorrowedFd, RawFd};
use std::time::Instant;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::queue::duration;

/// The shell socket, to be read by a thread that waits anyway.
#[pyclass(frozen, module = "ipyrust._core")]
pub(crate) struct Idle(pub(crate) ipyrust_kernel::Idle);

#[pymethods]
impl Idle {
    /// Have an epoll tell of requests, too, and before the I/O thread is told; `OSError` where the system cannot.
    fn join(&self, epoll: RawFd) -> PyResult<()> {
        Ok(self.0.join(borrow(epoll)?)?)
    }

    /// Have the I/O thread alone told; to be called before the epoll is closed.
    fn leave(&self, epoll: RawFd) -> PyResult<()> {
        self.0.leave(borrow(epoll)?);
        Ok(())
    }

    /// Wait until the epoll tells of something, and read and route requests meanwhile; without the interpreter.
    ///
    /// Gives descriptors and their events, none after `timeout` seconds. Signal handlers run as in `select`.
    fn wait(
        &self,
        py: Python<'_>,
        epoll: RawFd,
        timeout: Option<f64>,
    ) -> PyResult<Vec<(RawFd, u32)>> {
        let epoll = borrow(epoll)?;
        let timeout = timeout.map(duration).transpose()?;
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            match py.detach(|| self.0.wait(epoll, left)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => py.check_signals()?,
                done => return Ok(done?),
            }
        }
    }
}

/// The descriptor of an epoll, for the time of a call.
fn borrow<'call>(epoll: RawFd) -> PyResult<BorrowedFd<'call>> {
    if epoll < 0 {
        return Err(PyValueError::new_err(format!("not a descriptor: {epoll}")));
    }
    // SAFETY: not -1. If it is closed meanwhile the calls it is given to fail, or, where another file has got its
    // number, refuse that or wait for what that tells; they neither read, write nor close it.
    Ok(unsafe { BorrowedFd::borrow_raw(epoll) })
}
