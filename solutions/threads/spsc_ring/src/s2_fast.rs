//! Stage 2: a ring that is right and fast.
//!
//! What the threads pay for is a cache line that one core has written and the other wants. So a half looks at the other's
//! index only when it must: it keeps what it saw last, which can only be too careful. And nothing that one half writes lies
//! on a cache line that the other reads for another reason.
//!
//! | field | meaning | who writes it | what its Release hands over |
//! | --- | --- | --- | --- |
//! | `Ring::head` | the slot that is read next | the consumer | the slots before it, read out: they may be written again |
//! | `Ring::tail` | the slot that is written next | the producer | the slots before it, written: they may be read |
//! | `Ring::left` | one half has been dropped | the half that is dropped first | all that this half has done |
//! | `Producer::tail` | the same as `Ring::tail` | the producer | |
//! | `Producer::seen_head` | a `Ring::head` of some time ago | the producer | |
//! | `Consumer::head` | the same as `Ring::head` | the consumer | |
//! | `Consumer::seen_tail` | a `Ring::tail` of some time ago | the consumer | |

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

/// A value with the cache line that it lies on for itself.
///
/// A line has 64 bytes on x86-64. But Intel's processors fetch lines in pairs, and some ARM cores have lines of 128 bytes: so
/// 128, as in crossbeam's `CachePadded`.
#[derive(Debug)]
#[repr(align(128))]
struct Padded<T>(T);

/// What the two halves share.
#[derive(Debug)]
struct Ring<T> {
    head: Padded<AtomicUsize>,
    tail: Padded<AtomicUsize>,
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
        head: Padded(AtomicUsize::new(0)),
        tail: Padded(AtomicUsize::new(0)),
        left: AtomicBool::new(false),
        slots: (0..=capacity).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect(),
    });
    (Producer { ring: ring.clone(), tail: 0, seen_head: 0 }, Consumer { ring, head: 0, seen_tail: 0 })
}

impl<T> Ring<T> {
    /// The index that follows, going round: a comparison, where a `%` would divide at every message.
    fn after(&self, index: usize) -> usize {
        if index + 1 == self.slots.len() { 0 } else { index + 1 }
    }

    /// One half leaves. Who is second drops what is left: nobody else is there to do it, or to be in the way.
    fn leave(&self) {
        // Release, for the one who will be second; Acquire, in case that is us: what the other half has done before it left
        // is seen from here on.
        if self.left.swap(true, AcqRel) {
            let mut head = self.head.0.load(Relaxed);
            let tail = self.tail.0.load(Relaxed);
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
    tail: usize,
    seen_head: usize,
}

impl<T> Producer<T> {
    /// Puts a message at the end of the ring, and never waits. Nobody may be left to read it, see
    /// [`is_abandoned`](Self::is_abandoned).
    ///
    /// # Errors
    /// If the ring is full; the message comes back.
    pub fn push(&mut self, message: T) -> Result<(), T> {
        let ring = &*self.ring;
        let next = ring.after(self.tail);
        // Since it was looked at, `head` can only have moved away: a ring that was not full for it is not full.
        if next == self.seen_head {
            // Acquire matches the Release of `pop`: what lay in the slots before `head` has been read out.
            self.seen_head = ring.head.0.load(Acquire);
            if next == self.seen_head {
                return Err(message);
            }
        }
        // SAFETY: the slot at `tail` is empty, and the consumer does not look at it before `tail` has passed it.
        ring.slots[self.tail].with_mut(|slot| unsafe {
            (*slot).write(message);
        });
        self.tail = next;
        // Release matches the Acquire of `pop`: the message is there.
        ring.tail.0.store(next, Release);
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
    head: usize,
    seen_tail: usize,
}

impl<T> Consumer<T> {
    /// Takes the oldest message, and never waits. `None` says that the ring is empty now, and not that it stays so, see
    /// [`is_finished`](Self::is_finished).
    pub fn pop(&mut self) -> Option<T> {
        let ring = &*self.ring;
        // Since it was looked at, `tail` can only have moved away: a ring that was not empty for it is not empty.
        if self.head == self.seen_tail {
            // Acquire matches the Release of `push`: what lies in the slots before `tail` has been written.
            self.seen_tail = ring.tail.0.load(Acquire);
            if self.head == self.seen_tail {
                return None;
            }
        }
        // SAFETY: the slot at `head` holds a message that was written before `tail` passed it; that `head` passes it in turn
        // is what keeps it from being read twice.
        let message = ring.slots[self.head].with(|slot| unsafe { (*slot).assume_init_read() });
        self.head = ring.after(self.head);
        // Release matches the Acquire of `push`: the message is out, and the slot may be written.
        ring.head.0.store(self.head, Release);
        Some(message)
    }

    /// Whether nothing can come any more: the producer is gone, and the ring is empty.
    pub fn is_finished(&self) -> bool {
        let ring = &*self.ring;
        // In this order: whoever looks at `tail` first may see an empty ring, then miss a message that the producer pushes as
        // its last deed, and then see it gone.
        // Acquire matches the Release of `leave`: the last `tail` is seen, so that Relaxed is enough to read it.
        ring.left.load(Acquire) && self.head == ring.tail.0.load(Relaxed)
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        self.ring.leave();
    }
}
