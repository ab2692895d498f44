//! What the kernel says of itself in `kernel_info_reply`, before IPython is even imported.

use ipyrust_kernel::protocol::{HelpLink, KernelInfo, RawJson};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::json;

use crate::json;

/// As in ipykernel, so that the help menu of a client keeps its entries.
const HELP_LINKS: [(&str, &str); 6] = [
    (
        "IPython Reference",
        "https://ipython.readthedocs.io/en/stable/",
    ),
    (
        "NumPy Reference",
        "https://docs.scipy.org/doc/numpy/reference/",
    ),
    (
        "SciPy Reference",
        "https://docs.scipy.org/doc/scipy/reference/",
    ),
    (
        "Matplotlib Reference",
        "https://matplotlib.org/contents.html",
    ),
    ("SymPy Reference", "http://docs.sympy.org/latest/index.html"),
    (
        "pandas Reference",
        "https://pandas.pydata.org/pandas-docs/stable/",
    ),
];

/// The feature that `debugger=True` announces.
const DEBUGGER: &str = "debugger";

/// The kernel of this interpreter; `ipython_version` is told, because importing IPython takes longer than
/// a client should wait for its first answer.
pub(crate) fn describe(
    py: Python<'_>,
    ipython_version: &str,
    debugger: bool,
) -> PyResult<KernelInfo> {
    let version = py.version_info();
    // As `platform.python_version()`: without the build and the compiler.
    let python = Python::version_str()
        .split_whitespace()
        .next()
        .unwrap_or_default();
    let first_line = Python::version_str().lines().next().unwrap_or_default();
    let python_links = format!(
        "https://docs.python.org/{}.{}",
        version.major, version.minor
    );
    let links = [("Python Reference", python_links.as_str())]
        .into_iter()
        .chain(HELP_LINKS);
    let mut info = KernelInfo {
        implementation: "ipyrust".to_owned(),
        implementation_version: env!("CARGO_PKG_VERSION").to_owned(),
        language_info: RawJson::encode(&json!({
            "name": "python",
            "version": python,
            "mimetype": "text/x-python",
            "codemirror_mode": {"name": "ipython", "version": version.major},
            "pygments_lexer": "ipython3",
            "nbconvert_exporter": "python",
            "file_extension": ".py",
        })),
        // As IPython's own, which replaces it once it is there.
        banner: format!(
            "Python {first_line}\n\
             Type 'copyright', 'credits' or 'license' for more information\n\
             IPython {ipython_version} -- An enhanced Interactive Python. Type '?' for help.\n"
        ),
        help_links: links
            .map(|(text, url)| HelpLink {
                text: text.to_owned(),
                url: url.to_owned(),
            })
            .collect(),
        debugger,
        supported_features: vec!["kernel subshells".to_owned()],
    };
    announce(&mut info);
    Ok(info)
}

/// `info` with some fields replaced.
pub(crate) fn updated(
    py: Python<'_>,
    info: &KernelInfo,
    fields: &Bound<'_, PyDict>,
) -> PyResult<KernelInfo> {
    let whole = json::decode(py, RawJson::encode(info).as_str())?.cast_into::<PyDict>()?;
    for (name, value) in fields {
        if !whole.contains(&name)? {
            return Err(PyTypeError::new_err(format!(
                "kernel_info has no field {name}"
            )));
        }
        whole.set_item(name, value)?;
    }
    let mut info: KernelInfo = json::encode(&whole)?
        .decode()
        .map_err(|error| PyValueError::new_err(format!("wrong field of kernel_info: {error}")))?;
    announce(&mut info);
    Ok(info)
}

/// Newer clients look for the debugger among the features, older ones at the flag.
fn announce(info: &mut KernelInfo) {
    info.supported_features
        .retain(|feature| feature != DEBUGGER);
    if info.debugger {
        info.supported_features.push(DEBUGGER.to_owned());
    }
}
