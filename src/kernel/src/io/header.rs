//! The headers of our messages.

use crate::protocol::{PROTOCOL_VERSION, RawJson, iso8601};
use crate::session::Session;
use std::time::SystemTime;

/// Makes headers; what is the same in all is encoded once.
pub(crate) struct Headers {
    prefix: String,
    common: String,
    count: u64,
}

impl Headers {
    pub(crate) fn new(session: &Session) -> Headers {
        let text = |value: &str| RawJson::encode(value).as_str().to_owned();
        let common = format!(
            "\"session\":{},\"username\":{},\"version\":{}",
            text(&session.id),
            text(&session.username),
            text(PROTOCOL_VERSION)
        );
        // As jupyter_client: the session, the process, a number.
        let prefix = format!("{}_{}_", session.id, std::process::id());
        Headers {
            prefix,
            common,
            count: 0,
        }
    }

    /// A header of this type and time, with an id of its own or a given one.
    pub(crate) fn next(&mut self, name: &str, date: SystemTime, msg_id: Option<&str>) -> RawJson {
        self.count += 1;
        let own = || format!("{}{}", self.prefix, self.count);
        let msg_id = RawJson::encode(&msg_id.map_or_else(own, str::to_owned));
        let name = RawJson::encode(name);
        RawJson::from_encoder(format!(
            "{{\"msg_id\":{},\"msg_type\":{},\"date\":\"{}\",{}}}",
            msg_id.as_str(),
            name.as_str(),
            iso8601(date),
            self.common
        ))
    }
}
