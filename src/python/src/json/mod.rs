//! Python objects to JSON text and back, straight from one to the other.

mod decode;
mod encode;

use std::borrow::Cow;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

pub(crate) use decode::decode;
pub(crate) use encode::{encode, encode_mapping};

/// The JSON text of an object, as it would stand in a message.
#[pyfunction]
#[pyo3(signature = (value, /))]
pub(crate) fn json_encode<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(value.py(), encode(value)?.as_bytes()))
}

/// The object a JSON text stands for.
#[pyfunction]
#[pyo3(signature = (text, /))]
pub(crate) fn json_decode<'py>(text: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = text.py();
    match text.cast::<PyBytes>() {
        Ok(bytes) => decode(
            py,
            PyString::from_encoded_object(bytes, Some(c"utf-8"), None)?.to_str()?,
        ),
        Err(_) => decode(py, text.extract()?),
    }
}

/// The text of a `str`, with each lone surrogate replaced: UTF-8 has no place for it, and half of the
/// clients would fail on an escaped one.
pub(crate) fn text<'a>(string: &'a Bound<'_, PyString>) -> PyResult<Cow<'a, str>> {
    if let Ok(text) = string.to_str() {
        return Ok(Cow::Borrowed(text));
    }
    let py = string.py();
    let encoded = string
        .call_method1(intern!(py, "encode"), ("utf-16-le", "surrogatepass"))?
        .cast_into::<PyBytes>()?;
    let units = encoded
        .as_bytes()
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let characters = char::decode_utf16(units);
    Ok(characters
        .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect())
}
