//! NaCl's boxes, of which CURVE is made, by the crates x25519-dalek, salsa20 and
//! crypto_secretbox, which run in constant time.
//!
//! A box is the 16 bytes that authenticate it and then the ciphertext, as long as the text.

use crypto_secretbox::aead::{AeadInPlace, KeyInit};
use crypto_secretbox::{Key, Nonce, Tag, XSalsa20Poly1305};
use salsa20::cipher::{consts::U10, generic_array::GenericArray};
use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};
use zeroize::{Zeroize, Zeroizing};

/// The length of a key.
pub(crate) const KEY: usize = 32;
/// The length of a number used once.
pub(crate) const NONCE: usize = 24;
/// How much longer a box is than its text.
pub(crate) const TAG: usize = 16;

/// The public key of a pair.
pub(crate) fn public_key_of(secret_key: &[u8; KEY]) -> [u8; KEY] {
    x25519(*secret_key, X25519_BASEPOINT_BYTES)
}

/// X25519 and HSalsa20: the key that two sides share; `None` for a public key that
/// makes it the same for every secret key.
pub(crate) fn shared_key(
    public_key: &[u8; KEY],
    secret_key: &[u8; KEY],
) -> Option<Zeroizing<[u8; KEY]>> {
    let point = Zeroizing::new(x25519(*secret_key, *public_key));
    // Not in constant time: a key of this kind is no secret.
    if *point == [0; KEY] {
        return None;
    }
    let mut derived = salsa20::hsalsa::<U10>((&*point).into(), &GenericArray::default());
    let mut key = Zeroizing::new([0; KEY]);
    key.copy_from_slice(&derived);
    derived.as_mut_slice().zeroize();
    Some(key)
}

/// The box of a text.
pub(crate) fn seal(text: &[u8], nonce: &[u8; NONCE], key: &[u8; KEY]) -> Vec<u8> {
    let mut sealed = [&[0; TAG], text].concat();
    let (tag, text) = sealed.split_at_mut(TAG);
    tag.copy_from_slice(&seal_in_place(text, nonce, key));
    sealed
}

/// Encrypts a text where it stands, and returns what authenticates it: a message can
/// be large, and is not to be copied once more.
pub(crate) fn seal_in_place(text: &mut [u8], nonce: &[u8; NONCE], key: &[u8; KEY]) -> [u8; TAG] {
    let cipher = XSalsa20Poly1305::new(Key::from_slice(key));
    // All that it refuses is data that would be authenticated and not encrypted.
    let sealed = cipher.encrypt_in_place_detached(Nonce::from_slice(nonce), &[], text);
    sealed.expect("there is no associated data").into()
}

/// The text of a box, if it is authentic.
pub(crate) fn open(sealed: &[u8], nonce: &[u8; NONCE], key: &[u8; KEY]) -> Option<Vec<u8>> {
    let (tag, text) = sealed.split_at_checked(TAG)?;
    let mut text = text.to_vec();
    let cipher = XSalsa20Poly1305::new(Key::from_slice(key));
    let (nonce, tag) = (Nonce::from_slice(nonce), Tag::from_slice(tag));
    cipher
        .decrypt_in_place_detached(nonce, &[], &mut text, tag)
        .ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        let bytes: Vec<u8> = (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect();
        bytes.try_into().unwrap()
    }

    // What libsodium 1.0.18 makes of the same keys.
    const ALICE: &str = "d3d0929f1877d276fa42493f45c354903da57d802c36a97366b38fefb8ab8551";
    const BOB: &str = "127ceac6eafd11aecdd9edae5de8c7684c8395c2cca4e24401b1669cb35f899b";
    const ALICE_PUBLIC: &str = "36f799f57fc5c715df25d1c835bcc42705ac0768dc0ee3eee740bfe034162065";
    const BOB_PUBLIC: &str = "1dca644023b995d3ebcc25a172ea4c09ec256f6b7cd369f16217e6e0b48d911c";
    const SHARED: &str = "92f670d9828e58ecab735424aa296cd4e2d62bddf2da57c03ddb2c45340a5475";
    const NUMBER_USED_ONCE: &str = "78377b525757b494427f89014f97d79928f3938d14eb51e2";
    const TEXT: &[u8] = b"a text that is longer than one block of the cipher, which has 64 bytes";
    const SEALED: &str = concat!(
        "9f338c57415f28e28e3cccef6f30135045dd7ba501dd5190ec7d5e7b7c4eb2a2",
        "af5fe994d722d48b981486d92f5a854571eb7dcd1897224d714e1aac60d5302c",
        "64a488bcf8180115d5258f5415db0cf55a6369bc4f13",
    );

    #[test]
    fn keys_and_boxes_are_those_of_libsodium() {
        for (secret, public) in [(ALICE, ALICE_PUBLIC), (BOB, BOB_PUBLIC)] {
            assert_eq!(public_key_of(&hex(secret)), hex(public));
        }
        let key = shared_key(&hex(BOB_PUBLIC), &hex(ALICE)).unwrap();
        assert_eq!(*key, hex(SHARED));
        assert_eq!(shared_key(&hex(ALICE_PUBLIC), &hex(BOB)).unwrap(), key);
        let nonce = hex(NUMBER_USED_ONCE);
        let sealed: [u8; TAG + TEXT.len()] = hex(SEALED);
        assert_eq!(seal(TEXT, &nonce, &key), sealed);
        assert_eq!(open(&sealed, &nonce, &key).unwrap(), TEXT);
    }

    #[test]
    fn a_public_key_that_hides_the_secret_one_is_refused() {
        assert_eq!(shared_key(&[0; KEY], &hex(ALICE)), None);
        let mut one = [0; KEY];
        one[0] = 1;
        assert_eq!(shared_key(&one, &hex(ALICE)), None);
    }

    #[test]
    fn a_box_that_was_changed_is_refused() {
        let (nonce, key) = ([7; NONCE], [9; KEY]);
        let sealed = seal(b"text", &nonce, &key);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(open(&changed, &nonce, &key), None, "{at}");
        }
        assert_eq!(open(&sealed, &nonce, &key).unwrap(), b"text");
        assert_eq!(open(&sealed, &[8; NONCE], &key), None);
        assert_eq!(open(&sealed, &nonce, &[8; KEY]), None);
    }

    #[test]
    fn a_box_that_was_cut_is_refused() {
        let (nonce, key) = ([7; NONCE], [9; KEY]);
        let sealed = seal(b"text", &nonce, &key);
        for count in 0..sealed.len() {
            assert_eq!(open(&sealed[..count], &nonce, &key), None, "{count}");
        }
    }

    #[test]
    fn an_empty_text_has_a_box() {
        let (nonce, key) = ([7; NONCE], [9; KEY]);
        let sealed = seal(b"", &nonce, &key);
        assert_eq!(sealed.len(), TAG);
        assert_eq!(open(&sealed, &nonce, &key).unwrap(), b"");
    }
}
