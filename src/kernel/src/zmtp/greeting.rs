//! How a connection begins: the greeting, then metadata (RFC 23, "Greeting" and
//! "The NULL Security Mechanism").

/// The length of a greeting.
pub(crate) const GREETING: usize = 64;
/// Where the version stands.
const VERSION: usize = 10;

/// How what follows the greeting is protected.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mechanism {
    /// Not at all.
    Null,
    /// Encrypted.
    Curve,
}

impl Mechanism {
    fn name(self) -> [u8; 20] {
        let name: &[u8] = match self {
            Mechanism::Null => b"NULL",
            Mechanism::Curve => b"CURVE",
        };
        let mut padded = [0; 20];
        padded[..name.len()].copy_from_slice(name);
        padded
    }
}

/// Our greeting.
pub(crate) fn greeting(mechanism: Mechanism, as_server: bool) -> [u8; GREETING] {
    let mut greeting = [0; GREETING];
    (greeting[0], greeting[9]) = (0xff, 0x7f);
    greeting[VERSION] = 3;
    greeting[12..32].copy_from_slice(&mechanism.name());
    greeting[32] = as_server.into();
    greeting
}

/// Why a greeting is none, if that shows already in its first bytes.
pub(crate) fn is_foreign(begun: &[u8]) -> bool {
    let differs = |place: usize, fits: fn(u8) -> bool| begun.get(place).is_some_and(|b| !fits(*b));
    differs(0, |first| first == 0xff)
        || differs(9, |last| last & 1 == 1)
        || differs(VERSION, |major| major >= 3)
}

/// Whether the greeting names this mechanism.
pub(crate) fn names(greeting: &[u8; GREETING], mechanism: Mechanism) -> bool {
    greeting[12..32] == mechanism.name()
}

/// What a peer says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) socket_type: Vec<u8>,
    pub(crate) identity: Vec<u8>,
}

impl Metadata {
    /// Reads properties; `None` if they are none.
    pub(crate) fn parse(mut properties: &[u8]) -> Option<Metadata> {
        let mut metadata = Metadata::default();
        while let Some((&length, rest)) = properties.split_first() {
            let (name, rest) = rest.split_at_checked(length.into())?;
            let (length, rest) = rest.split_first_chunk()?;
            let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
            let (value, rest) = rest.split_at_checked(length)?;
            // Names are not case-sensitive.
            if name.eq_ignore_ascii_case(b"Socket-Type") {
                metadata.socket_type = value.to_vec();
            } else if name.eq_ignore_ascii_case(b"Identity") {
                metadata.identity = value.to_vec();
            }
            properties = rest;
        }
        Some(metadata)
    }
}

/// The properties of one of our sockets, of which peers need to know its type.
pub(crate) fn properties(socket_type: &str) -> Vec<u8> {
    let mut properties = Vec::new();
    for (name, value) in [("Socket-Type", socket_type), ("Identity", "")] {
        // All of these are short.
        properties.push(name.len() as u8);
        properties.extend_from_slice(name.as_bytes());
        properties.extend_from_slice(&(value.len() as u32).to_be_bytes());
        properties.extend_from_slice(value.as_bytes());
    }
    properties
}

/// The body of a command.
pub(crate) fn command(name: &str, content: &[u8]) -> Vec<u8> {
    // All names are short.
    let mut body = vec![name.len() as u8];
    body.extend_from_slice(name.as_bytes());
    body.extend_from_slice(content);
    body
}

/// Name and content of a command.
pub(crate) fn parse_command(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = body.split_first()?;
    rest.split_at_checked(length.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_is_what_the_specification_says() {
        let greeting = greeting(Mechanism::Null, false);
        assert_eq!(&greeting[..10], b"\xff\0\0\0\0\0\0\0\0\x7f");
        assert_eq!(&greeting[10..12], [3, 0]);
        assert_eq!(&greeting[12..17], b"NULL\0");
        assert!(names(&greeting, Mechanism::Null) && !names(&greeting, Mechanism::Curve));
        assert!((0..=64).all(|end| !is_foreign(&greeting[..end])));
    }

    #[test]
    fn other_protocols_are_told_by_their_first_bytes() {
        assert!(is_foreign(b"GET / HTTP/1.1\r\n"));
        assert!(is_foreign(b"\x01\x00"));
        // ZMTP 2.
        assert!(is_foreign(b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x05"));
    }

    #[test]
    fn metadata_is_read_in_any_order_and_case() {
        let properties = b"\x01X\0\0\0\x01y\x08IDENTITY\0\0\0\x02me\x0bsocket-type\0\0\0\x06DEALER";
        let metadata = Metadata::parse(properties).unwrap();
        assert_eq!(metadata.socket_type, b"DEALER");
        assert_eq!(metadata.identity, b"me");
        for end in 1..properties.len() {
            let cut = Metadata::parse(&properties[..end]);
            assert!(cut.is_none() || [7, 22].contains(&end), "{end}");
        }
    }

    #[test]
    fn our_properties_are_metadata() {
        let metadata = Metadata::parse(&properties("ROUTER")).unwrap();
        assert_eq!(metadata.socket_type, b"ROUTER");
        assert!(metadata.identity.is_empty());
    }

    #[test]
    fn commands_have_a_name() {
        let body = command("PING", b"\0\x01x");
        assert_eq!(parse_command(&body), Some((&b"PING"[..], &b"\0\x01x"[..])));
        assert_eq!(parse_command(b"\x09PING"), None);
        assert_eq!(parse_command(b""), None);
    }
}
