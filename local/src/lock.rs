//! Locking a mutex whether or not an earlier holder panicked.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex. No data here is left half-changed by a panic, so poisoning is ignored.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
