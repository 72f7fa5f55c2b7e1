//! A lock for many readers or one writer, in which neither starves.
//!
//! `state` is one word of two numbers:
//!
//! | bits | name | meaning | changed by |
//! | --- | --- | --- | --- |
//! | 0 to 31 | readers | those that read, and those that wait until a writer has gone | `read` and `try_read` add 1, a `ReadGuard` that is dropped takes it away |
//! | 32 to 63 | turn | even: no writer; odd: a writer writes, or waits until the last reader has left | a writer adds 1 when it comes and 1 when it goes |
//!
//! A writer that comes makes the turn odd at once. From then on new readers wait, and the writer waits only for those that it
//! found inside. When it goes the turn is even, and the readers that have waited are in, before the next writer can make it
//! odd. So a writer waits for one group of readers, and a reader for one writer.
//!
//! Bos, *Rust Atomics and Locks*, chapter 9, counts readers in one word with a mark for a waiting writer. That readers and
//! writers take turns comes from B. B. Brandenburg and J. H. Anderson, *Spin-based reader-writer synchronization for
//! multiprocessor real-time systems*, 2010, and is how Go's `sync.RWMutex` works.

use std::{
    ops::{Deref, DerefMut},
    process::abort,
};

use lab::{
    cell::UnsafeCell,
    hint,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{
            AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};

const READER: u64 = 1;
/// The bits of all readers.
const READERS: u64 = TURN - 1;
/// So many readers are a mistake: guards were forgotten, and a few more would run over into the turn.
const TOO_MANY: u64 = TURN / 2;
/// One turn; as a bit, it tells whether the turn is odd.
const TURN: u64 = 1 << 32;

/// How often `read` and `write` try before they queue up: most guards are gone in less time than it takes to fall asleep. A
/// model would only branch once more at each.
const ATTEMPTS: usize = if cfg!(feature = "model") { 0 } else { 100 };

/// A value that many threads can read at a time, or one can change.
///
/// Readers do not starve writers: while a writer waits, new readers wait behind it. Nor do writers starve readers: a writer that
/// goes lets in all readers that have waited for it. A panic leaves the lock free, and no mark on it.
///
/// # Deadlocks
/// A thread that has a guard and asks for another of the same lock may wait for ever. For `write` that is plain. Two calls of
/// `read` are worse, since they mostly work: but where a writer comes in between, it waits for the first guard, and the second
/// waits for the writer.
#[derive(Debug)]
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
// have `&T` at the same time: that needs `T: Sync`.
unsafe impl<T: Send + Sync> Sync for RwLock<T> {}

/// The lock, whether or not a thread has panicked with it: nothing here is ever half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tries for a short time.
fn spin<G>(mut attempt: impl FnMut() -> Option<G>) -> Option<G> {
    (0..ATTEMPTS).find_map(|_| {
        let guard = attempt();
        if guard.is_none() {
            hint::spin_loop();
        }
        guard
    })
}

/// Sleeps until the bell rings, or until no reason at all.
fn sleep<'a, T>(bell: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    bell.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

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
        spin(|| self.try_read()).unwrap_or_else(|| self.queue_as_reader())
    }

    /// Reads if no writer has the lock or waits for it, and never waits for one.
    pub fn try_read(&self) -> Option<ReadGuard<'_, T>> {
        let mut before = self.state.load(Relaxed);
        loop {
            if before & (TURN | TOO_MANY) != 0 {
                return None;
            }
            // Acquire matches the Release of `WriteGuard::drop`. A failure is mostly another reader, and no reason to give up.
            match self.state.compare_exchange_weak(before, before + READER, Acquire, Relaxed) {
                Ok(_) => return Some(ReadGuard { lock: self }),
                Err(now) => before = now,
            }
        }
    }

    /// Waits until nobody reads or writes, and writes. Readers that come from now on wait for this writer.
    pub fn write(&self) -> WriteGuard<'_, T> {
        spin(|| self.try_write()).unwrap_or_else(|| self.queue_as_writer())
    }

    /// Writes if nobody reads or writes, and never waits. It may fail, too, where somebody else is just trying.
    pub fn try_write(&self) -> Option<WriteGuard<'_, T>> {
        let turn = match self.writers.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(poison)) => poison.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        // With the lock of all writers the turn is even, and stays so.
        let before = self.state.load(Relaxed);
        if before & READERS != 0 {
            return None;
        }
        // Acquire matches the Release of `ReadGuard::drop`. If it fails, a reader has come in between.
        self.state.compare_exchange(before, before.wrapping_add(TURN), Acquire, Relaxed).ok()?;
        Some(WriteGuard { lock: self, _turn: turn })
    }

    #[cold]
    fn queue_as_reader(&self) -> ReadGuard<'_, T> {
        // Counted before anything else: whichever writer comes next waits for this reader.
        // Acquire matches the Release of `WriteGuard::drop`, where no writer is there any more.
        let before = self.state.fetch_add(READER, Acquire);
        if before & TOO_MANY != 0 {
            // As `Arc` does: to unwind with a count that is wrong already would make it worse.
            abort();
        }
        if before & TURN != 0 {
            self.wait_for_writer(before / TURN);
        }
        ReadGuard { lock: self }
    }

    #[cold]
    fn queue_as_writer(&self) -> WriteGuard<'_, T> {
        let turn = lock(&self.writers);
        // Acquire matches the Release of `ReadGuard::drop`, for readers that have left; the rest says so under a lock.
        let inside = self.state.fetch_add(TURN, Acquire) & READERS;
        if inside > 0 {
            self.wait_for_readers(inside);
        }
        WriteGuard { lock: self, _turn: turn }
    }

    /// Waits until the turn is another than this one. No later writer can have come in: it would wait for this reader, which
    /// is counted already.
    fn wait_for_writer(&self, turn: u64) {
        let mut gate = lock(&self.gate);
        // Acquire matches the Release of `WriteGuard::drop`.
        while self.state.load(Acquire) / TURN == turn {
            gate = sleep(&self.opened, gate);
        }
    }

    /// Waits until so many readers have left.
    fn wait_for_readers(&self, inside: u64) {
        let mut leaving = lock(&self.leaving);
        *leaving += i64::try_from(inside).expect("it has half of 64 bits");
        while *leaving != 0 {
            leaving = sleep(&self.last_left, leaving);
        }
    }

    /// Tells the writer that waits that one more has left.
    #[cold]
    fn leave_to_writer(&self) {
        let mut leaving = lock(&self.leaving);
        *leaving -= 1;
        if *leaving == 0 {
            // The writer whose turn it is sleeps here, and no other.
            self.last_left.notify_one();
        }
    }

    /// Wakes the readers that have waited for a writer.
    #[cold]
    fn let_readers_in(&self) {
        // The turn has changed without the gate. A reader that has not seen that is asleep by the time that the gate can be
        // locked, or has not locked it yet and will see it.
        drop(lock(&self.gate));
        self.opened.notify_all();
    }
}

/// The right to read the value of a [`RwLock`], together with others. Dropping it gives the right back.
#[derive(Debug)]
#[must_use = "a guard that is not kept gives the lock back at once"]
pub struct ReadGuard<'a, T> {
    lock: &'a RwLock<T>,
}

impl<T> Deref for ReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: while this guard exists, every writer waits: nobody has a `&mut` to the value.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T> Drop for ReadGuard<'_, T> {
    fn drop(&mut self) {
        // Release matches the Acquire of `write` and `try_write`: what was read was read before it is written.
        let before = self.lock.state.fetch_sub(READER, Release);
        if before & TURN != 0 {
            // That writer has counted this reader: whoever came later would still be waiting.
            self.lock.leave_to_writer();
        }
    }
}

/// The right to change the value of a [`RwLock`], alone. Dropping it gives the right back.
#[derive(Debug)]
#[must_use = "a guard that is not kept gives the lock back at once"]
pub struct WriteGuard<'a, T> {
    lock: &'a RwLock<T>,
    /// Dropped after this guard's own destructor has run: the next writer comes when the readers are in.
    _turn: MutexGuard<'a, ()>,
}

impl<T> Deref for WriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: while this guard exists, no other exists; its borrow keeps `deref_mut` away.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T> DerefMut for WriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: while this guard exists, no other exists; it is borrowed uniquely.
        self.lock.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T> Drop for WriteGuard<'_, T> {
    fn drop(&mut self) {
        // Release matches the Acquire of `read`, `try_read` and `wait_for_writer`: the readers see what was written. The next
        // writer sees it by the lock of all writers.
        let before = self.lock.state.fetch_add(TURN, Release);
        if before & READERS != 0 {
            self.lock.let_readers_in();
        }
    }
}
