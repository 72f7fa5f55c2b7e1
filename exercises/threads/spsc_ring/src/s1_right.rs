//! Stage 1: a ring that is right.
//!
//! Work from top to bottom; README.md tells the task, and `cargo xtask hint spsc_ring` helps.
//!
//! The ring has one slot more than it may hold messages, and that one stays empty: so `head == tail` says *empty*, and a
//! `tail` right behind `head` says *full*.
//!
//! | field | meaning | who writes it | what its Release hands over |
//! | --- | --- | --- | --- |
//! | `head` | the slot that is read next | the consumer | the slots before it, read out: they may be written again |
//! | `tail` | the slot that is written next | the producer | the slots before it, written: they may be read |
//! | `left` | one half has been dropped | the half that is dropped first | all that this half has done |

use std::mem::MaybeUninit;

use lab::{
    cell::UnsafeCell,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize},
    },
};

/// What the two halves share.
#[derive(Debug)]
#[expect(dead_code, reason = "delete this line when the halves use the fields")]
struct Ring<T> {
    head: AtomicUsize,
    tail: AtomicUsize,
    left: AtomicBool,
    /// The slots from `head` up to `tail`, going round, hold a message each; the others hold nothing.
    slots: Box<[UnsafeCell<MaybeUninit<T>>]>,
}

// SAFETY: a slot is the producer's from the `head` that has passed it to the `tail` that passes it, and the consumer's from
// then on: the threads have it one after another, so a message is sent and never shared, and `T: Send` is enough. You make
// this true.
unsafe impl<T: Send> Sync for Ring<T> {}

/// A ring for up to `capacity` messages, exactly: the number is not rounded.
///
/// # Panics
/// If `capacity` is 0.
pub fn channel<T>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    assert!(capacity > 0, "a ring without room for a message");
    let ring = Arc::new(Ring {
        head: AtomicUsize::new(0),
        tail: AtomicUsize::new(0),
        left: AtomicBool::new(false),
        slots: (0..=capacity).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect(),
    });
    (Producer { ring: ring.clone() }, Consumer { ring })
}

impl<T> Ring<T> {
    /// The index that follows, going round.
    #[expect(dead_code, reason = "delete this line when you use it")]
    fn after(&self, index: usize) -> usize {
        if index + 1 == self.slots.len() { 0 } else { index + 1 }
    }

    /// One half leaves. Who is second drops what is left.
    ///
    /// The `Arc` frees the ring, but it is you who must know which half is the second: a model does not see an `Arc` count.
    fn leave(&self) {
        // Step 3: set `left`, and drop the messages if it was set already. (There is no `todo!` here: a destructor that
        // panicked while the panic of another `todo!` unwinds would abort all the tests.)
    }
}

/// The half that pushes. There is one to each ring.
#[derive(Debug)]
pub struct Producer<T> {
    ring: Arc<Ring<T>>,
}

impl<T> Producer<T> {
    /// Puts a message at the end of the ring, and never waits. Nobody may be left to read it, see
    /// [`is_abandoned`](Self::is_abandoned).
    ///
    /// # Errors
    /// If the ring is full; the message comes back.
    #[expect(unused_variables, reason = "delete this line when you use `message`")]
    pub fn push(&mut self, message: T) -> Result<(), T> {
        todo!("step 1: is there room? then write the message, and then publish it")
    }

    /// Whether the consumer is gone. If so, everything that it did before is seen from here on.
    pub fn is_abandoned(&self) -> bool {
        todo!("step 4: look whether the other half has left")
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        self.ring.leave();
    }
}

/// The half that pops. There is one to each ring.
#[derive(Debug)]
pub struct Consumer<T> {
    ring: Arc<Ring<T>>,
}

impl<T> Consumer<T> {
    /// Takes the oldest message, and never waits. `None` says that the ring is empty now, and not that it stays so, see
    /// [`is_finished`](Self::is_finished).
    pub fn pop(&mut self) -> Option<T> {
        todo!("step 2: is there a message? then read it, and then give the slot back")
    }

    /// Whether nothing can come any more: the producer is gone, and the ring is empty.
    pub fn is_finished(&self) -> bool {
        todo!("step 4: two things to look at; mind which you look at first")
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        self.ring.leave();
    }
}
