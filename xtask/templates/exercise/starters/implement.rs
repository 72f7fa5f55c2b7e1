//! The largest value that any thread has offered.
//!
//! Work from top to bottom; README.md tells the task, and `cargo xtask hint new_exercise` helps.

use lab::sync::atomic::AtomicU64;

/// The largest of the values offered so far.
#[derive(Debug)]
#[expect(dead_code, reason = "delete this line when `offer` uses the field")]
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
        todo!("step 1: look at the value and change it in one step, so that {value} is not lost")
    }

    /// The largest so far.
    pub fn get(&self) -> u64 {
        todo!("step 2: read it")
    }
}
