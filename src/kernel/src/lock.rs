//! How every lock of the kernel is taken.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A lock that goes on after a panic elsewhere: each of ours guards data that
/// is whole between any two statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
