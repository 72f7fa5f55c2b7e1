//! A bounded queue that any number of threads push to and pop from, without a lock: Dmitry Vyukov's, made strict, with an end.
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
//!
//! | | takes place when | so it may say |
//! | --- | --- | --- |
//! | `push` | it moves `tail` on | `Full` only if there was a moment with `capacity` elements |
//! | `pop` | it moves `head` on | `Empty` only if there was a moment with none, `Closed` if that was after the end |
//! | `close` | it sets the bit [`CLOSED`] of `tail` | |
//!
//! The price is that a pop waits for a push that has begun and is not done, and the other way round.

use std::mem::MaybeUninit;

use lab::{
    cell::UnsafeCell,
    hint,
    sync::atomic::{
        AtomicU64,
        Ordering::{Acquire, Release, SeqCst},
    },
    thread,
};

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
// Nobody gets a `&T`, so `T: Sync` is not needed.
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
        let slot = |number| Slot { sequence: AtomicU64::new(vacant(number)), element: UnsafeCell::new(MaybeUninit::uninit()) };
        Self { head: Alone(AtomicU64::new(0)), tail: Alone(AtomicU64::new(0)), slots: (0..capacity as u64).map(slot).collect() }
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
    pub fn push(&self, element: T) -> Result<(), PushError<T>> {
        let mut patience = Patience::default();
        // Acquire, wherever it is read, matches the SeqCst of the exchange that wrote it: whoever moved `tail` so far knew of the
        // pops that made room for that. Were they news to us, `head` below could be of yesterday, and the queue not full.
        let mut tail = self.tail.0.load(Acquire);
        loop {
            if tail & CLOSED != 0 {
                return Err(PushError::Closed(element));
            }
            let slot = self.slot(tail);
            // Acquire matches the Release of the pop that has emptied the slot: it has taken its element out.
            let sequence = slot.sequence.load(Acquire);
            if sequence == vacant(tail) {
                // The number is mine if nobody else has taken it, and if nobody has closed the queue. SeqCst: see `pop`.
                match self.tail.0.compare_exchange(tail, tail + 1, SeqCst, Acquire) {
                    Ok(_) => {
                        // SAFETY: push number `tail` is this one alone, and the slot waits for it: nobody else touches it.
                        slot.element.with_mut(|place| unsafe { (*place).write(element) });
                        // Release matches the Acquire of pop number `tail`.
                        slot.sequence.store(taken(tail), Release);
                        return Ok(());
                    }
                    Err(now) => tail = now,
                }
                continue;
            }
            // The slot holds the element of a lap ago. The queue is full only if no pop has begun to take that out.
            if self.head.0.load(SeqCst) + self.slots.len() as u64 == tail {
                return Err(PushError::Full(element));
            }
            // The pop of a lap ago has begun, and is not done; or `tail` is of yesterday.
            patience.wait();
            // no model shows it: in none of them has the number moved on meanwhile. The reason is the one above.
            tail = self.tail.0.load(Acquire);
        }
    }

    /// Takes the element that was pushed first.
    ///
    /// # Errors
    /// [`PopError::Empty`] if there was a moment during the call at which the queue held nothing and was open, and
    /// [`PopError::Closed`] if it is closed and every element was popped. Whoever is told so sees all that was written before
    /// the queue was closed.
    pub fn pop(&self) -> Result<T, PopError> {
        let mut patience = Patience::default();
        // Acquire, wherever it is read, as in `push`: whoever moved `head` so far knew of the pushes before that.
        let mut head = self.head.0.load(Acquire);
        loop {
            let slot = self.slot(head);
            // Acquire matches the Release of the push that has filled the slot.
            let sequence = slot.sequence.load(Acquire);
            if sequence == taken(head) {
                // SeqCst, like the one in `push` and the two loads that say "full" and "empty". Each of two threads may move
                // its own number and then look at the other's: weaker orderings let both look at what was before, and no
                // order of the four explains that (store buffering).
                match self.head.0.compare_exchange(head, head + 1, SeqCst, Acquire) {
                    Ok(_) => {
                        // SAFETY: pop number `head` is this one alone, and the slot holds the element of push number `head`.
                        let element = slot.element.with(|place| unsafe { (*place).assume_init_read() });
                        // Release matches the Acquire of the push of the next lap.
                        slot.sequence.store(vacant(head + self.slots.len() as u64), Release);
                        return Ok(element);
                    }
                    Err(now) => head = now,
                }
                continue;
            }
            // The queue is empty only if no push has begun to fill the slot. Acquire, of which SeqCst has the rest, matches the
            // Release of `close`.
            let tail = self.tail.0.load(SeqCst);
            if tail & !CLOSED == head {
                return Err(if tail & CLOSED == 0 { PopError::Empty } else { PopError::Closed });
            }
            // Push number `head` has begun, and is not done; or `head` is of yesterday.
            patience.wait();
            // no model shows it: in none of them has the number moved on meanwhile. The reason is the one above.
            head = self.head.0.load(Acquire);
        }
    }

    /// Lets no push succeed from now on. What is in the queue can still be popped; then every pop is told [`PopError::Closed`].
    ///
    /// Returns whether the queue was open.
    pub fn close(&self) -> bool {
        // Release matches the Acquire of the `pop` that is told of the end.
        self.tail.0.fetch_or(CLOSED, Release) & CLOSED == 0
    }

    /// Drops the elements that are left: nobody else has this queue any more.
    fn drop_rest(&mut self) {
        let (head, tail) = (*self.head.0.get_mut(), *self.tail.0.get_mut() & !CLOSED);
        for number in head..tail {
            let index = number as usize & (self.slots.len() - 1);
            // SAFETY: every push has returned, since nobody else has this queue, and no pop has taken this number.
            unsafe { self.slots[index].element.get_mut().assume_init_drop() };
        }
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
