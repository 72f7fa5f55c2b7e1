//! A lock for many readers or one writer, in which writers do not starve.
//!
//! Work from top to bottom; README.md tells the task, and `cargo xtask hint rw_lock` helps. What is public stays as it is; the
//! private fields are a proposal, and yours to change.
//!
//! `state` is one word of two numbers:
//!
//! | bits | name | meaning | changed by |
//! | --- | --- | --- | --- |
//! | 0 to 31 | readers | those that read, and those that wait until a writer has gone | `read` and `try_read` add 1, a `ReadGuard` that is dropped takes it away |
//! | 32 to 63 | turn | even: no writer; odd: a writer writes, or waits until the last reader has left | a writer adds 1 when it comes and 1 when it goes |

use std::ops::{Deref, DerefMut};

use lab::{
    cell::UnsafeCell,
    sync::{Condvar, Mutex, MutexGuard, atomic::AtomicU64},
};

/// One reader, as a part of the state.
#[expect(dead_code, reason = "delete this line when you use it")]
const READER: u64 = 1;
/// One turn, as a part of the state; as a bit, it tells whether the turn is odd.
#[expect(dead_code, reason = "delete this line when you use it")]
const TURN: u64 = 1 << 32;

/// A value that many threads can read at a time, or one can change.
///
/// Readers do not starve writers: while a writer waits, new readers wait behind it. A panic leaves the lock free, and no mark
/// on it.
///
/// # Deadlocks
/// A thread that has a guard and asks for another of the same lock may wait for ever. For `write` that is plain. Two calls of
/// `read` are worse, since they mostly work: but where a writer comes in between, it waits for the first guard, and the second
/// waits for the writer.
///
/// # Limits
/// `state` has room for fewer than 2^32 readers at a time: as many guards are there only where they were forgotten. What more
/// of them do is not checked.
#[derive(Debug)]
#[expect(dead_code, reason = "delete this line when you use the fields")]
pub struct RwLock<T> {
    /// See the top of this file.
    state: AtomicU64,
    /// Held by the writer whose turn it is, from before it comes until after it has gone.
    writers: Mutex<()>,
    /// How many of those that the writer has found inside have not left. Below 0 while some have left and the writer has not
    /// said yet how many it found.
    leaving: Mutex<i64>,
    /// Rung when `leaving` is 0.
    last_left: Condvar,
    /// What readers wait with. It guards nothing: the state is what they look at.
    gate: Mutex<()>,
    /// Rung when a writer has gone.
    opened: Condvar,
    value: UnsafeCell<T>,
}

// SAFETY: a writer is alone with the value, as if it had been sent there: that needs `T: Send`. Readers on several threads
// have `&T` at the same time: that needs `T: Sync`. You make this true.
unsafe impl<T: Send + Sync> Sync for RwLock<T> {}

impl<T> RwLock<T> {
    /// A free lock around `value`.
    pub fn new(value: T) -> Self {
        Self {
            state: AtomicU64::new(0),
            writers: Mutex::new(()),
            leaving: Mutex::new(0),
            last_left: Condvar::new(),
            gate: Mutex::new(()),
            opened: Condvar::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// Waits until no writer has the lock or waits for it, and reads. Others may read at the same time.
    pub fn read(&self) -> ReadGuard<'_, T> {
        todo!("step 2: count yourself as a reader; where the turn is odd, wait until it is another")
    }

    /// Reads if no writer has the lock or waits for it, and never waits for one.
    pub fn try_read(&self) -> Option<ReadGuard<'_, T>> {
        todo!("step 4: count yourself only where the turn is even")
    }

    /// Waits until nobody reads or writes, and writes. Readers that come from now on wait for this writer.
    pub fn write(&self) -> WriteGuard<'_, T> {
        todo!("step 1: keep other writers out, make the turn odd, and wait for the readers that you have found inside")
    }

    /// Writes if nobody reads or writes, and never waits. It may fail, too, where somebody else is just trying.
    pub fn try_write(&self) -> Option<WriteGuard<'_, T>> {
        todo!("step 4: make the turn odd only where nobody reads")
    }
}

/// The right to read the value of a [`RwLock`], together with others. Dropping it gives the right back.
#[derive(Debug)]
#[must_use = "a guard that is not kept gives the lock back at once"]
#[expect(dead_code, reason = "delete this line when you use the field")]
pub struct ReadGuard<'a, T> {
    lock: &'a RwLock<T>,
}

impl<T> Deref for ReadGuard<'_, T> {
    type Target = T;

    /// Lends the value to read. `UnsafeCell::with` gives a pointer to it; say in a `// SAFETY:` comment why nobody changes it.
    fn deref(&self) -> &T {
        todo!("step 2: lend the value to read")
    }
}

impl<T> Drop for ReadGuard<'_, T> {
    /// One reader less. If a writer waits for it, the writer must be told.
    fn drop(&mut self) {
        // This `if` goes with the `todo!`, which would end the process where another panic unwinds already.
        if !lab::thread::panicking() {
            todo!("step 3: leave, and wake the writer if you are the last that it waits for")
        }
    }
}

/// The right to change the value of a [`RwLock`], alone. Dropping it gives the right back.
#[derive(Debug)]
#[must_use = "a guard that is not kept gives the lock back at once"]
#[expect(dead_code, reason = "delete this line when you use the fields")]
pub struct WriteGuard<'a, T> {
    lock: &'a RwLock<T>,
    /// Dropped after this guard's own destructor has run: the next writer comes when the readers are in.
    _turn: MutexGuard<'a, ()>,
}

impl<T> Deref for WriteGuard<'_, T> {
    type Target = T;

    /// Lends the value to read.
    fn deref(&self) -> &T {
        todo!("step 1: lend the value to read")
    }
}

impl<T> DerefMut for WriteGuard<'_, T> {
    /// Lends the value to write, through `UnsafeCell::with_mut`.
    fn deref_mut(&mut self) -> &mut T {
        todo!("step 1: lend the value to write")
    }
}

impl<T> Drop for WriteGuard<'_, T> {
    /// Makes the turn even, and wakes the readers that have waited for that.
    fn drop(&mut self) {
        // This `if` goes with the `todo!`, which would end the process where another panic unwinds already.
        if !lab::thread::panicking() {
            todo!("step 3: make the turn even, and wake the readers that wait")
        }
    }
}
