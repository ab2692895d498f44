//! A request in Python's hands: taken from a queue, answered once, closed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ipyrust_kernel::Channel;
use pyo3::exceptions::{PyException, PyKeyboardInterrupt, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyType};

use crate::message::{self, Parent, Part};
use crate::{buffer, json};

/// A request to be answered exactly once.
///
/// As a context manager: an exception that leaves the block becomes an error reply (and does not leave it
/// further, unless it ends the program), and `idle` is published at the end.
#[pyclass(frozen, module = "ipyrust._core")]
pub(crate) struct Request {
    /// Locked for single calls of the library, none of which waits.
    inner: Mutex<ipyrust_kernel::Request>,
    channel: Channel,
    subshell_id: Option<String>,
    /// Holds the message: what is asked of the message needs no lock.
    #[pyo3(get)]
    parent: Py<Parent>,
}

impl Request {
    pub(crate) fn new(py: Python<'_>, request: ipyrust_kernel::Request) -> PyResult<Request> {
        let parent = Py::new(py, Parent::new(request.parent().clone()))?;
        Ok(Request {
            channel: request.channel(),
            subshell_id: request.subshell_id().map(str::to_owned),
            inner: Mutex::new(request),
            parent,
        })
    }

    fn inner(&self) -> MutexGuard<'_, ipyrust_kernel::Request> {
        // A panic inside the library has left a request that can still be closed.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn message(&self) -> &ipyrust_kernel::Message {
        &self.parent.get().inner.message
    }

    fn part<'py>(&self, py: Python<'py>, part: Part) -> PyResult<Bound<'py, PyAny>> {
        self.parent.get().part(py, part)
    }
}

#[pymethods]
impl Request {
    /// Such as `execute_request`.
    #[getter]
    fn r#type(&self) -> &str {
        self.message().message_type.as_str()
    }

    /// The content, of the shape the specification gives it, with all defaults filled in.
    #[getter]
    fn content<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.part(py, Part::Content)
    }

    #[getter]
    fn metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.part(py, Part::Metadata)
    }

    #[getter]
    fn header<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.part(py, Part::Header)
    }

    #[getter]
    fn parent_header<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.part(py, Part::ParentHeader)
    }

    /// What came with the message, on the memory it arrived in; read-only.
    #[getter]
    fn buffers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.part(py, Part::Buffers)
    }

    #[getter]
    fn identities<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        message::identities(py, self.message())
    }

    #[getter]
    fn channel(&self) -> &'static str {
        self.channel.as_str()
    }

    #[getter]
    fn subshell_id(&self) -> Option<&str> {
        self.subshell_id.as_deref()
    }

    #[getter]
    fn replied(&self) -> bool {
        self.inner().replied()
    }

    /// Send the reply, after everything published before.
    ///
    /// With `abort_others`, every `execute_request` that has arrived by then is answered `aborted`. A second
    /// reply, and one to a message that has none (`comm_msg`), is a `RuntimeError`.
    #[pyo3(signature = (content, *, metadata=None, buffers=None, abort_others=false))]
    fn reply(
        &self,
        content: &Bound<'_, PyAny>,
        metadata: Option<&Bound<'_, PyAny>>,
        buffers: Option<&Bound<'_, PyAny>>,
        abort_others: bool,
    ) -> PyResult<()> {
        // Encoding may run Python: all of it before the lock.
        let content = json::encode_mapping(content, "content")?;
        let metadata = metadata
            .map(|metadata| json::encode_mapping(metadata, "metadata"))
            .transpose()?;
        let buffers = buffer::outward(buffers)?;
        let mut inner = self.inner();
        let sent = if abort_others {
            inner.reply_aborting(content, metadata, buffers)
        } else {
            inner.reply(content, metadata, buffers)
        };
        sent.map_err(|error| PyRuntimeError::new_err(error.to_string()))
    }

    /// Publish `idle`; an unanswered request is answered with an error.
    fn close(&self) {
        self.inner().close();
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        kind: Option<&Bound<'_, PyType>>,
        error: Option<Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        let (Some(kind), Some(error)) = (kind, error) else {
            self.close();
            return Ok(false);
        };
        let ename = kind.name()?.to_string();
        let evalue = error.str().map(|text| text.to_string()).unwrap_or_default();
        let lines = format_exception(py, kind, &error, traceback).unwrap_or_default();
        let told = self.inner().fail(&ename, &evalue, lines);
        self.close();
        // What ends the program (`SystemExit`) or the task (`CancelledError`) goes on its way.
        let ours =
            error.is_instance_of::<PyException>() || error.is_instance_of::<PyKeyboardInterrupt>();
        if ours && told.is_err() {
            // There is no reply left to carry it, but it must be seen.
            PyErr::from_value(error).write_unraisable(py, None);
        }
        Ok(ours)
    }

    fn __repr__(&self) -> String {
        format!(
            "<Request {} {}>",
            self.r#type(),
            self.message().header.msg_id
        )
    }
}

fn format_exception(
    py: Python<'_>,
    kind: &Bound<'_, PyType>,
    error: &Bound<'_, PyAny>,
    traceback: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<String>> {
    let format = py.import("traceback")?.getattr("format_exception")?;
    let parts: Vec<String> = format.call1((kind, error, traceback))?.extract()?;
    Ok(parts.concat().lines().map(str::to_owned).collect())
}
