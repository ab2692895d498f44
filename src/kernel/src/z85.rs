//! Z85 (RFC 32): five printable characters for four bytes. The keys of a connection file
//! are written so.

/// The digits, by their value.
const DIGITS: &[u8; 85] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

/// The bytes that a text stands for; `None` if it is not Z85.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let (groups, []) = text.as_bytes().as_chunks::<5>() else {
        return None;
    };
    // At once as large as it will be: growing would leave a part of a secret key behind.
    let mut bytes = Vec::with_capacity(groups.len() * 4);
    for group in groups {
        let mut value = 0_u32;
        for character in group {
            let digit = DIGITS.iter().position(|digit| digit == character)?;
            // Five digits reach a little beyond four bytes.
            value = value
                .checked_mul(85)?
                .checked_add(u32::try_from(digit).ok()?)?;
        }
        bytes.extend(value.to_be_bytes());
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc_is_decoded() {
        let bytes = [0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b];
        assert_eq!(decode("HelloWorld").unwrap(), bytes);
    }

    #[test]
    fn every_digit_has_its_value() {
        for (value, &digit) in (0_u32..).zip(DIGITS) {
            let text = format!("0000{}", char::from(digit));
            assert_eq!(decode(&text).unwrap(), value.to_be_bytes());
        }
    }

    #[test]
    fn all_that_four_bytes_hold_is_decoded_and_no_more() {
        assert_eq!(decode("00000").unwrap(), [0; 4]);
        assert_eq!(decode("%nSc0").unwrap(), [255; 4]);
        for text in ["%nSc1", "%nSd0", "%nT00", "#0000", "#####"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn a_length_that_five_does_not_divide_is_refused() {
        assert_eq!(decode("").unwrap(), b"");
        for count in 1..10 {
            let decoded = decode(&"HelloWorld"[..count]);
            assert_eq!(decoded.is_some(), count == 5, "{count}");
        }
    }

    #[test]
    fn other_characters_are_refused() {
        for character in [
            " ", "\"", "'", "\\", ",", ";", "_", "`", "|", "~", "\n", "\0",
        ] {
            assert_eq!(decode(&format!("0000{character}")), None, "{character:?}");
        }
        // Five bytes, and neither five characters nor such.
        assert_eq!(decode("000é"), None);
    }
}
