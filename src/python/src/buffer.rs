//! Binary buffers of messages: in without a copy, out with one.

use std::ffi::{c_int, c_void};
use std::ptr;

use bytes::Bytes;
use ipyrust_kernel::spare;
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyBufferError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyMemoryView};

/// Memoryviews of what arrived, on the very memory it arrived in.
pub(crate) fn inward<'py>(py: Python<'py>, buffers: &[Bytes]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for bytes in buffers {
        let owner = Bound::new(py, ReceivedBuffer(bytes.clone()))?;
        list.append(PyMemoryView::from(owner.as_any())?)?;
    }
    Ok(list)
}

/// Copies of what is to be sent, so that nothing Python does later can change it.
pub(crate) fn outward(buffers: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<Bytes>> {
    let Some(buffers) = buffers.filter(|buffers| !buffers.is_none()) else {
        return Ok(Vec::new());
    };
    buffers
        .try_iter()?
        .enumerate()
        .map(|(index, buffer)| copy(index, &buffer?))
        .collect()
}

fn copy(index: usize, object: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    if let Ok(bytes) = object.cast::<PyBytes>() {
        let bytes = bytes.as_bytes();
        let mut target = spare::with_room(bytes.len());
        target.extend_from_slice(bytes);
        return Ok(spare::share(target));
    }
    let buffer = PyUntypedBuffer::get(object).map_err(|_| {
        let kind = object.get_type().to_string();
        PyTypeError::new_err(format!(
            "buffer {index} must support the buffer protocol: {kind}"
        ))
    })?;
    if !buffer.is_c_contiguous() && !buffer.is_fortran_contiguous() {
        return Err(PyValueError::new_err(format!(
            "buffer {index} is not contiguous"
        )));
    }
    let length = buffer.len_bytes();
    if length == 0 {
        return Ok(Bytes::new());
    }
    let mut target = spare::with_room(length);
    // SAFETY: a contiguous buffer is `length` bytes from `buf_ptr`, kept alive by `buffer`; `target` has room
    // for them and is not the same memory. The copy is made with the interpreter attached, as `bytes(object)` is.
    unsafe {
        ptr::copy_nonoverlapping(buffer.buf_ptr().cast::<u8>(), target.as_mut_ptr(), length);
        target.set_len(length);
    }
    Ok(spare::share(target))
}

/// Owner of the memory under a received memoryview.
#[pyclass(frozen, module = "ipyrust._core")]
struct ReceivedBuffer(Bytes);

#[pymethods]
impl ReceivedBuffer {
    // SAFETY: called by the interpreter, with what the buffer protocol promises.
    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        if view.is_null() {
            return Err(PyBufferError::new_err("no place for the view"));
        }
        let bytes = &slf.get().0;
        let length = ffi::Py_ssize_t::try_from(bytes.len())?;
        // SAFETY: `view` is the interpreter's to fill. The memory is immutable (declared read-only) and never
        // moves; the view holds a reference to `slf`, which holds the memory.
        let filled = unsafe {
            let start = bytes.as_ptr().cast_mut().cast::<c_void>();
            ffi::PyBuffer_FillInfo(view, slf.as_ptr(), start, length, 1, flags)
        };
        if filled == 0 {
            Ok(())
        } else {
            Err(PyErr::fetch(slf.py()))
        }
    }
}
