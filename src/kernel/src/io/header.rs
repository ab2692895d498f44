//! The headers of our messages.

use crate::protocol::{PROTOCOL_VERSION, RawJson, iso8601};
use crate::session::Session;
use std::fmt::Write;
use std::time::SystemTime;

/// Makes headers; what is the same in all is encoded once.
pub(crate) struct Headers {
    /// The beginning, up to the number in our own message ids.
    beginning: String,
    /// What follows the date.
    common: String,
    count: u64,
}

impl Headers {
    pub(crate) fn new(session: &Session) -> Headers {
        let text = |value: &str| RawJson::encode(value).as_str().to_owned();
        let common = format!(
            "\",\"session\":{},\"username\":{},\"version\":{}}}",
            text(&session.id),
            text(&session.username),
            text(PROTOCOL_VERSION)
        );
        // As jupyter_client: the session, the process, a number.
        let prefix = text(&format!("{}_{}_", session.id, std::process::id()));
        let open = prefix.strip_suffix('"').unwrap_or(&prefix);
        Headers {
            beginning: format!("{{\"msg_id\":{open}"),
            common,
            count: 0,
        }
    }

    /// A header of this type and time, with an id of its own or a given one.
    pub(crate) fn next(&mut self, name: &str, date: SystemTime, msg_id: Option<&str>) -> RawJson {
        self.count += 1;
        // With room for a number, the words between, and a date.
        let room = self.beginning.len() + name.len() + self.common.len() + 80;
        let mut header = String::with_capacity(room);
        match msg_id {
            None => {
                header.push_str(&self.beginning);
                // Writing to a text does not fail.
                let _ = write!(header, "{}\"", self.count);
            }
            Some(given) => {
                header.push_str("{\"msg_id\":");
                header.push_str(RawJson::encode(given).as_str());
            }
        }
        header.push_str(",\"msg_type\":");
        header.push_str(RawJson::encode(name).as_str());
        header.push_str(",\"date\":\"");
        header.push_str(&iso8601(date));
        header.push_str(&self.common);
        RawJson::from_encoder(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Secret;
    use crate::protocol::Header;

    #[test]
    fn a_header_says_what_it_was_made_of() {
        let id = "an \"odd\" id".to_owned();
        let user = "Zoë\\".to_owned();
        let key = Secret::new("secret");
        let session = Session::new(Some(id.clone()), user.clone(), "hmac-sha256", &key).unwrap();
        let mut headers = Headers::new(&session);
        let own: Header = headers
            .next("status", SystemTime::UNIX_EPOCH, None)
            .decode()
            .unwrap();
        assert_eq!(own.msg_id, format!("{id}_{}_1", std::process::id()));
        assert_eq!((own.session, own.username), (id, user));
        assert_eq!(own.version, PROTOCOL_VERSION);
        assert_eq!(own.date, "1970-01-01T00:00:00.000000Z");
        let given: Header = headers
            .next("a \"type\"", SystemTime::UNIX_EPOCH, Some("given\n"))
            .decode()
            .unwrap();
        assert_eq!(
            (&*given.msg_id, &*given.msg_type),
            ("given\n", "a \"type\"")
        );
    }
}
