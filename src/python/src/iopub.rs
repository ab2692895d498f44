//! Publishing: single messages, and the text of `stdout` and `stderr`.
//!
//! The order of everything is made by the library. Here a Python thread encodes what it publishes, waits
//! while the clients are megabytes behind, and appends: no lock is held while Python runs.

use bytes::Bytes;
use ipyrust_kernel::{MessageType, StreamName};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::message::Parent;
use crate::{buffer, json, signals};

/// What is published to all clients; the order of the calls is the order on the wire.
#[pyclass(frozen, module = "ipyrust._core")]
pub(crate) struct IoPub(pub(crate) ipyrust_kernel::IoPub);

#[pymethods]
impl IoPub {
    /// Publish a message.
    ///
    /// Waits while the clients are megabytes behind, unless it tells how a cell began or ended.
    #[pyo3(signature = (msg_type, content, parent=None, *, metadata=None, buffers=None, topic=None))]
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of a message, most of them by keyword"
    )]
    fn publish(
        &self,
        py: Python<'_>,
        msg_type: &str,
        content: &Bound<'_, PyAny>,
        parent: Option<&Bound<'_, Parent>>,
        metadata: Option<&Bound<'_, PyAny>>,
        buffers: Option<&Bound<'_, PyAny>>,
        topic: Option<&[u8]>,
    ) -> PyResult<()> {
        let message_type = MessageType::from(msg_type);
        let content = json::encode_mapping(content, "content")?;
        let metadata = metadata
            .map(|metadata| json::encode_mapping(metadata, "metadata"))
            .transpose()?;
        let buffers = buffer::outward(buffers)?;
        let parent = parent.map(|parent| &parent.get().inner);
        if is_bulk(&message_type) {
            wait_for_room(py, &self.0)?;
        }
        match topic {
            None => self
                .0
                .publish(&message_type, content, metadata, buffers, parent),
            Some(topic) => {
                let topic = Bytes::copy_from_slice(topic);
                self.0
                    .publish_on(topic, &message_type, content, metadata, buffers, parent);
            }
        }
        Ok(())
    }

    /// Let stream text that is being gathered leave soon.
    fn flush(&self) {
        self.0.flush();
    }
}

/// The text of one stream on its way to the clients.
#[pyclass(frozen, module = "ipyrust._core")]
pub(crate) struct StreamWriter {
    iopub: ipyrust_kernel::IoPub,
    name: StreamName,
}

#[pymethods]
impl StreamWriter {
    #[new]
    fn new(iopub: &Bound<'_, IoPub>, name: &str) -> PyResult<StreamWriter> {
        let name = match name {
            "stdout" => StreamName::Stdout,
            "stderr" => StreamName::Stderr,
            other => {
                let sentence = format!("a stream is `stdout` or `stderr`, not `{other}`");
                return Err(PyValueError::new_err(sentence));
            }
        };
        Ok(StreamWriter {
            iopub: iopub.get().0.clone(),
            name,
        })
    }

    /// Append text, and say how many characters; adjacent texts of one parent leave together.
    #[pyo3(signature = (text, parent=None, /))]
    fn write(
        &self,
        text: &Bound<'_, PyString>,
        parent: Option<&Bound<'_, Parent>>,
    ) -> PyResult<usize> {
        let length = text.len()?;
        if length > 0 {
            wait_for_room(text.py(), &self.iopub)?;
            self.iopub.write(
                self.name,
                &json::text(text)?,
                parent.map(|parent| &parent.get().inner),
            );
        }
        Ok(length)
    }

    /// Let what was written leave soon.
    fn flush(&self) {
        self.iopub.flush();
    }

    #[getter]
    fn name(&self) -> &'static str {
        self.name.as_str()
    }
}

/// Whether messages of this type come in floods. How a cell began and ended must not wait behind one: an
/// interrupted flood ends with its `error`, not after the slowest client.
fn is_bulk(message_type: &MessageType) -> bool {
    use MessageType::{ClearOutput, DebugEvent, Error, ExecuteInput, Status};
    !matches!(
        message_type,
        ClearOutput | DebugEvent | Error | ExecuteInput | Status
    )
}

/// Hold the writer back while the backlog is full: what is published is never lost, so it must not pile up.
fn wait_for_room(py: Python<'_>, iopub: &ipyrust_kernel::IoPub) -> PyResult<()> {
    if iopub.is_full() {
        signals::wait(py, None, |pause| {
            iopub
                .wait_for_room(pause.unwrap_or(signals::SLICE))
                .then_some(())
        })?;
    }
    Ok(())
}
