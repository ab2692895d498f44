//! Bytes as base64, straight into the `str` that is wanted.

use std::{ptr, slice};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pyo3::exceptions::{PyOverflowError, PyRuntimeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

/// `binascii.b2a_base64(data, newline=False).decode("ascii")`, without the bytes in between.
#[pyfunction]
#[pyo3(signature = (data, /))]
pub(crate) fn base64_text<'py>(data: &Bound<'py, PyBytes>) -> PyResult<Bound<'py, PyString>> {
    let py = data.py();
    let data = data.as_bytes();
    if data.is_empty() {
        return Ok(PyString::new(py, "")); // Everybody's: not one to write into.
    }
    let length = base64::encoded_len(data.len(), true)
        .ok_or_else(|| PyOverflowError::new_err("too much data for base64"))?;
    // SAFETY: a new `str` of ASCII has `length` bytes for its characters, none of which anybody has seen; they
    // are set before they are lent, and all of them are base64 when it is given away.
    let text = unsafe {
        let text = ffi::PyUnicode_New(ffi::Py_ssize_t::try_from(length)?, 0x7f);
        let text = Bound::from_owned_ptr_or_err(py, text)?;
        let start = ffi::PyUnicode_DATA(text.as_ptr()).cast::<u8>();
        ptr::write_bytes(start, 0, length);
        let written = STANDARD.encode_slice(data, slice::from_raw_parts_mut(start, length));
        if written != Ok(length) {
            return Err(PyRuntimeError::new_err("base64 of another length"));
        }
        text
    };
    Ok(text.cast_into()?)
}
