//! Questions to the person at the client.

use ipyrust_kernel::Answer;
use pyo3::exceptions::PyEOFError;
use pyo3::prelude::*;

use crate::message::Parent;
use crate::signals;

/// Questions to the person at the client.
#[pyclass(frozen, module = "ipyrust._core")]
pub(crate) struct Stdin(pub(crate) ipyrust_kernel::Stdin);

#[pymethods]
impl Stdin {
    /// Wait for the answer: `EOFError` when the kernel closes, and what a signal raises.
    fn ask(
        &self,
        py: Python<'_>,
        prompt: &str,
        password: bool,
        parent: &Bound<'_, Parent>,
    ) -> PyResult<String> {
        let pending = self.0.ask(&parent.get().inner, prompt, password);
        // A signal that raises drops `pending`, and a late answer to it is ignored.
        let answer = signals::wait(py, None, |pause| match pending.wait(pause) {
            Answer::Text(text) => Some(Some(text)),
            Answer::Closed => Some(None),
            Answer::Timeout | Answer::Interrupted => None,
        })?;
        answer
            .flatten()
            .ok_or_else(|| PyEOFError::new_err("the kernel is closing"))
    }
}
