//! The extension module `ipyrust._core`: the kernel library as Python sees it.
//!
//! A thin edge. Each method converts, leaves the interpreter if it waits, calls the library, and converts
//! back. Python pulls: nothing here calls back into Python, and no thread of ours attaches to it. The
//! documentation for its users is `python/ipyrust/_core.pyi`, which is checked against this module.

mod arguments;
mod attributes;
mod base64;
mod buffer;
mod bytecode;
mod context;
mod early;
mod errors;
mod fast_write;
#[cfg(target_os = "linux")]
mod idle;
mod info;
mod iopub;
mod json;
mod kernel;
mod message;
mod process;
mod queue;
mod request;
mod signals;
mod start;
mod stdin;

use pyo3::prelude::*;

/// The kernel library as Python sees it.
#[pymodule(gil_used = false)]
mod _core {

    #[pymodule_export]
    use crate::arguments::read_arguments;
    #[pymodule_export]
    use crate::attributes::has_plain_attributes;
    #[pymodule_export]
    use crate::base64::base64_text;
    #[pymodule_export]
    use crate::bytecode::cached_code;
    #[pymodule_export]
    use crate::errors::{ConnectionFileError, KernelStartError};
    #[cfg(target_os = "linux")]
    #[pymodule_export]
    use crate::idle::Idle;
    #[pymodule_export]
    use crate::iopub::{IoPub, StreamWriter};
    #[pymodule_export]
    use crate::json::{json_decode, json_encode};
    #[pymodule_export]
    use crate::kernel::{Kernel, needs_directory};
    #[pymodule_export]
    use crate::message::Parent;
    #[pymodule_export]
    use crate::process::{end_children, exit_after, flush_c_stdio, forked, interrupt_children};
    #[pymodule_export]
    use crate::queue::RequestQueue;
    #[pymodule_export]
    use crate::request::Request;
    #[pymodule_export]
    use crate::signals::interrupt_main;
    #[pymodule_export]
    use crate::stdin::Stdin;

    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "the name Python gives it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
