//! The largest value that any thread has offered: right, and slow.
//!
//! README.md tells the task, and `cargo xtask hint new_exercise` helps.

use std::collections::BTreeSet;

use lab::sync::Mutex;

/// The largest of the values offered so far.
#[derive(Debug)]
pub struct Highest {
    /// Every offer, as text of one width: their order is that of the numbers.
    offered: Mutex<BTreeSet<String>>,
}

fn text(value: u64) -> String {
    format!("{value:020}")
}

fn last_of(offered: &BTreeSet<String>) -> u64 {
    offered.last().and_then(|last| last.parse().ok()).unwrap_or_default()
}

impl Highest {
    /// Before any offer, the largest is `first`.
    pub fn new(first: u64) -> Self {
        Self { offered: Mutex::new(BTreeSet::from([text(first)])) }
    }

    /// Keeps `value` if it is larger than every one before it, and returns the largest before it.
    pub fn offer(&self, value: u64) -> u64 {
        let mut offered = self.offered.lock().expect("no offer panics");
        let before = last_of(&offered);
        offered.insert(text(value));
        before
    }

    /// The largest so far.
    pub fn get(&self) -> u64 {
        last_of(&self.offered.lock().expect("no offer panics"))
    }
}
