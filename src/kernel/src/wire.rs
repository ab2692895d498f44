//! Messages as frames: `[identities.., <IDS|MSG>, signature, header,
//! parent_header, metadata, content, buffers..]`.
//!
//! Decoding takes nothing for granted: what comes in is matched, and what is
//! wrong becomes a [`WireError`] that names the place.

use crate::protocol::{Header, MessageType, RawJson};
use crate::session::{Session, SignatureError};
use bytes::Bytes;

/// What separates the addresses from the message.
pub const DELIMITER: &[u8] = b"<IDS|MSG>";

/// A message that came in.
#[derive(Clone)]
pub struct Message {
    /// The type, from the header.
    pub message_type: MessageType,
    /// The header, read.
    pub header: Header,
    /// The header as it was sent; replies carry it back unchanged.
    pub header_json: RawJson,
    /// The header of the message this one answers; `{}` for a request.
    pub parent_header: RawJson,
    /// Metadata.
    pub metadata: RawJson,
    /// The content; for known requests of the specification's shape, complete.
    pub content: RawJson,
    /// Bytes that travel with it, not signed.
    pub buffers: Vec<Bytes>,
    /// The addresses it came through, and the reply goes back through.
    pub identities: Vec<Bytes>,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.header.msg_type, self.header.msg_id)
    }
}

/// Why frames are not a message.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// No delimiter.
    #[error("no delimiter in {0} frames")]
    NoDelimiter(usize),
    /// Fewer than the five frames after the delimiter.
    #[error("{0} frames after the delimiter, where at least 5 belong")]
    TooShort(usize),
    /// The signature.
    #[error("{error}{}", of_type(message_type))]
    Signature {
        /// What about it.
        error: SignatureError,
        /// What the header says it is, if it can be read.
        message_type: Option<String>,
    },
    /// A frame is not a JSON object.
    #[error("the {part} is not a JSON object: {problem}")]
    Json {
        /// Which frame.
        part: &'static str,
        /// What is wrong.
        problem: String,
    },
}

fn of_type(message_type: &Option<String>) -> String {
    message_type
        .as_ref()
        .map_or_else(String::new, |name| format!(" ({name})"))
}

/// Verifies and reads a message.
pub fn decode(frames: Vec<Bytes>, session: &mut Session) -> Result<Message, WireError> {
    let delimiter = frames
        .iter()
        .position(|frame| &frame[..] == DELIMITER)
        .ok_or(WireError::NoDelimiter(frames.len()))?;
    let mut frames = frames.into_iter();
    let identities: Vec<Bytes> = frames.by_ref().take(delimiter).collect();
    frames.next();
    let count = frames.len();
    let (Some(signature), Some(header), Some(parent), Some(metadata), Some(content)) = (
        frames.next(),
        frames.next(),
        frames.next(),
        frames.next(),
        frames.next(),
    ) else {
        return Err(WireError::TooShort(count));
    };
    session
        .verify(&signature, [&header, &parent, &metadata, &content])
        .map_err(|error| {
            let message_type = serde_json::from_slice::<Header>(&header).ok();
            // What is not verified is quoted in short.
            let message_type =
                message_type.map(|header| header.msg_type.chars().take(60).collect::<String>());
            WireError::Signature {
                error,
                message_type,
            }
        })?;
    let header_json = object("header", header)?;
    let header: Header = header_json.decode().map_err(|error| WireError::Json {
        part: "header",
        problem: error.to_string(),
    })?;
    Ok(Message {
        message_type: MessageType::from(header.msg_type.as_str()),
        header,
        header_json,
        parent_header: object("parent_header", parent)?,
        metadata: object("metadata", metadata)?,
        content: object("content", content)?,
        buffers: frames.collect(),
        identities,
    })
}

/// A part of a message; akernel and others send null where an empty object belongs.
fn object(part: &'static str, frame: Bytes) -> Result<RawJson, WireError> {
    if frame.trim_ascii() == b"null" && part != "header" {
        return Ok(RawJson::empty());
    }
    let json = RawJson::parse(frame).map_err(|error| WireError::Json {
        part,
        problem: error.to_string(),
    })?;
    if json.is_object() {
        Ok(json)
    } else {
        Err(WireError::Json {
            part,
            problem: "it is another kind of value".to_owned(),
        })
    }
}

/// What goes out after the addresses.
pub struct Parts {
    /// The header.
    pub header: RawJson,
    /// The header of what it answers.
    pub parent_header: RawJson,
    /// Metadata.
    pub metadata: RawJson,
    /// Content.
    pub content: RawJson,
    /// Buffers.
    pub buffers: Vec<Bytes>,
}

/// The frames of a message to these addresses, signed.
pub fn encode(addresses: &[Bytes], parts: Parts, session: &Session) -> Vec<Bytes> {
    let Parts {
        header,
        parent_header,
        metadata,
        content,
        buffers,
    } = parts;
    let signature = session.sign([
        header.as_bytes(),
        parent_header.as_bytes(),
        metadata.as_bytes(),
        content.as_bytes(),
    ]);
    let mut frames = Vec::with_capacity(addresses.len() + 6 + buffers.len());
    frames.extend_from_slice(addresses);
    frames.push(Bytes::from_static(DELIMITER));
    frames.push(Bytes::from(signature));
    for part in [header, parent_header, metadata, content] {
        frames.push(part.into_bytes());
    }
    frames.extend(buffers);
    frames
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Secret;

    fn session() -> Session {
        Session::new(None, "user".into(), "hmac-sha256", &Secret::new("secret")).unwrap()
    }

    fn frames(session: &Session, parts: [&'static str; 4]) -> Vec<Bytes> {
        let signature = session.sign(parts.map(str::as_bytes));
        let mut frames = vec![Bytes::from_static(b"client"), Bytes::from_static(DELIMITER)];
        frames.push(Bytes::from(signature));
        frames.extend(parts.map(Bytes::from));
        frames
    }

    const HEADER: &str = r#"{"msg_id":"1","msg_type":"execute_request"}"#;

    fn problem(parts: [&'static str; 4]) -> String {
        let mut session = session();
        decode(frames(&session, parts), &mut session)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_message_goes_through_whole() {
        let mut session = session();
        let mut sent = frames(&session, [HEADER, "null", " { } ", r#"{"code":"1"}"#]);
        sent.push(Bytes::from_static(b"\x00\xff"));
        let message = decode(sent, &mut session).unwrap();
        assert_eq!(message.message_type, MessageType::ExecuteRequest);
        assert_eq!(message.identities, [Bytes::from_static(b"client")]);
        assert_eq!(message.parent_header.as_str(), "{}");
        assert_eq!(message.content.as_str(), r#"{"code":"1"}"#);
        assert_eq!(message.buffers, [Bytes::from_static(b"\x00\xff")]);
    }

    #[test]
    fn every_truncation_is_an_error() {
        let mut session = session();
        let whole = frames(&session, [HEADER, "{}", "{}", "{}"]);
        for length in 0..whole.len() {
            assert!(
                decode(whole[..length].to_vec(), &mut session).is_err(),
                "{length} frames"
            );
        }
        assert!(decode(whole, &mut session).is_ok());
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(problem(["{", "{}", "{}", "{}"]).starts_with("the header is not a JSON object"));
        assert!(problem([HEADER, "{}", "[]", "{}"]).starts_with("the metadata is not"));
        assert!(problem([HEADER, "{}", "{}", "1"]).starts_with("the content is not"));
        assert!(problem(["{}", "{}", "{}", "{}"]).contains("missing field `msg_id`"));
    }

    #[test]
    fn a_changed_message_is_refused_by_name() {
        let mut session = session();
        let mut changed = frames(&session, [HEADER, "{}", "{}", "{}"]);
        changed[6] = Bytes::from_static(b"{\"code\":\"2\"}");
        let error = decode(changed, &mut session).unwrap_err();
        assert_eq!(error.to_string(), "bad signature (execute_request)");
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_refused() {
        let mut session = session();
        let bad: &[u8] = b"{\"code\":\"\xff\"}";
        let parts = [HEADER.as_bytes(), b"{}", b"{}", bad];
        let mut sent = vec![
            Bytes::from_static(DELIMITER),
            Bytes::from(session.sign(parts)),
        ];
        sent.extend(parts.map(Bytes::copy_from_slice));
        assert!(matches!(
            decode(sent, &mut session),
            Err(WireError::Json {
                part: "content",
                ..
            })
        ));
    }

    #[test]
    fn deep_nesting_is_survived() {
        let mut session = session();
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
        let parts = [HEADER.as_bytes(), b"{}", b"{}", deep.as_bytes()];
        let mut sent = vec![
            Bytes::from_static(DELIMITER),
            Bytes::from(session.sign(parts)),
        ];
        sent.extend(parts.map(Bytes::copy_from_slice));
        // Whether it is taken or refused, it must not end the process.
        let _ = decode(sent, &mut session);
    }
}
