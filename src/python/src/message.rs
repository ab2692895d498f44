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
    // Made once, when somebody looks: most parents are only passed on.
    parts: [PyOnceLock<Py<PyAny>>; 5],
    message: PyOnceLock<Py<PyDict>>,
}

/// A part of a message that is an object in Python.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    Header,
    ParentHeader,
    Metadata,
    Content,
    Buffers,
}

impl Parent {
    pub(crate) fn new(inner: Arc<ipyrust_kernel::Parent>) -> Parent {
        Parent {
            inner,
            parts: std::array::from_fn(|_| PyOnceLock::new()),
            message: PyOnceLock::new(),
        }
    }

    /// One part of the message.
    pub(crate) fn part<'py>(&self, py: Python<'py>, part: Part) -> PyResult<Bound<'py, PyAny>> {
        let message = &self.inner.message;
        let json = match part {
            Part::Header => &message.header_json,
            Part::ParentHeader => &message.parent_header,
            Part::Metadata => &message.metadata,
            Part::Content => &message.content,
            Part::Buffers => {
                let make = || Ok(buffer::inward(py, &message.buffers)?.into_any().unbind());
                return self.once(py, part, make);
            }
        };
        self.once(py, part, || Ok(json::decode(py, json.as_str())?.unbind()))
    }

    fn once<'py>(
        &self,
        py: Python<'py>,
        part: Part,
        make: impl FnOnce() -> PyResult<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let made = self.parts[part as usize].get_or_try_init(py, make)?;
        Ok(made.bind(py).clone())
    }

    fn to_dict(&self, py: Python<'_>) -> PyResult<Py<PyDict>> {
        let header = &self.inner.message.header;
        let dict = PyDict::new(py);
        dict.set_item("header", self.part(py, Part::Header)?)?;
        dict.set_item("msg_id", &header.msg_id)?;
        dict.set_item("msg_type", &header.msg_type)?;
        dict.set_item("parent_header", self.part(py, Part::ParentHeader)?)?;
        dict.set_item("metadata", self.part(py, Part::Metadata)?)?;
        dict.set_item("content", self.part(py, Part::Content)?)?;
        dict.set_item("buffers", self.part(py, Part::Buffers)?)?;
        Ok(dict.unbind())
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
        let message = self.message.get_or_try_init(py, || self.to_dict(py))?;
        Ok(message.clone_ref(py))
    }

    #[getter]
    fn header<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.part(py, Part::Header)
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
