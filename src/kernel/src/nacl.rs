//! The ciphers of CURVE, for the libzmq that the zmq crate compiles.
//!
//! libzmq calls them by NaCl's names and conventions (nacl.c), and by itself has
//! only an implementation that nobody vouches for. Here they are those of the
//! crates x25519-dalek, salsa20 and crypto_secretbox, which run in constant time.
//! A libzmq of the system brings its own, and calls none of this.
//!
//! NaCl's convention: a plaintext is preceded by 32 zeros; a box, which is as long,
//! by 16 zeros and then the 16 bytes that authenticate it.

use crypto_secretbox::aead::{AeadInPlace, KeyInit};
use crypto_secretbox::{Key, Nonce, Tag, XSalsa20Poly1305};
use std::ffi::{c_int, c_uchar, c_ulonglong};
use std::slice::from_raw_parts_mut;
use std::sync::Once;
use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};
use zeroize::{Zeroize, Zeroizing};

/// The zeros before a plaintext.
const PADDING: usize = 32;
/// The zeros before a box.
const BOX_PADDING: usize = 16;
/// The length of a key.
pub(crate) const KEY: usize = 32;
const NONCE: usize = 24;

const DONE: c_int = 0;
const REFUSED: c_int = -1;

/// As `struct ciphers` in nacl.c.
#[repr(C)]
struct Ciphers {
    random: unsafe extern "C" fn(*mut c_uchar, c_ulonglong) -> c_int,
    public_key: unsafe extern "C" fn(*mut c_uchar, *const c_uchar) -> c_int,
    shared_key: unsafe extern "C" fn(*mut c_uchar, *const c_uchar, *const c_uchar) -> c_int,
    seal: Cipher,
    open: Cipher,
    forget: unsafe extern "C" fn(*mut c_uchar, c_ulonglong),
}

type Cipher = unsafe extern "C" fn(
    *mut c_uchar,
    *const c_uchar,
    c_ulonglong,
    *const c_uchar,
    *const c_uchar,
) -> c_int;

/// Seals or opens a message where it stands.
type InPlace = fn(&mut [u8], &[u8; NONCE], &[u8; KEY]) -> Option<()>;

unsafe extern "C" {
    fn ipyrust_nacl_install(ciphers: *const Ciphers);
}

/// Gives libzmq its ciphers; before the first socket that encrypts is made.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let ciphers = Ciphers {
            random,
            public_key,
            shared_key,
            seal,
            open,
            forget,
        };
        // SAFETY: it copies what it is given, which has the layout that it expects;
        // nothing reads the copy before, since that takes a socket.
        unsafe { ipyrust_nacl_install(&raw const ciphers) }
    });
}

/// The public key of a pair.
pub(crate) fn public_key_of(secret_key: &[u8; KEY]) -> [u8; KEY] {
    x25519(*secret_key, X25519_BASEPOINT_BYTES)
}

/// X25519 and HSalsa20: the key that two sides share; `None` for a public key that
/// makes it the same for every secret key.
fn precompute(public_key: [u8; KEY], secret_key: [u8; KEY]) -> Option<[u8; KEY]> {
    let mut point = x25519(secret_key, public_key);
    // Not in constant time: a key of this kind is no secret.
    let usable = point != [0; KEY];
    let key = salsa20::hsalsa::<salsa20::cipher::consts::U10>(
        (&point).into(),
        &salsa20::cipher::generic_array::GenericArray::default(),
    );
    point.zeroize();
    usable.then(|| key.into())
}

/// Encrypts in place what stands behind the padding.
fn seal_in_place(message: &mut [u8], nonce: &[u8; NONCE], key: &[u8; KEY]) -> Option<()> {
    let (padding, text) = message.split_at_mut_checked(PADDING)?;
    let cipher = XSalsa20Poly1305::new(Key::from_slice(key));
    let tag = cipher
        .encrypt_in_place_detached(Nonce::from_slice(nonce), &[], text)
        .ok()?;
    let (zeros, authenticator) = padding.split_at_mut(BOX_PADDING);
    zeros.fill(0);
    authenticator.copy_from_slice(&tag);
    Some(())
}

/// Decrypts in place what stands behind the padding, if it is authentic.
fn open_in_place(message: &mut [u8], nonce: &[u8; NONCE], key: &[u8; KEY]) -> Option<()> {
    let (padding, text) = message.split_at_mut_checked(PADDING)?;
    let tag = Tag::clone_from_slice(&padding[BOX_PADDING..]);
    let cipher = XSalsa20Poly1305::new(Key::from_slice(key));
    cipher
        .decrypt_in_place_detached(Nonce::from_slice(nonce), &[], text, &tag)
        .ok()?;
    padding.fill(0);
    Some(())
}

/// # Safety
/// The pointers are those of libzmq's call: arrays of the length that NaCl says.
unsafe extern "C" fn random(out: *mut c_uchar, count: c_ulonglong) -> c_int {
    let Ok(count) = usize::try_from(count) else {
        return REFUSED;
    };
    // SAFETY: as above; the caller's array has no other user during the call.
    match getrandom::fill(unsafe { from_raw_parts_mut(out, count) }) {
        Ok(()) => DONE,
        Err(_) => REFUSED,
    }
}

/// # Safety
/// As for `random`.
unsafe extern "C" fn public_key(public_key: *mut c_uchar, secret_key: *const c_uchar) -> c_int {
    // SAFETY: both are arrays of a key's length.
    unsafe {
        let secret_key = Zeroizing::new(*secret_key.cast::<[u8; KEY]>());
        *public_key.cast::<[u8; KEY]>() = public_key_of(&secret_key);
    }
    DONE
}

/// # Safety
/// As for `random`.
unsafe extern "C" fn shared_key(
    key: *mut c_uchar,
    public_key: *const c_uchar,
    secret_key: *const c_uchar,
) -> c_int {
    // SAFETY: all three are arrays of a key's length.
    unsafe {
        let (public_key, secret_key) = (*public_key.cast(), *secret_key.cast());
        let Some(shared) = precompute(public_key, secret_key) else {
            return REFUSED;
        };
        *key.cast::<[u8; KEY]>() = shared;
    }
    DONE
}

/// # Safety
/// As for `random`.
unsafe extern "C" fn seal(
    sealed: *mut c_uchar,
    padded: *const c_uchar,
    count: c_ulonglong,
    nonce: *const c_uchar,
    key: *const c_uchar,
) -> c_int {
    // SAFETY: what is asked of the caller is what `copied` needs.
    unsafe { copied(sealed, padded, count, nonce, key, seal_in_place) }
}

/// # Safety
/// As for `random`.
unsafe extern "C" fn open(
    padded: *mut c_uchar,
    sealed: *const c_uchar,
    count: c_ulonglong,
    nonce: *const c_uchar,
    key: *const c_uchar,
) -> c_int {
    // SAFETY: what is asked of the caller is what `copied` needs.
    unsafe { copied(padded, sealed, count, nonce, key, open_in_place) }
}

/// Copies the message from one array to the other, which may be the same, and works there.
///
/// # Safety
/// Both arrays have `count` bytes, and nonce and key the length of such.
unsafe fn copied(
    to: *mut c_uchar,
    from: *const c_uchar,
    count: c_ulonglong,
    nonce: *const c_uchar,
    key: *const c_uchar,
    work: InPlace,
) -> c_int {
    let Ok(count) = usize::try_from(count) else {
        return REFUSED;
    };
    // SAFETY: by the contract above. Nonce and key are copied before anything is written.
    unsafe {
        let nonce = *nonce.cast::<[u8; NONCE]>();
        let mut key = *key.cast::<[u8; KEY]>();
        std::ptr::copy(from, to, count);
        let done = work(from_raw_parts_mut(to, count), &nonce, &key);
        key.zeroize();
        if done.is_some() { DONE } else { REFUSED }
    }
}

/// # Safety
/// As for `random`.
unsafe extern "C" fn forget(secret: *mut c_uchar, count: c_ulonglong) {
    if let Ok(count) = usize::try_from(count) {
        // SAFETY: the caller's array has this length.
        unsafe { from_raw_parts_mut(secret, count) }.zeroize();
    }
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
        "000000000000000000000000000000009f338c57415f28e28e3cccef6f301350",
        "45dd7ba501dd5190ec7d5e7b7c4eb2a2af5fe994d722d48b981486d92f5a8545",
        "71eb7dcd1897224d714e1aac60d5302c64a488bcf8180115d5258f5415db0cf5",
        "5a6369bc4f13",
    );

    #[test]
    fn keys_and_boxes_are_those_of_libsodium() {
        for (secret, public) in [(ALICE, ALICE_PUBLIC), (BOB, BOB_PUBLIC)] {
            assert_eq!(public_key_of(&hex(secret)), hex(public));
        }
        let key = precompute(hex(BOB_PUBLIC), hex(ALICE)).unwrap();
        assert_eq!(key, hex(SHARED));
        assert_eq!(precompute(hex(ALICE_PUBLIC), hex(BOB)), Some(key));
        let nonce = hex(NUMBER_USED_ONCE);
        let plain = [&[0; PADDING][..], TEXT].concat();
        let expected: [u8; PADDING + TEXT.len()] = hex(SEALED);
        let mut message = plain.clone();
        seal_in_place(&mut message, &nonce, &key).unwrap();
        assert_eq!(message, expected);
        open_in_place(&mut message, &nonce, &key).unwrap();
        assert_eq!(message, plain);
    }

    #[test]
    fn a_public_key_that_hides_the_secret_one_is_refused() {
        assert_eq!(precompute([0; KEY], hex(ALICE)), None);
        let mut one = [0; KEY];
        one[0] = 1;
        assert_eq!(precompute(one, hex(ALICE)), None);
    }

    #[test]
    fn a_box_that_was_changed_is_refused() {
        let (nonce, key) = ([7; NONCE], [9; KEY]);
        let mut message = [vec![0; PADDING], b"text".to_vec()].concat();
        seal_in_place(&mut message, &nonce, &key).unwrap();
        for at in BOX_PADDING..message.len() {
            let mut changed = message.clone();
            changed[at] ^= 1;
            assert!(open_in_place(&mut changed, &nonce, &key).is_none(), "{at}");
        }
        open_in_place(&mut message, &nonce, &key).unwrap();
        assert_eq!(&message[PADDING..], b"text");
    }

    #[test]
    fn a_message_without_its_padding_is_refused() {
        for count in 0..PADDING {
            let mut message = vec![0; count];
            assert!(seal_in_place(&mut message, &[0; NONCE], &[0; KEY]).is_none());
            assert!(open_in_place(&mut message, &[0; NONCE], &[0; KEY]).is_none());
        }
    }
}
