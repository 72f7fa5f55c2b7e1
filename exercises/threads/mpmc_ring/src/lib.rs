//! A bounded queue that any number of threads push to and pop from, without a lock: Dmitry Vyukov's, made strict, with an end.
//!
//! Work from top to bottom; README.md tells the task, and `cargo xtask hint mpmc_ring` helps.
//!
//! Every push has a number, and every pop: the value of `tail` and of `head` that it has moved on by one. Push number `n`
//! and pop number `n` meet in slot `n % capacity`, whose `sequence` says whose turn it is:
//!
//! | `sequence` | the slot | who sets it |
//! | --- | --- | --- |
//! | `2 * n` | is empty, and waits for push number `n` | `new`, for the first lap; then pop number `n - capacity` |
//! | `2 * n + 1` | holds the element of push number `n`, for pop number `n` | that push |
//!
//! A number never comes again, so a thread that has slept through a lap cannot take a slot of today for the one it saw (the
//! ABA problem): 2^63 pushes last for 292 years, at one each nanosecond.

#![expect(dead_code, reason = "delete this line when everything below is used")]

use std::mem::MaybeUninit;

use lab::{cell::UnsafeCell, hint, sync::atomic::AtomicU64, thread};

/// The bit of `tail` that says that no push will follow. In the same word as the number: whoever takes a number finds out.
const CLOSED: u64 = 1 << 63;

/// A queue with room for so many elements.
#[derive(Debug)]
pub struct MpmcRing<T> {
    /// The number of the next pop.
    head: Alone<AtomicU64>,
    /// The number of the next push, and [`CLOSED`].
    tail: Alone<AtomicU64>,
    slots: Box<[Slot<T>]>,
}

/// On cache lines of its own: those who push leave those who pop alone.
#[derive(Debug)]
#[repr(align(128))]
struct Alone<T>(T);

#[derive(Debug)]
struct Slot<T> {
    /// Whose turn it is, see the table above.
    sequence: AtomicU64,
    element: UnsafeCell<MaybeUninit<T>>,
}

/// Why there is no room for an element, which comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushError<T> {
    /// The queue is full.
    Full(T),
    /// The queue is closed: there will never be room.
    Closed(T),
}

/// Why there is no element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PopError {
    /// The queue is empty, but not closed.
    Empty,
    /// The queue is closed, and empty for ever.
    Closed,
}

// SAFETY: an element goes from the one thread that has pushed it to the one that pops it, as if it had been sent: so `T: Send`.
// Nobody gets a `&T`, so `T: Sync` is not needed. You make this true.
unsafe impl<T: Send> Sync for MpmcRing<T> {}

/// The `sequence` of a slot that waits for push number `number`.
const fn vacant(number: u64) -> u64 {
    2 * number
}

/// The `sequence` of a slot that holds the element of push number `number`.
const fn taken(number: u64) -> u64 {
    2 * number + 1
}

impl<T> MpmcRing<T> {
    /// An empty queue.
    ///
    /// # Panics
    /// If `capacity` is not a power of two: 1, 2, 4 ...
    pub fn new(capacity: usize) -> Self {
        assert!(capacity.is_power_of_two(), "a capacity of {capacity} is not a power of two");
        todo!("step 1: no push and no pop has a number yet; which sequence does each slot begin with?")
    }

    /// How many elements there is room for.
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// Where push and pop number `number` meet.
    fn slot(&self, number: u64) -> &Slot<T> {
        // A mask instead of a division: the capacity is a power of two.
        &self.slots[number as usize & (self.slots.len() - 1)]
    }

    /// Puts an element behind all others.
    ///
    /// # Errors
    /// [`PushError::Full`] if there was a moment during the call at which the queue held `capacity` elements, and
    /// [`PushError::Closed`] if it is closed.
    #[expect(unused_variables, reason = "delete this line when you use the element")]
    pub fn push(&self, element: T) -> Result<(), PushError<T>> {
        todo!("step 2: take a number, write the element, hand the slot over")
    }

    /// Takes the element that was pushed first.
    ///
    /// # Errors
    /// [`PopError::Empty`] if there was a moment during the call at which the queue held nothing and was open, and
    /// [`PopError::Closed`] if it is closed and every element was popped. Whoever is told so sees all that was written before
    /// the queue was closed.
    pub fn pop(&self) -> Result<T, PopError> {
        todo!("step 3: take a number, read the element, hand the slot on to the next lap")
    }

    /// Lets no push succeed from now on. What is in the queue can still be popped; then every pop is told [`PopError::Closed`].
    ///
    /// Returns whether the queue was open.
    pub fn close(&self) -> bool {
        todo!("step 4: close it in one atomic step, between two pushes and not within one")
    }

    /// Drops the elements that are left: nobody else has this queue any more.
    fn drop_rest(&mut self) {
        // Step 5: which numbers were pushed and not popped? Until you drop them, they leak.
    }
}

impl<T> Drop for MpmcRing<T> {
    fn drop(&mut self) {
        self.drop_rest();
    }
}

/// How long a thread has waited for another: make one for each call, and [`wait`](Self::wait) between two looks.
#[derive(Default)]
struct Patience(u32);

impl Patience {
    /// What is waited for are a few instructions, unless the thread that is to make them does not run.
    fn wait(&mut self) {
        if self.0 < 64 {
            self.0 += 1;
            hint::spin_loop();
        } else {
            thread::yield_now();
        }
    }
}
