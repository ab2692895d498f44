//! `ContextVar`s, read as Python's own C code reads them: without a call.

use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;

/// What the variable holds for the running thread or task; `None` for nothing and for `None`.
///
/// An object that is not a `ContextVar` is a `TypeError`.
pub(crate) fn get<'py>(
    py: Python<'py>,
    variable: &Py<PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let mut value = ptr::null_mut();
    // SAFETY: the interpreter is attached, `variable` is alive, and `value` is where a new reference is put.
    // The function itself refuses what is no `ContextVar`.
    let failed =
        unsafe { ffi::PyContextVar_Get(variable.as_ptr(), ptr::null_mut(), &raw mut value) };
    if failed != 0 {
        return Err(PyErr::fetch(py));
    }
    // SAFETY: it is null or a new reference.
    let value = unsafe { Bound::from_owned_ptr_or_opt(py, value) };
    Ok(value.filter(|value| !value.is_none()))
}
