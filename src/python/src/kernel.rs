//! The kernel as Python starts it, asks about it and ends it.

use std::ffi::OsString;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};

use ipyrust_kernel::RawJson;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::arguments::{Setting, Value};
#[cfg(target_os = "linux")]
use crate::idle::Idle;
use crate::info::Installed;
use crate::iopub::IoPub;
use crate::queue::{RequestQueue, duration};
use crate::start::Started;
use crate::stdin::Stdin;
use crate::{early, info, json, signals, start};

/// A running kernel: its sockets are bound and `kernel_info` is answered.
#[pyclass(frozen, module = "ipyrust._core")]
pub(crate) struct Kernel {
    inner: ipyrust_kernel::Kernel,
    /// The path the kernel was started with.
    #[pyo3(get)]
    connection_file: OsString,
    /// Whether the connection file was not there before, and is to go with the kernel.
    #[pyo3(get)]
    is_temporary: bool,
    /// The name of the user, in the header of every message.
    #[pyo3(get)]
    username: String,
    /// What arrives on shell for the main shell and needs Python.
    #[pyo3(get)]
    shell: Py<RequestQueue>,
    /// What arrives on control and needs Python.
    #[pyo3(get)]
    control: Py<RequestQueue>,
    /// What is published.
    #[pyo3(get)]
    iopub: Py<IoPub>,
    /// Questions to the person at the client.
    #[pyo3(get)]
    stdin: Py<Stdin>,
}

#[pymethods]
impl Kernel {
    /// Bind the sockets the connection file names and start to answer.
    ///
    /// `settings` are those of a command line or of `embed_kernel`: class, trait and value. A connection file
    /// that does not exist is written, with free ports and a new key, to `directory` if it was named by its
    /// name only; so are ports that are 0 in one that does exist. A registration file (JEP 66) is answered with
    /// a handshake. `search_path` is where IPython is looked for. If Jupyter's launcher says so, the kernel ends
    /// when the process that started it does.
    #[staticmethod]
    #[pyo3(signature = (settings, *, search_path, directory=None))]
    fn start(
        py: Python<'_>,
        settings: Vec<Bound<'_, PyAny>>,
        search_path: Vec<OsString>,
        directory: Option<OsString>,
    ) -> PyResult<Kernel> {
        signals::remember_main_thread(py)?;
        let settings = read_settings(settings)?;
        let started = py.detach(|| {
            let installed = Installed::on_path(search_path.into_iter().map(PathBuf::from));
            let directory = directory.as_deref().map(Path::new);
            start::start(&settings, directory, info::describe(installed))
        })?;
        Kernel::new(py, started)
    }

    /// The kernel that the executable `ipyrust` started in this process before Python was up, if it did.
    #[staticmethod]
    fn started(py: Python<'_>) -> PyResult<Option<Kernel>> {
        signals::remember_main_thread(py)?;
        early::take()
            .map(|started| Kernel::new(py, started))
            .transpose()
    }

    /// Take over the descriptors 1 and 2: what is written there is published from now on.
    fn capture(&self) -> PyResult<()> {
        Ok(self.inner.capture()?)
    }

    /// The shell socket, to be read by a thread that waits anyway.
    #[cfg(target_os = "linux")]
    #[getter]
    fn idle(&self) -> Idle {
        Idle(self.inner.idle().clone())
    }

    /// Replace fields of `kernel_info_reply`: `banner`, `help_links`, `debugger`, ...
    #[pyo3(signature = (**fields))]
    fn update_info(&self, py: Python<'_>, fields: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
        if let Some(fields) = fields {
            self.inner
                .set_info(info::updated(py, &self.inner.info(), fields)?);
        }
        Ok(())
    }

    /// The content of `kernel_info_reply`.
    fn kernel_info<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::decode(py, self.inner.info().reply().as_str())
    }

    /// A new subshell: its id, and the queue that gets the requests which name it.
    fn create_subshell(&self) -> PyResult<(String, RequestQueue)> {
        let subshell = self.inner.create_subshell()?;
        Ok((subshell.id, RequestQueue(subshell.queue)))
    }

    /// End a subshell's queue; whether there was one.
    fn delete_subshell(&self, subshell_id: &str) -> bool {
        self.inner.delete_subshell(subshell_id)
    }

    /// The ids of the subshells there are.
    fn subshells(&self) -> Vec<String> {
        self.inner.subshells()
    }

    /// Let no C code keep the process from ending by `SIGTERM`.
    ///
    /// To be called when Python's handler is installed, which is called as before; but if the process is still
    /// there when the time of a shutdown is over, it is ended.
    fn watch_sigterm(&self) -> PyResult<()> {
        Ok(signals::watch_sigterm(self.inner.termination_fd())?)
    }

    /// End the queues, send what is left within `grace` seconds, and end the sockets.
    fn close(&self, py: Python<'_>, grace: f64) -> PyResult<()> {
        let grace = duration(grace)?;
        py.detach(|| self.inner.close(grace));
        Ok(())
    }

    /// The connection file's fields, with the ports in use, without the key.
    #[getter]
    fn connection<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let connection = json::decode(py, RawJson::encode(self.inner.connection()).as_str())?;
        for secret in ["key", "curve_secretkey"] {
            if connection.contains(secret)? {
                connection.del_item(secret)?;
            }
        }
        Ok(connection)
    }

    /// What messages are signed with.
    #[getter]
    fn key<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.inner.connection().key.reveal().as_bytes())
    }

    /// The id of the session, in the header of every message.
    #[getter]
    fn session(&self) -> &str {
        self.inner.session()
    }

    /// The id of the kernel, in the topic of every published message.
    #[getter]
    fn ident(&self) -> &str {
        self.inner.ident()
    }

    /// A descriptor of what descriptor 1 was before it was captured.
    #[getter]
    fn original_stdout(&self) -> RawFd {
        self.inner.original_descriptors().0
    }

    /// A descriptor of what descriptor 2 was before it was captured.
    #[getter]
    fn original_stderr(&self) -> RawFd {
        self.inner.original_descriptors().1
    }
}

impl Kernel {
    fn new(py: Python<'_>, started: Started) -> PyResult<Kernel> {
        let Started {
            kernel: inner,
            connection_file,
            is_temporary,
            username,
        } = started;
        Ok(Kernel {
            connection_file: connection_file.into_os_string(),
            is_temporary,
            username,
            shell: Py::new(py, RequestQueue(inner.shell().clone()))?,
            control: Py::new(py, RequestQueue(inner.control().clone()))?,
            iopub: Py::new(py, IoPub(inner.iopub().clone()))?,
            stdin: Py::new(py, Stdin(inner.stdin().clone()))?,
            inner,
        })
    }
}

/// Whether the connection file of these settings is to be in Jupyter's directory for such files: it was named
/// by its name only, or not at all.
#[pyfunction]
pub(crate) fn needs_directory(settings: Vec<Bound<'_, PyAny>>) -> PyResult<bool> {
    Ok(start::needs_directory(&read_settings(settings)?))
}

/// Values that are no text yet become one; `None` is no value.
fn read_settings(settings: Vec<Bound<'_, PyAny>>) -> PyResult<Vec<Setting>> {
    let mut read = Vec::new();
    for setting in settings {
        let (class, name, value): (String, String, Bound<'_, PyAny>) = setting.extract()?;
        if !value.is_none() {
            read.push((class, name, Value::Text(value.str()?.extract()?)));
        }
    }
    Ok(read)
}
