//! Checks that the content of a request has the shape the specification gives
//! it, before it reaches a queue: what comes out of a queue needs no checks.

use super::{
    CommInfoRequest, CommMessage, CommOpen, CompleteRequest, DebugRequest, DeleteSubshellRequest,
    ExecuteRequest, HistoryAccess, HistoryRequest, InspectRequest, IsCompleteRequest, MessageType,
    RawJson, RawObject, ShutdownRequest,
};
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserializer, Serialize};
use std::borrow::Cow;
use std::sync::OnceLock;

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

/// A content of which some fields may be left out.
trait Content: Serialize + DeserializeOwned {
    /// The least that is a content of this type: what is more in it when it was
    /// read has come by default.
    const LEAST: &'static str;

    /// The defaults, once made.
    fn defaults() -> &'static OnceLock<RawObject>;
}

macro_rules! contents {
    ($($content:ty: $least:literal),* $(,)?) => {
        $(impl Content for $content {
            const LEAST: &'static str = $least;

            fn defaults() -> &'static OnceLock<RawObject> {
                static DEFAULTS: OnceLock<RawObject> = OnceLock::new();
                &DEFAULTS
            }
        })*
    };
}

contents! {
    ExecuteRequest: r#"{"code":""}"#,
    CompleteRequest: r#"{"code":"","cursor_pos":0}"#,
    InspectRequest: r#"{"code":"","cursor_pos":0}"#,
    IsCompleteRequest: r#"{"code":""}"#,
    HistoryRequest: r#"{"hist_access_type":"tail"}"#,
    CommInfoRequest: "{}",
    CommOpen: r#"{"comm_id":"","target_name":""}"#,
    CommMessage: r#"{"comm_id":""}"#,
    ShutdownRequest: "{}",
    DebugRequest: r#"{"command":""}"#,
    DeleteSubshellRequest: r#"{"subshell_id":""}"#,
}

fn defaults<T: Content>() -> &'static RawObject {
    T::defaults().get_or_init(|| {
        // A test reads every one of them.
        let least = serde_json::from_str::<T>(T::LEAST).map(|least| RawJson::encode(&least));
        let mut fields: RawObject = least.and_then(|least| least.decode()).unwrap_or_default();
        let needed: RawObject = serde_json::from_str(T::LEAST).unwrap_or_default();
        fields.retain(|name, _| !needed.contains_key(name));
        fields
    })
}

fn typed<T: Content>(
    message_type: &MessageType,
    content: RawJson,
) -> Result<RawJson, ContentError> {
    read::<T>(message_type, &content)?;
    Ok(with_defaults::<T>(content))
}

/// A range needs its start and end, a search its pattern: what the other kinds
/// may leave out.
fn history(message_type: &MessageType, content: RawJson) -> Result<RawJson, ContentError> {
    let request: HistoryRequest = read(message_type, &content)?;
    let missing = match request.hist_access_type {
        HistoryAccess::Tail if request.n.is_none() => "n",
        _ => return Ok(with_defaults::<HistoryRequest>(content)),
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
    // To know where an error is costs as much again, so it is asked for afterwards.
    content.decode().or_else(|_| {
        let mut deserializer = serde_json::Deserializer::from_slice(content.as_bytes());
        serde_path_to_error::deserialize(&mut deserializer)
            .map_err(|error| content_error(message_type, error))
    })
}

fn content_error(
    message_type: &MessageType,
    error: serde_path_to_error::Error<serde_json::Error>,
) -> ContentError {
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
}

/// Most clients send every field: it is first counted whether any default is needed.
fn with_defaults<T: Content>(content: RawJson) -> RawJson {
    let defaults = defaults::<T>();
    if given(&content, defaults) == Some(defaults.len()) {
        return content;
    }
    let mut fields: RawObject = content.decode().unwrap_or_default();
    for (name, default) in defaults {
        let sent = fields
            .entry(name.clone())
            .or_insert_with(|| default.clone());
        if sent.as_str() == "null" {
            *sent = default.clone();
        }
    }
    RawJson::encode(&fields)
}

/// How many of these fields the content has; `None` where one is null.
fn given(content: &RawJson, fields: &RawObject) -> Option<usize> {
    struct Count<'a>(&'a RawObject);

    impl<'de> Visitor<'de> for Count<'_> {
        type Value = Option<usize>;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut count = Some(0);
            while let Some(name) = map.next_key::<Name<'de>>()? {
                let value = map.next_value::<Option<IgnoredAny>>()?;
                if self.0.contains_key(&*name.0) {
                    count = value.and(count).map(|count| count + 1);
                }
            }
            Ok(count)
        }
    }

    /// Borrowed where there is no escape in it.
    #[derive(serde::Deserialize)]
    struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

    serde_json::Deserializer::from_slice(content.as_bytes())
        .deserialize_map(Count(fields))
        .ok()
        .flatten()
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
    fn every_type_knows_its_defaults() {
        fn names<T: Content>() -> Vec<&'static str> {
            defaults::<T>().keys().map(String::as_str).collect()
        }
        let none: [&str; 0] = [];
        assert_eq!(names::<CompleteRequest>(), none);
        assert_eq!(names::<InspectRequest>(), ["detail_level"]);
        assert_eq!(names::<IsCompleteRequest>(), none);
        assert_eq!(
            names::<HistoryRequest>(),
            [
                "n", "output", "pattern", "raw", "session", "start", "stop", "unique"
            ]
        );
        assert_eq!(names::<CommInfoRequest>(), ["target_name"]);
        assert_eq!(names::<CommOpen>(), ["data"]);
        assert_eq!(names::<CommMessage>(), ["data"]);
        assert_eq!(names::<ShutdownRequest>(), ["restart"]);
        assert_eq!(names::<DebugRequest>(), ["seq"]);
        assert_eq!(names::<DeleteSubshellRequest>(), none);
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
