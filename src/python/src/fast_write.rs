//! `sys.stdout.write` as CPython calls a function with the least ado.
//!
//! `print` calls it twice a line. A method that PyO3 makes takes its arguments also by name, and counts each
//! call in memory of the thread: half of what a short write costs beside its system call.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::{Borrowed, ffi};

use crate::iopub::StreamWriter;

/// The function, bound to its writer.
pub(crate) fn bound_to<'py>(writer: &Bound<'py, StreamWriter>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: the definition is never changed, and what is returned is a new reference or null. The function
    // holds the writer, and is called with it and with nothing else, as `write` expects.
    unsafe {
        let definition = (&raw const DEFINITION.0).cast_mut();
        let function = ffi::PyCFunction_NewEx(definition, writer.as_ptr(), ptr::null_mut());
        Bound::from_owned_ptr_or_err(writer.py(), function)
    }
}

struct Definition(ffi::PyMethodDef);

// SAFETY: it is constant, and so is what its pointers lead to.
unsafe impl Sync for Definition {}

static DEFINITION: Definition = Definition(ffi::PyMethodDef {
    ml_name: c"write".as_ptr(),
    ml_meth: ffi::PyMethodDefPointer { PyCFunction: write },
    ml_flags: ffi::METH_O,
    ml_doc: c"write($self, text, /)\n--\n\nAppend text, and say how many characters.".as_ptr(),
});

unsafe extern "C" fn write(
    writer: *mut ffi::PyObject,
    text: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls this, attached, with two objects that live until it returns, and the first
    // is what `bound_to` has given it.
    let (py, writer, text) = unsafe {
        let py = Python::assume_attached();
        let writer = Borrowed::from_ptr(py, writer).cast_unchecked::<StreamWriter>();
        (py, writer, Borrowed::from_ptr(py, text))
    };
    // As PyO3 does it: a panic must not reach C.
    let written = catch_unwind(AssertUnwindSafe(|| writer.get().write(&text)));
    let error = match written {
        // SAFETY: attached; a new reference, or null with an exception set.
        Ok(Ok(length)) => return unsafe { ffi::PyLong_FromSize_t(length) },
        Ok(Err(error)) => error,
        Err(_) => PyRuntimeError::new_err("the kernel failed to take the text"),
    };
    error.restore(py);
    ptr::null_mut()
}
