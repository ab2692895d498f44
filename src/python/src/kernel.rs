//! The kernel as Python starts it, asks about it and ends it.

use std::os::fd::RawFd;
use std::path::Path;
use std::time::Duration;

use ipyrust_kernel::{
    ConnectionFile, ConnectionInfo, ConnectionOverrides, KernelOptions, RawJson, Secret, Transport,
};
use pyo3::exceptions::{PyOSError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyMapping};

use crate::errors::{self, ConnectionFileError, KernelStartError};
use crate::iopub::IoPub;
use crate::queue::{RequestQueue, duration};
use crate::stdin::Stdin;
use crate::{info, json, signals};

/// A running kernel: its sockets are bound and `kernel_info` is answered.
#[pyclass(frozen, module = "ipyrust._core")]
pub(crate) struct Kernel {
    inner: ipyrust_kernel::Kernel,
    /// The path the kernel was started with.
    #[pyo3(get)]
    connection_file: String,
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
    /// Bind the sockets the file names and start to answer.
    ///
    /// A connection file that does not exist is written, with free ports and a new key; so are ports that
    /// are 0 in one that does exist. A registration file (JEP 66) is answered with a handshake. `overrides`
    /// has the last word over the file: `transport`, `ip`, `shell_port`, `iopub_port`, `stdin_port`,
    /// `control_port`, `hb_port`, `kernel_name`. `capture` takes over the descriptors 1 and 2. With
    /// `watch_parent` the kernel ends when the process that started it does.
    #[staticmethod]
    #[pyo3(signature = (
        connection_file, *, ipython_version="", capture=true, session=None, username=None, key=None,
        signature_scheme=None, debugger=false, overrides=None, watch_parent=true,
    ))]
    #[expect(
        clippy::too_many_arguments,
        reason = "options of the command line, all by keyword"
    )]
    fn start(
        py: Python<'_>,
        connection_file: String,
        ipython_version: &str,
        capture: bool,
        session: Option<String>,
        username: Option<String>,
        key: Option<Vec<u8>>,
        signature_scheme: Option<String>,
        debugger: bool,
        overrides: Option<&Bound<'_, PyMapping>>,
        watch_parent: bool,
    ) -> PyResult<Kernel> {
        signals::remember_main_thread(py)?;
        let mut said = overrides
            .map(connection_overrides)
            .transpose()?
            .unwrap_or_default();
        said.key = key.map(secret).transpose()?;
        said.signature_scheme = signature_scheme;

        let mut options = KernelOptions::new(
            info::describe(py, ipython_version, debugger)?,
            Box::new(interrupt),
        );
        options.capture = capture;
        options.session = session;
        options.watch_parent = watch_parent;
        if let Some(username) = username {
            options.username = username;
        }
        let username = options.username.clone();

        let inner = py.detach(|| start(Path::new(&connection_file), said, options))?;
        Ok(Kernel {
            connection_file,
            username,
            shell: Py::new(py, RequestQueue(inner.shell().clone()))?,
            control: Py::new(py, RequestQueue(inner.control().clone()))?,
            iopub: Py::new(py, IoPub(inner.iopub().clone()))?,
            stdin: Py::new(py, Stdin(inner.stdin().clone()))?,
            inner,
        })
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

    /// Shut down as if a client had asked to: a `shutdown_request` arrives on `control`.
    fn request_shutdown(&self) {
        self.inner.request_shutdown();
    }

    /// Let `SIGTERM` call `request_shutdown`, whatever Python is doing. A forked child ends by it as ever.
    fn shut_down_on_sigterm(&self) -> PyResult<()> {
        signals::shut_down_on_sigterm(self.inner.shutdown_fd()).map_err(PyOSError::new_err)
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

/// Read or invent the connection, bind it, and write down what was chosen.
fn start(
    path: &Path,
    said: ConnectionOverrides,
    options: KernelOptions,
) -> PyResult<ipyrust_kernel::Kernel> {
    let exists = path.exists();
    let mut file = if exists {
        ConnectionFile::read(path).map_err(errors::connection_file)?
    } else {
        ConnectionFile::from(ConnectionInfo::default())
    };
    file.apply(said);
    let chosen = match &file {
        ConnectionFile::Connection(info) => !exists || ports(info).contains(&0),
        ConnectionFile::Registration(_) => false,
    };
    let kernel = ipyrust_kernel::Kernel::start(file, options)
        .map_err(|error| KernelStartError::new_err(error.to_string()))?;
    if chosen && let Err(error) = kernel.connection().write(path) {
        // Nobody could connect. Closed, it gives back the descriptors: the error must be seen.
        kernel.close(Duration::ZERO);
        return Err(errors::connection_file(error));
    }
    Ok(kernel)
}

fn ports(info: &ConnectionInfo) -> [u16; 5] {
    [
        info.shell_port,
        info.iopub_port,
        info.stdin_port,
        info.control_port,
        info.hb_port,
    ]
}

/// What an `interrupt_request` does, in the I/O thread: what Control-C does at a terminal.
fn interrupt() {
    ipyrust_kernel::children::interrupt(|| {
        signals::interrupt();
    });
}

fn secret(key: Vec<u8>) -> PyResult<Secret> {
    let key = String::from_utf8(key).map_err(|_| PyValueError::new_err("the key is not UTF-8"))?;
    Ok(Secret::new(key))
}

fn connection_overrides(said: &Bound<'_, PyMapping>) -> PyResult<ConnectionOverrides> {
    let mut overrides = ConnectionOverrides::default();
    for item in said.items()? {
        let (name, value): (String, Bound<'_, PyAny>) = item.extract()?;
        match name.as_str() {
            "transport" => overrides.transport = Some(transport(&value)?),
            "ip" => overrides.ip = Some(value.extract()?),
            "shell_port" => overrides.shell_port = Some(value.extract()?),
            "iopub_port" => overrides.iopub_port = Some(value.extract()?),
            "stdin_port" => overrides.stdin_port = Some(value.extract()?),
            "control_port" => overrides.control_port = Some(value.extract()?),
            "hb_port" => overrides.hb_port = Some(value.extract()?),
            "kernel_name" => overrides.kernel_name = Some(value.extract()?),
            _ => {
                return Err(PyTypeError::new_err(format!(
                    "a connection has no field `{name}`"
                )));
            }
        }
    }
    Ok(overrides)
}

fn transport(value: &Bound<'_, PyAny>) -> PyResult<Transport> {
    match value.extract::<&str>()? {
        "tcp" => Ok(Transport::Tcp),
        "ipc" => Ok(Transport::Ipc),
        other => Err(ConnectionFileError::new_err(format!(
            "unknown transport: `{other}`"
        ))),
    }
}
