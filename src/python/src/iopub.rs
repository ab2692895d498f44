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
use crate::{buffer, context, json, signals};

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
    /// Whether `listeners` holds anything: nearly always it does not.
    heard: AtomicBool,
    listeners: Mutex<Listeners>,
}

/// Who else wants the text. Locked for moments in which no Python runs.
#[derive(Default)]
struct Listeners {
    hook: Option<Py<PyAny>>,
    record: Option<Record>,
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
            heard: AtomicBool::new(false),
            listeners: Mutex::default(),
        })
    }

    /// Append text, and say how many characters; adjacent texts of one parent leave together.
    ///
    /// Python's `print` calls this twice: it is `sys.stdout.write` itself, with nothing of Python around it.
    #[pyo3(signature = (text, /))]
    fn write(&self, text: &Bound<'_, PyAny>) -> PyResult<usize> {
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
        if self.heard.load(Ordering::Acquire) && self.is_taken(string, &text)? {
            return Ok(length);
        }
        if length > 0 {
            match context::get(py, &self.parent)? {
                Some(parent) => self.append(py, &text, Some(parent.cast()?))?,
                None => {
                    let parent: Option<Bound<'_, Parent>> =
                        self.other_parent.bind(py).call0()?.extract()?;
                    self.append(py, &text, parent.as_ref())?;
                }
            }
        }
        Ok(length)
    }

    /// Append text for this parent, past the hook and the record.
    #[pyo3(signature = (text, parent=None, /))]
    fn write_for(
        &self,
        text: &Bound<'_, PyString>,
        parent: Option<&Bound<'_, Parent>>,
    ) -> PyResult<()> {
        self.append(text.py(), &json::text(text)?, parent)
    }

    /// Let what was written leave soon.
    fn flush(&self) {
        self.iopub.flush();
    }

    /// Ask `hook` about every text from here on: what it returns true for, it has dealt with.
    #[pyo3(signature = (hook, /))]
    fn set_hook(&self, hook: Option<Py<PyAny>>) {
        let before = self.change(|listeners| std::mem::replace(&mut listeners.hook, hook));
        drop(before); // May run Python: not under the lock.
    }

    /// Keep what is written from here on, for `end_record`.
    fn begin_record(&self) {
        self.change(|listeners| listeners.record = Some(Record::default()));
    }

    /// The text since `begin_record`, or the end of it if it was long.
    fn end_record(&self) -> String {
        let record = self.change(|listeners| listeners.record.take());
        record.map(Record::into_text).unwrap_or_default()
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
    ) -> PyResult<()> {
        wait_for_room(py, &self.iopub)?;
        let parent = parent.map(|parent| &parent.get().inner);
        self.iopub.write(self.name, text, parent);
        Ok(())
    }

    /// Records the text; whether the hook has taken it.
    #[cold]
    fn is_taken(&self, string: &Bound<'_, PyString>, text: &str) -> PyResult<bool> {
        let py = string.py();
        let hook = self
            .listeners()
            .hook
            .as_ref()
            .map(|hook| hook.clone_ref(py));
        if let Some(hook) = hook
            && hook.bind(py).call1((string,))?.is_truthy()?
        {
            return Ok(true);
        }
        if let Some(record) = &mut self.listeners().record {
            record.add(text);
        }
        Ok(false)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Listeners) -> T) -> T {
        let mut listeners = self.listeners();
        let result = change(&mut listeners);
        let heard = listeners.hook.is_some() || listeners.record.is_some();
        self.heard.store(heard, Ordering::Release);
        result
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a cell has written, for IPython's history of outputs.
///
/// A cell that prints in a loop for days must not fill the memory for its sake: of a long text the end is
/// kept. Pieces that are data more than text are left out.
#[derive(Default)]
struct Record(String);

impl Record {
    /// Longer pieces are data.
    const LONGEST_PIECE: usize = 4 << 10;
    /// So much of the end is kept at least; cut at twice that, so that the cutting costs next to nothing.
    const KEPT: usize = 256 << 10;

    fn add(&mut self, text: &str) {
        if text.len() > Record::LONGEST_PIECE {
            return;
        }
        self.0.push_str(text);
        if self.0.len() > 2 * Record::KEPT {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let mut start = self.0.len().saturating_sub(Record::KEPT);
        while !self.0.is_char_boundary(start) {
            start += 1;
        }
        // From the beginning of a line, if there is one.
        start = self.0[start..]
            .find('\n')
            .map_or(start, |end| start + end + 1);
        self.0.drain(..start);
    }

    fn into_text(mut self) -> String {
        if self.0.len() > Record::KEPT {
            self.cut();
        }
        self.0
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
