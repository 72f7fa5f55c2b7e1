//! Stage 1: a ring that is right.
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
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
};

/// What the two halves share.
#[derive(Debug)]
struct Ring<T> {
    head: AtomicUsize,
    tail: AtomicUsize,
    left: AtomicBool,
    /// The slots from `head` up to `tail`, going round, hold a message each; the others hold nothing.
    slots: Box<[UnsafeCell<MaybeUninit<T>>]>,
}

// SAFETY: a slot is the producer's from the `head` that has passed it to the `tail` that passes it, and the consumer's from
// then on: the threads have it one after another, so a message is sent and never shared, and `T: Send` is enough.
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
    fn after(&self, index: usize) -> usize {
        if index + 1 == self.slots.len() { 0 } else { index + 1 }
    }

    /// One half leaves. Who is second drops what is left: nobody else is there to do it, or to be in the way.
    fn leave(&self) {
        // Release, for the one who will be second; Acquire, in case that is us: what the other half has done before it left
        // is seen from here on.
        if self.left.swap(true, AcqRel) {
            let mut head = self.head.load(Relaxed);
            let tail = self.tail.load(Relaxed);
            while head != tail {
                // SAFETY: slots from `head` to `tail` hold messages, and no other half can reach them any more.
                self.slots[head].with_mut(|slot| unsafe { (*slot).assume_init_drop() });
                head = self.after(head);
            }
        }
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
    pub fn push(&mut self, message: T) -> Result<(), T> {
        let ring = &*self.ring;
        // Relaxed: nobody writes `tail` but this half.
        let tail = ring.tail.load(Relaxed);
        let next = ring.after(tail);
        // Acquire matches the Release of `pop`: what lay in the slots before `head` has been read out.
        if next == ring.head.load(Acquire) {
            return Err(message);
        }
        // SAFETY: the slot at `tail` is empty, and the consumer does not look at it before `tail` has passed it.
        ring.slots[tail].with_mut(|slot| unsafe {
            (*slot).write(message);
        });
        // Release matches the Acquire of `pop`: the message is there.
        ring.tail.store(next, Release);
        Ok(())
    }

    /// Whether the consumer is gone. If so, everything that it did before is seen from here on.
    pub fn is_abandoned(&self) -> bool {
        // Acquire matches the Release of `leave`.
        self.ring.left.load(Acquire)
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
        let ring = &*self.ring;
        // Relaxed: nobody writes `head` but this half.
        let head = ring.head.load(Relaxed);
        // Acquire matches the Release of `push`: what lies in the slots before `tail` has been written.
        if head == ring.tail.load(Acquire) {
            return None;
        }
        // SAFETY: the slot at `head` holds a message that was written before `tail` passed it; that `head` passes it in turn
        // is what keeps it from being read twice.
        let message = ring.slots[head].with(|slot| unsafe { (*slot).assume_init_read() });
        // Release matches the Acquire of `push`: the message is out, and the slot may be written.
        ring.head.store(ring.after(head), Release);
        Some(message)
    }

    /// Whether nothing can come any more: the producer is gone, and the ring is empty.
    pub fn is_finished(&self) -> bool {
        let ring = &*self.ring;
        // In this order: whoever looks at `tail` first may see an empty ring, then miss a message that the producer pushes as
        // its last deed, and then see it gone.
        // Acquire matches the Release of `leave`: the last `tail` is seen, so that Relaxed is enough to read it.
        ring.left.load(Acquire) && ring.head.load(Relaxed) == ring.tail.load(Relaxed)
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        self.ring.leave();
    }
}
