//! Connection files: where the five sockets are, and the key that signs.
//!
//! A connection file names ports that somebody chose before we started; a
//! registration file (JEP 66) names one socket to which we report the ports we
//! found ourselves. Keys are kept out of every `Debug` and every error.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

/// How sockets are reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Ports of an address.
    #[default]
    Tcp,
    /// Files in a directory.
    Ipc,
}

/// A secret; it is never shown.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Secret {
        Secret(secret.into())
    }

    /// A new one, as random as a UUID.
    pub fn random() -> Secret {
        Secret(uuid::Uuid::new_v4().to_string())
    }

    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_empty() {
            "(none)"
        } else {
            "(hidden)"
        })
    }
}

fn localhost() -> String {
    "127.0.0.1".to_owned()
}

fn default_scheme() -> String {
    "hmac-sha256".to_owned()
}

/// What a connection file says. A port of 0 means "any free one".
///
/// The ports and the key have no default: a file that was cut short must not
/// make a kernel that nobody finds, or one that takes unsigned messages.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConnectionInfo {
    /// TCP or files.
    #[serde(default)]
    pub transport: Transport,
    /// The address, or for `ipc` the path before `-port`.
    #[serde(default = "localhost")]
    pub ip: String,
    /// Requests.
    pub shell_port: u16,
    /// What is published.
    pub iopub_port: u16,
    /// Input.
    pub stdin_port: u16,
    /// Requests that do not wait.
    pub control_port: u16,
    /// Heartbeat.
    pub hb_port: u16,
    /// The key messages are signed with; empty: they are not signed.
    pub key: Secret,
    /// Such as `hmac-sha256`.
    #[serde(default = "default_scheme")]
    pub signature_scheme: String,
    /// The name of the kernelspec.
    #[serde(default)]
    pub kernel_name: String,
    /// The kernel's public CURVE key, if connections are encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curve_publickey: Option<String>,
    /// The kernel's secret CURVE key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curve_secretkey: Option<Secret>,
}

impl Default for ConnectionInfo {
    /// Any free ports of this machine, and a new key.
    fn default() -> Self {
        ConnectionInfo {
            transport: Transport::Tcp,
            ip: localhost(),
            shell_port: 0,
            iopub_port: 0,
            stdin_port: 0,
            control_port: 0,
            hb_port: 0,
            key: Secret::random(),
            signature_scheme: default_scheme(),
            kernel_name: String::new(),
            curve_publickey: None,
            curve_secretkey: None,
        }
    }
}

impl ConnectionInfo {
    /// The address of a port.
    pub fn endpoint(&self, port: u16) -> String {
        match self.transport {
            // Port 0 is spelled `*`: any.
            Transport::Tcp if port == 0 => format!("tcp://{}:*", bracketed(&self.ip)),
            Transport::Tcp => format!("tcp://{}:{port}", bracketed(&self.ip)),
            Transport::Ipc => format!("ipc://{}", self.path(port)),
        }
    }

    /// The file of a port.
    pub(crate) fn path(&self, port: u16) -> String {
        format!("{}-{port}", self.ip)
    }

    /// Writes the connection file, readable for its owner only.
    ///
    /// It is written beside its place and moved there: a client that waits for
    /// the file never reads half of it.
    pub fn write(&self, path: &Path) -> Result<(), ConnectionError> {
        let failed = |source| ConnectionError::Write {
            path: path.to_owned(),
            source,
        };
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| failed(std::io::Error::other(error)))?;
        text.push('\n');
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory).map_err(failed)?;
        }
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}", std::process::id()));
        let beside = PathBuf::from(name);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&beside).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        std::fs::rename(&beside, path).map_err(failed)
    }
}

/// IPv6 addresses stand in brackets before a port.
fn bracketed(ip: &str) -> String {
    if ip.contains(':') && !ip.starts_with('[') {
        format!("[{ip}]")
    } else {
        ip.to_owned()
    }
}

/// What a registration file says (JEP 66).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RegistrationFile {
    /// TCP or files.
    #[serde(default)]
    pub transport: Transport,
    /// The address of the registration socket, and of our sockets.
    #[serde(default = "localhost")]
    pub ip: String,
    /// The registration socket.
    pub registration_port: u16,
    /// The key messages are signed with.
    pub key: Secret,
    /// Such as `hmac-sha256`.
    #[serde(default = "default_scheme")]
    pub signature_scheme: String,
}

/// What the file we were started with is.
#[derive(Clone, Debug)]
pub enum ConnectionFile {
    /// Ports were chosen for us (or, where they are 0, we choose).
    Connection(ConnectionInfo),
    /// We choose ports and report them.
    Registration(RegistrationFile),
}

impl From<ConnectionInfo> for ConnectionFile {
    fn from(info: ConnectionInfo) -> Self {
        ConnectionFile::Connection(info)
    }
}

/// What the command line says instead of, or in place of, a connection file.
#[derive(Clone, Debug, Default)]
pub struct ConnectionOverrides {
    /// `--transport`.
    pub transport: Option<Transport>,
    /// `--ip`.
    pub ip: Option<String>,
    /// `--shell`.
    pub shell_port: Option<u16>,
    /// `--iopub`.
    pub iopub_port: Option<u16>,
    /// `--stdin`.
    pub stdin_port: Option<u16>,
    /// `--control`.
    pub control_port: Option<u16>,
    /// `--hb`.
    pub hb_port: Option<u16>,
    /// `--Session.key`.
    pub key: Option<Secret>,
    /// `--Session.signature_scheme`.
    pub signature_scheme: Option<String>,
    /// The name of the kernelspec.
    pub kernel_name: Option<String>,
}

impl ConnectionFile {
    /// Reads a connection file or a registration file.
    pub fn read(path: &Path) -> Result<ConnectionFile, ConnectionError> {
        let text = std::fs::read(path).map_err(|source| ConnectionError::Read {
            path: path.to_owned(),
            source,
        })?;
        ConnectionFile::parse(&text).map_err(|problem| ConnectionError::Content {
            path: path.to_owned(),
            problem,
        })
    }

    fn parse(text: &[u8]) -> Result<ConnectionFile, String> {
        #[derive(Deserialize)]
        struct Probe {
            registration_port: Option<u16>,
        }
        if read_json::<Probe>(text)?.registration_port.is_some() {
            Ok(ConnectionFile::Registration(read_json(text)?))
        } else {
            Ok(ConnectionFile::Connection(read_json(text)?))
        }
    }

    /// Lets the command line have the last word.
    pub fn apply(&mut self, overrides: ConnectionOverrides) {
        fn set<T>(place: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *place = value;
            }
        }
        match self {
            ConnectionFile::Connection(info) => {
                set(&mut info.transport, overrides.transport);
                set(&mut info.ip, overrides.ip);
                set(&mut info.shell_port, overrides.shell_port);
                set(&mut info.iopub_port, overrides.iopub_port);
                set(&mut info.stdin_port, overrides.stdin_port);
                set(&mut info.control_port, overrides.control_port);
                set(&mut info.hb_port, overrides.hb_port);
                set(&mut info.key, overrides.key);
                set(&mut info.signature_scheme, overrides.signature_scheme);
                set(&mut info.kernel_name, overrides.kernel_name);
            }
            // Who started us waits for our registration: the ports are ours to
            // find, but the key may still be told.
            ConnectionFile::Registration(file) => {
                set(&mut file.ip, overrides.ip);
                set(&mut file.key, overrides.key);
                set(&mut file.signature_scheme, overrides.signature_scheme);
            }
        }
    }
}

/// Reads JSON and, when it has another shape, tells the field and never a value:
/// the value might be the key.
fn read_json<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, String> {
    // Serde would also read a struct from a list.
    if text.trim_ascii_start().first() == Some(&b'[') {
        return Err("not an object".to_owned());
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        let (line, column) = (error.line(), error.column());
        if !error.is_data() {
            format!("not JSON at line {line} column {column}")
        } else if path == "." {
            let text = error.to_string();
            let missing = text.starts_with("missing field");
            let what = if missing {
                text.split(" at line").next()
            } else {
                None
            };
            what.unwrap_or("not an object").to_owned()
        } else {
            format!("field `{path}` has the wrong type or is out of range")
        }
    })
}

/// Why a connection file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// It cannot be read.
    #[error("cannot read the connection file {}: {}", path.display(), reason(source))]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It cannot be written.
    #[error("cannot write the connection file {}: {}", path.display(), reason(source))]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It has the wrong content.
    #[error("the connection file {} is not one: {problem}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

/// The system's own words, without its number for them.
pub fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ConnectionFile, String> {
        ConnectionFile::parse(text.as_bytes())
    }

    #[test]
    fn a_connection_file_is_read_and_shows_no_key() {
        let file = read(
            r#"{"transport":"ipc","ip":"/tmp/k","shell_port":1,"iopub_port":2,"stdin_port":3,
               "control_port":4,"hb_port":5,"key":"swordfish","signature_scheme":"hmac-sha256",
               "kernel_name":"python3","extra":1,"curve_secretkey":"swordfish"}"#,
        )
        .unwrap();
        assert!(!format!("{file:?}").contains("swordfish"));
        let ConnectionFile::Connection(info) = file else {
            panic!("not a connection file")
        };
        assert_eq!(info.endpoint(info.control_port), "ipc:///tmp/k-4");
        assert_eq!(info.key.reveal(), "swordfish");
    }

    #[test]
    fn errors_name_the_field_and_never_a_value() {
        assert_eq!(
            read(r#"{"key":"swordfish","shell_port":70000}"#).unwrap_err(),
            "field `shell_port` has the wrong type or is out of range"
        );
        let error = read(r#"{"shell_port":"swordfish"}"#).unwrap_err();
        assert_eq!(
            error,
            "field `shell_port` has the wrong type or is out of range"
        );
        assert_eq!(
            read(r#"{"iopub_port":1}"#).unwrap_err(),
            "missing field `shell_port`"
        );
        assert_eq!(read("[1]").unwrap_err(), "not an object");
        assert_eq!(
            read(r#"{"key":"swordfish""#).unwrap_err(),
            "not JSON at line 1 column 18"
        );
    }

    #[test]
    fn a_registration_file_is_told_by_its_port() {
        let file = read(r#"{"registration_port":7,"key":"a"}"#).unwrap();
        assert!(matches!(file, ConnectionFile::Registration(file) if file.registration_port == 7));
    }

    #[test]
    fn a_written_file_is_private_and_reads_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/kernel.json");
        let info = ConnectionInfo {
            shell_port: 12,
            ..ConnectionInfo::default()
        };
        info.write(&path).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        let ConnectionFile::Connection(back) = ConnectionFile::read(&path).unwrap() else {
            panic!("not a connection file")
        };
        assert_eq!((back.shell_port, back.key), (12, info.key));
    }

    #[test]
    fn ipv6_addresses_get_brackets() {
        let info = ConnectionInfo {
            ip: "::1".into(),
            ..ConnectionInfo::default()
        };
        assert_eq!(info.endpoint(0), "tcp://[::1]:*");
    }
}
