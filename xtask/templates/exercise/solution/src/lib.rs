//! The largest value that any thread has offered.

use lab::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The largest of the values offered so far.
#[derive(Debug)]
pub struct Highest {
    value: AtomicU64,
}

impl Highest {
    /// Before any offer, the largest is `first`.
    pub fn new(first: u64) -> Self {
        Self { value: AtomicU64::new(first) }
    }

    /// Keeps `value` if it is larger than every one before it, and returns the largest before it.
    pub fn offer(&self, value: u64) -> u64 {
        // One step: nobody can come between the look and the change. Relaxed, since nothing else is handed over with it.
        self.value.fetch_max(value, Relaxed)
    }

    /// The largest so far.
    pub fn get(&self) -> u64 {
        self.value.load(Relaxed)
    }
}
