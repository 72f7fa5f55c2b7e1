//! The largest value that any thread has offered: right, and slow.
//!
//! README.md tells the task, and `cargo xtask hint new_exercise` helps.

use std::collections::BTreeSet;

use lab::sync::Mutex;

/// The largest of the values offered so far.
#[derive(Debug)]
pub struct Highest {
    offered: Mutex<BTreeSet<u64>>,
}

impl Highest {
    /// Before any offer, the largest is `first`.
    pub fn new(first: u64) -> Self {
        Self { offered: Mutex::new(BTreeSet::from([first])) }
    }

    /// Keeps `value` if it is larger than every one before it, and returns the largest before it.
    pub fn offer(&self, value: u64) -> u64 {
        let mut offered = self.offered.lock().expect("no offer panics");
        let before = offered.last().copied().unwrap_or_default();
        offered.insert(value);
        before
    }

    /// The largest so far.
    pub fn get(&self) -> u64 {
        self.offered.lock().expect("no offer panics").last().copied().unwrap_or_default()
    }
}
