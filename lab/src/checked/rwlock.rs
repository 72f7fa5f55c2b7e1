//! A lock for many readers or one writer, built on one atomic word.
//!
//! | word | meaning |
//! | --- | --- |
//! | `0` | free |
//! | `n` | n readers |
//! | `WRITER` | one writer |

use std::{
    cell::UnsafeCell,
    fmt,
    ops::{Deref, DerefMut},
    panic::Location,
    sync::{
        LockResult, TryLockError, TryLockResult,
        atomic::Ordering::{Acquire, Relaxed, Release},
    },
};

use loom::sync::atomic::AtomicUsize;

use super::block::Waiters;
use crate::model::engine::{self, Call, Object, Outcome, Value};

const WRITER: usize = usize::MAX;
/// No word is ever this: a compare-exchange with it only looks.
const SENTINEL: usize = usize::MAX - 1;

/// `std::sync::RwLock` in a model. It is never poisoned: a panic ends the model.
pub struct RwLock<T: ?Sized> {
    object: Object,
    lock: Raw,
    value: UnsafeCell<T>,
}

// SAFETY: `Raw` lets readers or one writer exist at a time.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: as above; readers on several threads share `&T`.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

struct Raw {
    word: AtomicUsize,
    waiters: Waiters,
}

impl Raw {
    /// Takes the lock, for one who can take it from words that `next` maps.
    fn try_acquire(&self, next: fn(usize) -> Option<usize>) -> bool {
        let (Ok(word) | Err(word)) = self.word.compare_exchange(SENTINEL, SENTINEL, Relaxed, Relaxed);
        match next(word) {
            // Matches the Release of `release`.
            Some(new) => engine::whole(|| self.word.compare_exchange(word, new, Acquire, Relaxed)).is_ok(),
            None => false,
        }
    }

    fn acquire(&self, next: fn(usize) -> Option<usize>) {
        while !self.try_acquire(next) {
            self.waiters.wait();
        }
    }

    fn release(&self, holder: usize) {
        // One reader less, or no writer. Matches the Acquire of whoever takes the lock next.
        self.word.fetch_sub(holder, Release);
        self.waiters.wake_all();
    }
}

fn reader(word: usize) -> Option<usize> {
    (word != WRITER).then(|| word + 1)
}

fn writer(word: usize) -> Option<usize> {
    (word == 0).then_some(WRITER)
}

/// Releases its share of the lock when it is dropped.
pub struct RwLockReadGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    location: &'static Location<'static>,
}

/// Releases the lock when it is dropped.
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    location: &'static Location<'static>,
}

impl<T> RwLock<T> {
    /// A lock around `value`. Not `const`.
    #[track_caller]
    pub fn new(value: T) -> Self {
        let location = Location::caller();
        engine::quietly(|| Self {
            object: engine::new_object("RwLock", location),
            lock: Raw { word: AtomicUsize::new(0), waiters: Waiters::default() },
            value: UnsafeCell::new(value),
        })
    }

    /// Takes the value out.
    ///
    /// # Errors
    /// Never.
    pub fn into_inner(self) -> LockResult<T> {
        Ok(self.value.into_inner())
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Waits until nobody writes, and takes a share of the lock.
    ///
    /// # Errors
    /// Never.
    #[track_caller]
    pub fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        let location = Location::caller();
        engine::perform(Call::new(self.object, "read", location), |_| self.lock.acquire(reader), |()| Outcome::Done);
        Ok(RwLockReadGuard { lock: self, location })
    }

    /// Takes a share of the lock if nobody writes.
    ///
    /// # Errors
    /// `WouldBlock` if somebody writes.
    #[track_caller]
    pub fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        let location = Location::caller();
        if self.attempt("try_read", location, reader) {
            Ok(RwLockReadGuard { lock: self, location })
        } else {
            Err(TryLockError::WouldBlock)
        }
    }

    /// Waits until nobody else reads or writes, and takes the lock.
    ///
    /// # Errors
    /// Never.
    #[track_caller]
    pub fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        let location = Location::caller();
        engine::perform(Call::new(self.object, "write", location), |_| self.lock.acquire(writer), |()| Outcome::Done);
        Ok(RwLockWriteGuard { lock: self, location })
    }

    /// Takes the lock if nobody reads or writes.
    ///
    /// # Errors
    /// `WouldBlock` if somebody reads or writes.
    #[track_caller]
    pub fn try_write(&self) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        let location = Location::caller();
        if self.attempt("try_write", location, writer) {
            Ok(RwLockWriteGuard { lock: self, location })
        } else {
            Err(TryLockError::WouldBlock)
        }
    }

    fn attempt(&self, operation: &'static str, location: &'static Location<'static>, next: fn(usize) -> Option<usize>) -> bool {
        let outcome = |taken: &bool| Outcome::Gave(Value::Text(if *taken { "Ok" } else { "WouldBlock" }));
        engine::perform(Call::new(self.object, operation, location), |_| self.lock.try_acquire(next), outcome)
    }

    /// The value: `&mut self` proves that nobody else looks.
    ///
    /// # Errors
    /// Never.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        Ok(self.value.get_mut())
    }

    fn release(&self, operation: &'static str, holder: usize, location: &'static Location<'static>) {
        engine::perform(Call::new(self.object, operation, location), |_| self.lock.release(holder), |()| Outcome::Done);
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard holds a share of the lock: nobody writes.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard holds the lock.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard holds the lock, and is borrowed uniquely.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    fn drop(&mut self) {
        self.lock.release("end read", 1, self.location);
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    fn drop(&mut self) {
        self.lock.release("end write", WRITER, self.location);
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

macro_rules! debug {
    ($($name:ident $(<$lifetime:lifetime>)?,)*) => {$(
        impl<T: ?Sized> fmt::Debug for $name<$($lifetime,)? T> {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(concat!(stringify!($name), " { .. }"))
            }
        }
    )*};
}
debug!(RwLock, RwLockReadGuard<'_>, RwLockWriteGuard<'_>,);
