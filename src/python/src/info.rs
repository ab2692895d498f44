//! What the kernel says of itself in `kernel_info_reply`, before IPython is even imported.

use std::fs;
use std::path::PathBuf;

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

/// The feature that debugpy brings.
const DEBUGGER: &str = "debugger";

/// What is installed that `kernel_info` speaks of.
#[derive(Default)]
pub(crate) struct Installed {
    ipython: Option<String>,
    debugpy: bool,
}

impl Installed {
    /// Found in the names of files: importing takes longer than a client should wait for its first answer.
    pub(crate) fn on_path(folders: impl IntoIterator<Item = PathBuf>) -> Installed {
        let mut installed = Installed::default();
        let folders = folders
            .into_iter()
            .filter(|folder| !folder.as_os_str().is_empty());
        for entry in folders
            .filter_map(|folder| fs::read_dir(folder).ok())
            .flatten()
            .flatten()
        {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            installed.debugpy |= name == "debugpy";
            if installed.ipython.is_none() {
                installed.ipython = ipython_version(name);
            }
        }
        installed
    }
}

fn ipython_version(folder: &str) -> Option<String> {
    let start = "ipython-";
    if !folder.get(..start.len())?.eq_ignore_ascii_case(start) {
        return None;
    }
    let rest = &folder[start.len()..];
    let version = rest
        .strip_suffix(".dist-info")
        .or_else(|| rest.strip_suffix(".egg-info"))?;
    Some(version.split('-').next().unwrap_or_default().to_owned())
}

/// The kernel of this Python, which need not be up.
pub(crate) fn describe(installed: Installed) -> KernelInfo {
    let Installed { ipython, debugpy } = installed;
    // As `platform.python_version()`: without the build and the compiler.
    let python = Python::version_str()
        .split_whitespace()
        .next()
        .unwrap_or_default();
    let mut numbers = python.split('.');
    let major = numbers.next().unwrap_or_default();
    let minor = numbers.next().unwrap_or_default();
    let first_line = Python::version_str().lines().next().unwrap_or_default();
    let python_links = format!("https://docs.python.org/{major}.{minor}");
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
            "codemirror_mode": {"name": "ipython", "version": major.parse::<u8>().unwrap_or(3)},
            "pygments_lexer": "ipython3",
            "nbconvert_exporter": "python",
            "file_extension": ".py",
        })),
        // As IPython's own, which replaces it once it is there.
        banner: format!(
            "Python {first_line}\n\
             Type 'copyright', 'credits' or 'license' for more information\n\
             IPython {} -- An enhanced Interactive Python. Type '?' for help.\n",
            ipython.unwrap_or_default()
        ),
        help_links: links
            .map(|(text, url)| HelpLink {
                text: text.to_owned(),
                url: url.to_owned(),
            })
            .collect(),
        debugger: debugpy,
        supported_features: vec!["kernel subshells".to_owned()],
    };
    announce(&mut info);
    info
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
