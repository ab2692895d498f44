//! Checks that the content of a request has the shape the specification gives
//! it, before it reaches a queue: what comes out of a queue needs no checks.

use super::{
    CommInfoRequest, CommMessage, CommOpen, CompleteRequest, DebugRequest, DeleteSubshellRequest,
    ExecuteRequest, HistoryAccess, HistoryRequest, InspectRequest, IsCompleteRequest, MessageType,
    RawJson, ShutdownRequest,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// What is wrong with the content of a request, and in which field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message_type}: {problem}")]
pub struct ContentError {
    /// The type of the request.
    pub message_type: String,
    /// Such as ``field `code`: invalid type: integer `1`, expected a string``.
    pub problem: String,
}

/// The content with the defaults of absent optional fields filled in; fields
/// the specification does not know stay as they are.
pub fn complete(message_type: &MessageType, content: RawJson) -> Result<RawJson, ContentError> {
    match message_type {
        MessageType::ExecuteRequest => typed::<ExecuteRequest>(message_type, content),
        MessageType::CompleteRequest => typed::<CompleteRequest>(message_type, content),
        MessageType::InspectRequest => typed::<InspectRequest>(message_type, content),
        MessageType::IsCompleteRequest => typed::<IsCompleteRequest>(message_type, content),
        MessageType::HistoryRequest => history(message_type, content),
        MessageType::CommInfoRequest => typed::<CommInfoRequest>(message_type, content),
        MessageType::CommOpen => typed::<CommOpen>(message_type, content),
        MessageType::CommMsg | MessageType::CommClose => {
            typed::<CommMessage>(message_type, content)
        }
        MessageType::ShutdownRequest => typed::<ShutdownRequest>(message_type, content),
        MessageType::DebugRequest => typed::<DebugRequest>(message_type, content),
        MessageType::DeleteSubshellRequest => typed::<DeleteSubshellRequest>(message_type, content),
        // The others have no fields.
        _ => Ok(content),
    }
}

fn typed<T>(message_type: &MessageType, content: RawJson) -> Result<RawJson, ContentError>
where
    T: Serialize + DeserializeOwned,
{
    let value: T = read(message_type, &content)?;
    Ok(with_defaults(content, &value))
}

/// A range needs its start and end, a search its pattern: what the other kinds
/// may leave out.
fn history(message_type: &MessageType, content: RawJson) -> Result<RawJson, ContentError> {
    let request: HistoryRequest = read(message_type, &content)?;
    let missing = match request.hist_access_type {
        HistoryAccess::Tail if request.n.is_none() => "n",
        _ => return Ok(with_defaults(content, &request)),
    };
    Err(ContentError {
        message_type: message_type.to_string(),
        problem: format!("field `{missing}`: missing, and needed for this `hist_access_type`"),
    })
}

fn read<T: DeserializeOwned>(
    message_type: &MessageType,
    content: &RawJson,
) -> Result<T, ContentError> {
    let mut deserializer = serde_json::Deserializer::from_slice(content.as_bytes());
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        // The place is one in a line of JSON that nobody has seen.
        let whole = error.into_inner().to_string();
        let cause = whole.split(" at line ").next().unwrap_or(&whole);
        let problem = if path == "." {
            cause.to_owned()
        } else {
            format!("field `{path}`: {cause}")
        };
        ContentError {
            message_type: message_type.to_string(),
            problem,
        }
    })
}

fn with_defaults<T: Serialize>(content: RawJson, value: &T) -> RawJson {
    let Ok(mut sent) = content.decode::<BTreeMap<&str, &RawValue>>() else {
        // A key with an escape in it cannot be borrowed. No known field has
        // one, so such a content is read again with owned keys.
        return with_defaults_owned(&content, value);
    };
    let complete = RawJson::encode(value);
    let Ok(known) = complete.decode::<BTreeMap<&str, &RawValue>>() else {
        return content;
    };
    let mut added = false;
    for (name, default) in known {
        let absent = sent.get(name).is_none_or(|value| value.get() == "null");
        if absent && (default.get() != "null" || !sent.contains_key(name)) {
            sent.insert(name, default);
            added = true;
        }
    }
    if added {
        RawJson::encode(&sent)
    } else {
        content
    }
}

fn with_defaults_owned<T: Serialize>(content: &RawJson, value: &T) -> RawJson {
    let sent: BTreeMap<String, RawJson> = content.decode().unwrap_or_default();
    let mut whole: BTreeMap<String, RawJson> = RawJson::encode(value).decode().unwrap_or_default();
    for (name, value) in sent {
        if value.as_str() != "null" || !whole.contains_key(&name) {
            whole.insert(name, value);
        }
    }
    RawJson::encode(&whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message_type: &str, content: &str) -> Result<String, String> {
        let content = RawJson::parse(content.to_owned()).expect("the test's own JSON");
        complete(&message_type.into(), content)
            .map(|content| content.as_str().to_owned())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn absent_and_null_fields_get_their_defaults() {
        let whole = check("execute_request", r#"{"code":"1","silent":null}"#).unwrap();
        let value: serde_json::Value = serde_json::from_str(&whole).unwrap();
        assert_eq!(
            value,
            serde_json::json!({"code": "1", "silent": false, "store_history": true,
                "user_expressions": {}, "allow_stdin": true, "stop_on_error": true})
        );
    }

    #[test]
    fn unknown_fields_stay() {
        let whole = check("is_complete_request", r#"{"code":"1","x":[1, 2]}"#).unwrap();
        assert_eq!(whole, r#"{"code":"1","x":[1, 2]}"#);
        let whole = check("comm_open", r#"{"comm_id":"1","target_name":"t","x\n":1}"#).unwrap();
        let value: serde_json::Value = serde_json::from_str(&whole).unwrap();
        assert_eq!(
            value,
            serde_json::json!({"comm_id": "1", "target_name": "t", "data": {}, "x\n": 1})
        );
    }

    #[test]
    fn a_wrong_shape_names_the_field() {
        assert_eq!(
            check("execute_request", r#"{"code":1}"#).unwrap_err(),
            "execute_request: field `code`: invalid type: integer `1`, expected a string"
        );
        assert_eq!(
            check("execute_request", "{}").unwrap_err(),
            "execute_request: missing field `code`"
        );
        assert_eq!(
            check(
                "execute_request",
                r#"{"code":"","user_expressions":{"a":1}}"#
            )
            .unwrap_err(),
            "execute_request: field `user_expressions.a`: invalid type: integer `1`, \
             expected a string"
        );
        let error = check("history_request", r#"{"hist_access_type":"all"}"#).unwrap_err();
        assert!(error.contains("`hist_access_type`"), "{error}");
        let error = check("history_request", r#"{"hist_access_type":"tail"}"#).unwrap_err();
        assert!(error.contains("field `n`"), "{error}");
    }
}
