//! The exceptions of the kernel, and how the library's errors become Python's.

use ipyrust_kernel::ConnectionError;
use pyo3::create_exception;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

create_exception!(
    ipyrust._core,
    ConnectionFileError,
    PyValueError,
    "The connection file cannot be read, written or understood; the text is one sentence for a person."
);
create_exception!(
    ipyrust._core,
    KernelStartError,
    PyRuntimeError,
    "The kernel cannot start: a port is taken, say; the text is one sentence for a person."
);

pub(crate) fn connection_file(error: ConnectionError) -> PyErr {
    ConnectionFileError::new_err(error.to_string())
}
