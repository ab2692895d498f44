//! The process around the kernel: what C code has buffered, forks, and the children cells leave behind.

use std::time::Duration;

use pyo3::prelude::*;

/// Write out what C code has printed to its buffered `stdout`.
///
/// On a pipe the C library holds text back until 4 KB are full; called at the end of a cell, this lets it
/// appear with the cell it belongs to.
#[pyfunction]
pub(crate) fn flush_c_stdio(py: Python<'_>) {
    py.detach(c_stdio::flush);
}

/// Whether this process is a fork of the one that started the kernel.
#[pyfunction]
pub(crate) fn forked() -> bool {
    ipyrust_kernel::forked()
}

/// Send `SIGINT` to the processes cells have started in our process group, and say to how many.
#[pyfunction]
pub(crate) fn interrupt_children(py: Python<'_>) -> usize {
    py.detach(|| ipyrust_kernel::children::interrupt(|| ()))
}

/// End all processes that descend from this one, and say how many were there.
///
/// They are asked (`SIGTERM`), then, after `grace` seconds, made to (`SIGKILL`).
#[pyfunction]
pub(crate) fn end_children(py: Python<'_>, grace: f64) -> usize {
    let grace = Duration::try_from_secs_f64(grace).unwrap_or_default();
    py.detach(|| ipyrust_kernel::children::end(grace))
}

/// End the process and its children in `seconds`, with this status, unless it has ended by then.
///
/// The thread that waits for it needs no interpreter: what hangs may hold it.
#[pyfunction]
pub(crate) fn exit_after(seconds: f64, status: i32) {
    ipyrust_kernel::exit_after(
        Duration::try_from_secs_f64(seconds).unwrap_or_default(),
        status,
    );
}

mod c_stdio {
    unsafe extern "C" {
        // What `stdout` is called behind the macro of that name.
        #[cfg_attr(target_os = "macos", link_name = "__stdoutp")]
        static stdout: *mut libc::FILE;
    }

    /// Only `stdout`: `fflush(NULL)` would wait for every stream's lock, and a thread in `getchar()` holds
    /// that of `stdin` for as long as nobody types. `stderr` has no buffer.
    pub(super) fn flush() {
        // SAFETY: the C library's own stream, which is there from before `main` to the end.
        unsafe { libc::fflush(stdout) };
    }
}
