//! The queues Python takes its requests from.

use std::os::fd::RawFd;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::request::Request;

/// Requests that wait for Python, in the order they came.
#[pyclass(frozen, module = "ipyrust._core")]
pub(crate) struct RequestQueue(pub(crate) ipyrust_kernel::RequestQueue);

#[pymethods]
impl RequestQueue {
    /// A descriptor that is readable while a request waits, and once the queue is closed.
    fn fileno(&self) -> RawFd {
        self.0.fd()
    }

    /// The next request, if there is one; its `busy` is published.
    fn try_next(&self, py: Python<'_>) -> PyResult<Option<Request>> {
        self.0
            .try_next()
            .map(|request| Request::new(py, request))
            .transpose()
    }

    /// A completion, inspection or completeness request that has waited this long already.
    ///
    /// For the control thread, which may answer it while a cell keeps the main thread busy.
    fn try_next_overdue(&self, py: Python<'_>, seconds: f64) -> PyResult<Option<Request>> {
        let age = duration(seconds)?;
        self.0
            .try_next_overdue(age)
            .map(|request| Request::new(py, request))
            .transpose()
    }

    /// Whether no request will come any more.
    #[getter]
    fn closed(&self) -> bool {
        self.0.is_closed()
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// A queue is true also when nothing waits in it.
    fn __bool__(&self) -> bool {
        true
    }
}

/// Seconds as Python counts them.
pub(crate) fn duration(seconds: f64) -> PyResult<Duration> {
    if seconds.is_nan() || seconds < 0.0 {
        return Err(PyValueError::new_err(format!(
            "not a number of seconds: {seconds}"
        )));
    }
    // More than fits (`inf` too) is as good as for ever.
    Ok(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}
