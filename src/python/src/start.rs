//! How a kernel starts, whoever asks: Python, or the executable `ipyrust` before there is a Python.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipyrust_kernel::{
    ConnectionError, ConnectionFile, ConnectionInfo, ConnectionOverrides, Kernel, KernelInfo,
    KernelOptions, Secret, StartError, Transport, reason,
};

use crate::arguments::{self, Setting};
use crate::signals;

/// A kernel that runs.
pub(crate) struct Started {
    pub(crate) kernel: Kernel,
    pub(crate) connection_file: PathBuf,
    /// Whether the connection file was not there before, and is to go with the kernel.
    pub(crate) is_temporary: bool,
    pub(crate) username: String,
}

/// Why a kernel does not run, in one sentence.
pub(crate) enum Failure {
    File(ConnectionError),
    /// Neither the connection file nor its directory is there.
    Nowhere(PathBuf),
    Start(StartError),
    /// A setting that cannot be used.
    Setting(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::File(error) => error.fmt(formatter),
            Failure::Nowhere(path) => {
                let path = path.display();
                write!(
                    formatter,
                    "the connection file {path} does not exist, nor does its directory"
                )
            }
            Failure::Start(error) => error.fmt(formatter),
            Failure::Setting(sentence) => formatter.write_str(sentence),
        }
    }
}

/// Whether the connection file is to be in Jupyter's directory for such files, whose place Jupyter's own
/// library knows: it was named by its name only, or not at all.
pub(crate) fn needs_directory(settings: &[Setting]) -> bool {
    let name = file_name(settings);
    directory_of(name).is_none() && (name.as_os_str().is_empty() || !name.exists())
}

/// Reads or invents the connection, binds it, answers, and writes down what was chosen.
pub(crate) fn start(
    settings: &[Setting],
    directory: Option<&Path>,
    info: KernelInfo,
) -> Result<Started, Failure> {
    let (path, is_temporary) = place(settings, directory)?;
    let mut options = KernelOptions::new(info, Box::new(interrupt));
    options.session = text(settings, "Session", "session")?;
    options.watch_parent = is_launched();
    if let Some(username) = text(settings, "Session", "username")? {
        options.username = username;
    }
    let username = options.username.clone();

    let mut file = if is_temporary {
        ConnectionFile::from(ConnectionInfo::default())
    } else {
        ConnectionFile::read(&path).map_err(Failure::File)?
    };
    file.apply(overrides(settings)?);
    let chosen = match &file {
        ConnectionFile::Connection(info) => is_temporary || ports(info).contains(&0),
        ConnectionFile::Registration(_) => false,
    };
    let kernel = Kernel::start(file, options).map_err(Failure::Start)?;
    if chosen && let Err(error) = kernel.connection().write(&path) {
        // Nobody could connect.
        kernel.close(Duration::ZERO);
        return Err(Failure::File(error));
    }
    Ok(Started {
        kernel,
        connection_file: path,
        is_temporary,
        username,
    })
}

fn file_name(settings: &[Setting]) -> &Path {
    Path::new(arguments::last(settings, "IPKernelApp", "connection_file").unwrap_or_default())
}

fn directory_of(path: &Path) -> Option<&Path> {
    path.parent()
        .filter(|directory| !directory.as_os_str().is_empty())
}

/// The path of the connection file, and whether it ends with this kernel.
fn place(settings: &[Setting], directory: Option<&Path>) -> Result<(PathBuf, bool), Failure> {
    let name = file_name(settings);
    let path = match directory {
        Some(directory) if needs_directory(settings) => {
            let own = OsString::from(format!("kernel-{}.json", std::process::id()));
            let is_named = !name.as_os_str().is_empty();
            directory.join(if is_named { name.as_os_str() } else { &own })
        }
        _ => name.to_owned(),
    };
    let exists = path.exists();
    if !exists && !directory_of(&path).is_some_and(Path::is_dir) {
        return Err(Failure::Nowhere(path));
    }
    Ok((path, !exists))
}

/// What has the last word over the connection file.
fn overrides(settings: &[Setting]) -> Result<ConnectionOverrides, Failure> {
    let port = |name| -> Result<Option<u16>, Failure> {
        let Some(value) = text(settings, "IPKernelApp", name)? else {
            return Ok(None);
        };
        match value.trim().parse() {
            Ok(port) => Ok(Some(port)),
            Err(_) => Err(Failure::Setting(format!(
                "`{name}` is a number up to 65535, not `{value}`"
            ))),
        }
    };
    let transport = match text(settings, "IPKernelApp", "transport")?.as_deref() {
        None => None,
        Some("tcp") => Some(Transport::Tcp),
        Some("ipc") => Some(Transport::Ipc),
        Some(other) => {
            return Err(Failure::Setting(format!(
                "`transport` is `tcp` or `ipc`, not `{other}`"
            )));
        }
    };
    Ok(ConnectionOverrides {
        transport,
        ip: text(settings, "IPKernelApp", "ip")?,
        shell_port: port("shell_port")?,
        iopub_port: port("iopub_port")?,
        stdin_port: port("stdin_port")?,
        control_port: port("control_port")?,
        hb_port: port("hb_port")?,
        key: key(settings)?,
        signature_scheme: text(settings, "Session", "signature_scheme")?,
        kernel_name: None,
    })
}

/// The signing key, if the settings have the last word on it.
fn key(settings: &[Setting]) -> Result<Option<Secret>, Failure> {
    let key = if let Some(key) = arguments::last(settings, "Session", "key") {
        without_quotes(key.as_bytes()).to_vec()
    } else if let Some(file) = arguments::last(settings, "Session", "keyfile") {
        let path = Path::new(file);
        let content = std::fs::read(path).map_err(|error| {
            Failure::Setting(format!(
                "the key file {} cannot be read: {}",
                path.display(),
                reason(&error)
            ))
        })?;
        content.trim_ascii().to_vec()
    } else {
        return Ok(None);
    };
    match String::from_utf8(key) {
        Ok(key) => Ok(Some(Secret::new(key))),
        Err(_) => Err(Failure::Setting("the key is not UTF-8".to_owned())),
    }
}

/// traitlets takes both `b'...'` and the plain text.
fn without_quotes(text: &[u8]) -> &[u8] {
    match text {
        [b'b', b'\'', inner @ .., b'\''] | [b'b', b'"', inner @ .., b'"'] => inner,
        plain => plain,
    }
}

fn text(settings: &[Setting], class: &str, name: &str) -> Result<Option<String>, Failure> {
    let Some(value) = arguments::last(settings, class, name) else {
        return Ok(None);
    };
    match value.to_str() {
        Some(text) => Ok(Some(text.to_owned())),
        None => Err(Failure::Setting(format!(
            "`{name}` is not UTF-8: `{}`",
            value.display()
        ))),
    }
}

fn ports(info: &ConnectionInfo) -> [u16; 5] {
    [
        info.shell_port,
        info.iopub_port,
        info.stdin_port,
        info.control_port,
        info.hb_port,
    ]
}

/// Whether whoever started us is to be outlived by nobody: Jupyter's launcher says so.
fn is_launched() -> bool {
    let parent = std::env::var_os("JPY_PARENT_PID").unwrap_or_default();
    !["", "0", "1"]
        .iter()
        .any(|none| parent.as_os_str() == OsStr::new(none))
}

/// What an `interrupt_request` does, in the I/O thread: what Control-C does at a terminal.
fn interrupt() {
    ipyrust_kernel::children::interrupt(|| {
        signals::interrupt();
    });
}
