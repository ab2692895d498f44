//! The contents of messages, by the specification's names.
//!
//! Requests are read kindly: what the specification calls optional may be left
//! out or null (kernel clients written by hand do both) and gets its default.
//! What the kernel only carries stays [`RawJson`].

use super::RawJson;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue =
            serde_json::from_str(self.as_str()).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(RawJson::from_encoder(Box::<str>::from(raw).into_string()))
    }
}

/// JSON objects keep their fields raw.
pub type RawObject = BTreeMap<String, RawJson>;

/// Reads null as the default: JupyterLab and others write null for "not given".
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads null as true, for the fields whose default is true.
fn or_true<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::<bool>::deserialize(deserializer)?.unwrap_or(true))
}

fn yes() -> bool {
    true
}

/// `execute_request`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExecuteRequest {
    /// The cell.
    pub code: String,
    /// Run without output, history and counting.
    #[serde(default, deserialize_with = "or_default")]
    pub silent: bool,
    /// Keep the cell in the history.
    #[serde(default = "yes", deserialize_with = "or_true")]
    pub store_history: bool,
    /// Names and expressions to evaluate after the cell.
    #[serde(default, deserialize_with = "or_default")]
    pub user_expressions: BTreeMap<String, String>,
    /// Whether `input()` may ask.
    #[serde(default = "yes", deserialize_with = "or_true")]
    pub allow_stdin: bool,
    /// Whether an error aborts the cells that wait.
    #[serde(default = "yes", deserialize_with = "or_true")]
    pub stop_on_error: bool,
}

/// `complete_request`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CompleteRequest {
    /// The code.
    pub code: String,
    /// The cursor, in Unicode characters.
    pub cursor_pos: u64,
}

/// `inspect_request`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InspectRequest {
    /// The code.
    pub code: String,
    /// The cursor, in Unicode characters.
    pub cursor_pos: u64,
    /// 0 or 1.
    #[serde(default, deserialize_with = "or_default")]
    pub detail_level: u8,
}

/// `is_complete_request`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IsCompleteRequest {
    /// The code.
    pub code: String,
}

/// How a `history_request` looks for its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HistoryAccess {
    /// A range of lines of a session.
    Range,
    /// The last lines.
    Tail,
    /// Lines that match a pattern.
    Search,
}

/// `history_request`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HistoryRequest {
    /// Which of the three ways.
    pub hist_access_type: HistoryAccess,
    /// With outputs.
    #[serde(default, deserialize_with = "or_default")]
    pub output: bool,
    /// As typed, not as transformed.
    #[serde(default, deserialize_with = "or_default")]
    pub raw: bool,
    /// The session of a range; 0 is this one, negative ones count back.
    #[serde(default, deserialize_with = "or_default")]
    pub session: i64,
    /// The first line of a range.
    #[serde(default, deserialize_with = "or_default")]
    pub start: i64,
    /// The line after the last one of a range.
    #[serde(default)]
    pub stop: Option<i64>,
    /// How many entries at most.
    #[serde(default)]
    pub n: Option<i64>,
    /// The pattern of a search.
    #[serde(default)]
    pub pattern: Option<String>,
    /// Each match once.
    #[serde(default, deserialize_with = "or_default")]
    pub unique: bool,
}

/// `comm_info_request`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CommInfoRequest {
    /// Only comms of this target.
    #[serde(default)]
    pub target_name: Option<String>,
}

/// `comm_open`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CommOpen {
    /// The comm.
    pub comm_id: String,
    /// Who shall answer.
    pub target_name: String,
    /// Anything.
    #[serde(default = "RawJson::empty")]
    pub data: RawJson,
}

/// `comm_msg` and `comm_close`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CommMessage {
    /// The comm.
    pub comm_id: String,
    /// Anything.
    #[serde(default = "RawJson::empty")]
    pub data: RawJson,
}

/// `shutdown_request`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShutdownRequest {
    /// Whether a new kernel follows.
    #[serde(default, deserialize_with = "or_default")]
    pub restart: bool,
}

/// `delete_subshell_request`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeleteSubshellRequest {
    /// The subshell.
    pub subshell_id: String,
}

/// `list_subshell_reply`.
#[derive(Clone, Debug, Serialize)]
pub struct ListSubshellReply {
    /// How it went.
    pub status: ReplyStatus,
    /// The ids of the subshells there are.
    pub subshell_id: Vec<String>,
}

/// `debug_request`: a request of the Debug Adapter Protocol.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DebugRequest {
    /// The debugger's command.
    pub command: String,
    /// Its number.
    #[serde(default, deserialize_with = "or_default")]
    pub seq: i64,
}

/// `input_reply`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InputReply {
    /// What was typed.
    pub value: String,
}

/// `input_request`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InputRequest {
    /// The prompt.
    pub prompt: String,
    /// Whether the input must not be seen.
    pub password: bool,
}

/// What the kernel is doing, in `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExecutionState {
    /// Published once.
    Starting,
    /// A request is being answered.
    Busy,
    /// It has been answered.
    Idle,
}

impl ExecutionState {
    /// The content of a `status` that says so: three texts, of which every request
    /// takes two.
    pub(crate) fn content(self) -> RawJson {
        RawJson::from_static(match self {
            Self::Starting => r#"{"execution_state":"starting"}"#,
            Self::Busy => r#"{"execution_state":"busy"}"#,
            Self::Idle => r#"{"execution_state":"idle"}"#,
        })
    }
}

/// `status`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// The state.
    pub execution_state: ExecutionState,
}

/// Which stream a text was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamName {
    /// Descriptor 1.
    Stdout,
    /// Descriptor 2.
    Stderr,
}

impl StreamName {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// `stream`.
#[derive(Clone, Debug, Serialize)]
pub struct Stream<'a> {
    /// Which.
    pub name: StreamName,
    /// What was written.
    pub text: &'a str,
}

/// `iopub_welcome`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IopubWelcome {
    /// The subscription that is welcomed.
    pub subscription: String,
}

/// The content of a reply that tells of an error.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ErrorReply {
    /// Always `error`.
    pub status: ReplyStatus,
    /// The exception's plain name.
    pub ename: String,
    /// Its text.
    pub evalue: String,
    /// Its traceback.
    pub traceback: Vec<String>,
}

impl ErrorReply {
    /// An error of the kernel itself, which has no traceback to show.
    pub fn new(ename: &str, evalue: impl Into<String>) -> ErrorReply {
        ErrorReply {
            status: ReplyStatus::Error,
            ename: ename.to_owned(),
            evalue: evalue.into(),
            traceback: Vec::new(),
        }
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReplyStatus {
    /// Done.
    Ok,
    /// Failed.
    Error,
    /// Not tried, because a request before it failed.
    Aborted,
}

/// The content of a reply that says no more than how it ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StatusReply {
    /// How.
    pub status: ReplyStatus,
}

/// `shutdown_reply`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShutdownReply {
    /// How it ended.
    pub status: ReplyStatus,
    /// As in the request.
    pub restart: bool,
}

/// `connect_reply`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConnectReply {
    /// How it ended.
    pub status: ReplyStatus,
    /// The five ports.
    pub shell_port: u16,
    /// Published messages.
    pub iopub_port: u16,
    /// Input.
    pub stdin_port: u16,
    /// Control.
    pub control_port: u16,
    /// Heartbeat.
    pub hb_port: u16,
}

/// A line of a `kernel_info_reply`'s help menu.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelpLink {
    /// What is shown.
    pub text: String,
    /// Where it leads.
    pub url: String,
}

/// What `kernel_info_reply` says; the kernel adds `status` and `protocol_version`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KernelInfo {
    /// Such as `ipython`.
    pub implementation: String,
    /// Its version.
    pub implementation_version: String,
    /// `language_info`, as it shall stand in the reply.
    pub language_info: RawJson,
    /// What a console shows at its start.
    pub banner: String,
    /// The help menu.
    #[serde(default)]
    pub help_links: Vec<HelpLink>,
    /// Whether `debug_request` is answered.
    #[serde(default)]
    pub debugger: bool,
    /// Such as `kernel subshells`, `debugger`.
    #[serde(default)]
    pub supported_features: Vec<String>,
}

impl KernelInfo {
    /// The content of a `kernel_info_reply`.
    pub fn reply(&self) -> RawJson {
        RawJson::encode(&KernelInfoReply {
            status: ReplyStatus::Ok,
            protocol_version: super::PROTOCOL_VERSION,
            implementation: &self.implementation,
            implementation_version: &self.implementation_version,
            language_info: &self.language_info,
            banner: &self.banner,
            help_links: &self.help_links,
            debugger: self.debugger,
            supported_features: &self.supported_features,
        })
    }
}

/// `kernel_info_reply`: what [`KernelInfo`] says and what the kernel adds. Raw
/// JSON cannot be flattened by serde, hence the fields stand here once more.
#[derive(Serialize)]
struct KernelInfoReply<'a> {
    status: ReplyStatus,
    protocol_version: &'static str,
    implementation: &'a str,
    implementation_version: &'a str,
    language_info: &'a RawJson,
    banner: &'a str,
    help_links: &'a [HelpLink],
    debugger: bool,
    supported_features: &'a [String],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_told_as_the_type_of_its_content_would_be() {
        for state in [
            ExecutionState::Starting,
            ExecutionState::Busy,
            ExecutionState::Idle,
        ] {
            let status = Status {
                execution_state: state,
            };
            assert_eq!(state.content(), RawJson::encode(&status));
        }
    }
}
