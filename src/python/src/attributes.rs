//! Whether an object's attributes are where one expects them.

use std::ffi::c_void;

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyType;

/// Whether looking for an attribute of the object or its class asks no code of theirs: no `__getattr__`, no
/// proxy, nothing that pretends to be of another class. (A property is code, where the attribute is one.)
#[pyfunction]
#[pyo3(signature = (value, /))]
pub(crate) fn has_plain_attributes(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let kind = value.get_type();
    let plain = getattro(&kind) == ffi::PyObject_GenericGetAttr as *mut c_void
        && getattro(&kind.get_type()) == getattro(&value.py().get_type::<PyType>());
    Ok(plain && value.getattr(intern!(value.py(), "__class__"))?.is(&kind))
}

fn getattro(kind: &Bound<'_, PyType>) -> *mut c_void {
    // SAFETY: it is a type, and the slot is one that every type has; nothing is called.
    unsafe { ffi::PyType_GetSlot(kind.as_type_ptr(), ffi::Py_tp_getattro) }
}
