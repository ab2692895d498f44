//! Memory for long buffers, kept for the next one.
//!
//! The C library gives long pieces back to the system as soon as they are free, and
//! the system gives them out anew page by page: for buffers of a megabyte that was
//! more work than to receive and to send them.

use bytes::Bytes;
use std::sync::Mutex;

/// Shorter ones are the C library's.
const LONG: usize = 128 << 10;
/// How much is kept in all.
const KEPT: usize = 2 << 20;

static SPARE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// An empty vector with room for so many bytes.
pub fn with_room(length: usize) -> Vec<u8> {
    let fits = |spare: &Vec<u8>| (length..=4 * length).contains(&spare.capacity());
    // Nobody waits for it, nor does a child that was forked while it was locked.
    let kept = (length >= LONG).then(|| SPARE.try_lock().ok()).flatten();
    let kept = kept.and_then(|mut spares| {
        let place = spares.iter().position(fits)?;
        Some(spares.swap_remove(place))
    });
    kept.unwrap_or_else(|| Vec::with_capacity(length))
}

/// The bytes, whose memory is kept once nobody has them any more.
pub fn share(bytes: Vec<u8>) -> Bytes {
    if bytes.capacity() < LONG {
        return Bytes::from(bytes);
    }
    Bytes::from_owner(Spared(bytes))
}

struct Spared(Vec<u8>);

impl AsRef<[u8]> for Spared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Spared {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.0);
        if let Ok(mut spares) = SPARE.try_lock() {
            let kept: usize = spares.iter().map(Vec::capacity).sum();
            if kept + bytes.capacity() <= KEPT {
                bytes.clear();
                spares.push(bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_memory_is_used_again_and_not_much_is_kept() {
        let length = LONG + 1234;
        let mut first = with_room(length);
        first.resize(length, 7);
        let place = first.as_ptr();
        let shared = share(first);
        let other = shared.slice(1..);
        drop(shared);
        let meanwhile = with_room(length);
        assert_ne!(meanwhile.as_ptr(), place);
        drop(other);
        let again = with_room(length);
        assert_eq!((again.as_ptr(), again.len()), (place, 0));
        drop(share(vec![0; KEPT + 1]));
        assert!(
            SPARE
                .lock()
                .unwrap()
                .iter()
                .all(|spare| spare.capacity() <= KEPT)
        );
    }
}
