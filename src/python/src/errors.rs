//! The exceptions of the kernel, and how the library's errors become Python's.

use pyo3::create_exception;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::start::Failure;

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

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> PyErr {
        let sentence = failure.to_string();
        match failure {
            Failure::File(_) | Failure::Nowhere(_) => ConnectionFileError::new_err(sentence),
            Failure::Start(_) => KernelStartError::new_err(sentence),
            Failure::Setting(_) => PyValueError::new_err(sentence),
        }
    }
}
