//! Publishing: single messages, and the text of `stdout` and `stderr`.
//!
//! The order of everything is made by the library. Here a Python thread encodes what it publishes, waits
//! while the clients are megabytes behind, and appends: no lock is held while Python runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use ipyrust_kernel::{MessageType, StreamName};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::message::Parent;
use crate::{buffer, context, fast_write, json, signals};

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
    /// The `ContextVar` that holds the parent of the writing thread or task.
    parent: Py<PyAny>,
    /// Asked where the variable holds nothing.
    other_parent: Py<PyAny>,
    /// Whether there is a hook: nearly always there is none.
    hooked: AtomicBool,
    /// Locked for moments in which no Python runs.
    hook: Mutex<Option<Py<PyAny>>>,
    recorded: AtomicBool,
}

#[pymethods]
impl StreamWriter {
    /// `parent` is the `ContextVar` of who is written for, and `other_parent` a function that knows who it
    /// is where the variable holds nothing.
    #[new]
    fn new(
        iopub: &Bound<'_, IoPub>,
        name: &str,
        parent: Py<PyAny>,
        other_parent: Py<PyAny>,
    ) -> PyResult<StreamWriter> {
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
            parent,
            other_parent,
            hooked: AtomicBool::new(false),
            hook: Mutex::default(),
            recorded: AtomicBool::new(false),
        })
    }

    /// Append text, and say how many characters; adjacent texts of one parent leave together.
    #[pyo3(signature = (text, /))]
    pub(crate) fn write(&self, text: &Bound<'_, PyAny>) -> PyResult<usize> {
        let py = text.py();
        let Ok(string) = text.cast::<PyString>() else {
            let kind = text.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "write() argument must be str, not {kind}"
            )));
        };
        let length = string.len()?;
        // A subclass may say what it likes of itself: what is read here is the string's own text.
        let text = json::text(string)?;
        if self.hooked.load(Ordering::Acquire) && self.is_taken(string)? {
            return Ok(length);
        }
        if length > 0 {
            let recorded = self.recorded.load(Ordering::Relaxed);
            match context::get(py, &self.parent)? {
                Some(parent) => self.append(py, &text, Some(parent.cast()?), recorded)?,
                None => {
                    let parent: Option<Bound<'_, Parent>> =
                        self.other_parent.bind(py).call0()?.extract()?;
                    self.append(py, &text, parent.as_ref(), recorded)?;
                }
            }
        }
        Ok(length)
    }

    /// `write` as a function: what `sys.stdout.write` is, for `print` calls it twice.
    #[getter]
    fn fast_write<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        fast_write::bound_to(slf)
    }

    /// Append text for this parent, past the hook and the record.
    #[pyo3(signature = (text, parent=None, /))]
    fn write_for(
        &self,
        text: &Bound<'_, PyString>,
        parent: Option<&Bound<'_, Parent>>,
    ) -> PyResult<()> {
        self.append(text.py(), &json::text(text)?, parent, false)
    }

    /// Let what was written leave soon.
    fn flush(&self) {
        self.iopub.flush();
    }

    /// Ask `hook` about every text from here on: what it returns true for, it has dealt with.
    #[pyo3(signature = (hook, /))]
    fn set_hook(&self, hook: Option<Py<PyAny>>) {
        let mut place = self.hook();
        self.hooked.store(hook.is_some(), Ordering::Release);
        let before = std::mem::replace(&mut *place, hook);
        drop(place);
        drop(before); // May run Python: not under the lock.
    }

    /// Keep what is written from here on, for `end_record`.
    fn begin_record(&self) {
        self.iopub.begin_record(self.name);
        self.recorded.store(true, Ordering::Relaxed);
    }

    /// The text since `begin_record`, or the end of it if it was long.
    fn end_record(&self) -> String {
        if self.recorded.swap(false, Ordering::Relaxed) {
            self.iopub.end_record(self.name)
        } else {
            String::new()
        }
    }

    #[getter]
    fn name(&self) -> &'static str {
        self.name.as_str()
    }
}

impl StreamWriter {
    fn append(
        &self,
        py: Python<'_>,
        text: &str,
        parent: Option<&Bound<'_, Parent>>,
        recorded: bool,
    ) -> PyResult<()> {
        wait_for_room(py, &self.iopub)?;
        let parent = parent.map(|parent| &parent.get().inner);
        if recorded {
            self.iopub.write_recorded(self.name, text, parent);
        } else {
            self.iopub.write(self.name, text, parent);
        }
        Ok(())
    }

    /// Whether the hook has taken the text.
    #[cold]
    fn is_taken(&self, string: &Bound<'_, PyString>) -> PyResult<bool> {
        let py = string.py();
        let hook = self.hook().as_ref().map(|hook| hook.clone_ref(py));
        match hook {
            Some(hook) => hook.bind(py).call1((string,))?.is_truthy(),
            None => Ok(false),
        }
    }

    fn hook(&self) -> MutexGuard<'_, Option<Py<PyAny>>> {
        self.hook.lock().unwrap_or_else(PoisonError::into_inner)
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
