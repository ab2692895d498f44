//! Messages as Python sees them, and the parent that everything published carries.

use std::sync::Arc;

use ipyrust_kernel::{Header, Message, MessageType, RawJson};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::{buffer, json};

/// The message on whose behalf something is published.
#[pyclass(frozen, module = "ipyrust._core")]
pub(crate) struct Parent {
    pub(crate) inner: Arc<ipyrust_kernel::Parent>,
    /// Made once, when somebody looks: most parents are only passed on.
    message: PyOnceLock<Py<PyDict>>,
}

impl Parent {
    pub(crate) fn new(inner: Arc<ipyrust_kernel::Parent>) -> Parent {
        Parent {
            inner,
            message: PyOnceLock::new(),
        }
    }

    /// One part of the message.
    pub(crate) fn part<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.message(py)?.bind(py).as_any().get_item(name)
    }
}

#[pymethods]
impl Parent {
    /// The parent a message as `jupyter_client` has them would be; only `header` matters.
    #[staticmethod]
    fn from_message(message: &Bound<'_, PyAny>) -> PyResult<Parent> {
        let header_json = json::encode_mapping(&message.get_item("header")?, "header")?;
        let header: Header = header_json.decode().map_err(|error| {
            PyValueError::new_err(format!("not the header of a message: {error}"))
        })?;
        let part = |name: &str| match message.get_item(name) {
            Ok(value) => json::encode_mapping(&value, name),
            // What libraries hand in as a parent is often no more than a header.
            Err(_) => Ok(RawJson::empty()),
        };
        let message = Message {
            message_type: MessageType::from(header.msg_type.as_str()),
            header,
            header_json,
            parent_header: part("parent_header")?,
            metadata: part("metadata")?,
            content: part("content")?,
            buffers: Vec::new(),
            identities: Vec::new(),
        };
        Ok(Parent::new(Arc::new(ipyrust_kernel::Parent::new(message))))
    }

    /// `header`, `msg_id`, `msg_type`, `parent_header`, `metadata`, `content`, `buffers`.
    #[getter]
    fn message(&self, py: Python<'_>) -> PyResult<Py<PyDict>> {
        let message = self
            .message
            .get_or_try_init(py, || to_dict(py, &self.inner.message))?;
        Ok(message.clone_ref(py))
    }

    #[getter]
    fn header<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.part(py, "header")
    }

    #[getter]
    fn msg_id(&self) -> &str {
        &self.inner.message.header.msg_id
    }

    fn __repr__(&self) -> String {
        let header = &self.inner.message.header;
        format!("<Parent {} {}>", header.msg_type, header.msg_id)
    }
}

fn to_dict(py: Python<'_>, message: &Message) -> PyResult<Py<PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("header", json::decode(py, message.header_json.as_str())?)?;
    dict.set_item("msg_id", &message.header.msg_id)?;
    dict.set_item("msg_type", &message.header.msg_type)?;
    dict.set_item(
        "parent_header",
        json::decode(py, message.parent_header.as_str())?,
    )?;
    dict.set_item("metadata", json::decode(py, message.metadata.as_str())?)?;
    dict.set_item("content", json::decode(py, message.content.as_str())?)?;
    dict.set_item("buffers", buffer::inward(py, &message.buffers)?)?;
    Ok(dict.unbind())
}

/// The addresses a message came through.
pub(crate) fn identities<'py>(py: Python<'py>, message: &Message) -> PyResult<Bound<'py, PyList>> {
    PyList::new(
        py,
        message
            .identities
            .iter()
            .map(|identity| PyBytes::new(py, identity)),
    )
}
