//! A lock for many readers or one writer, built on one word.
//!
//! | word | meaning |
//! | --- | --- |
//! | `0` | free |
//! | `n` | n readers |
//! | `WRITER` | one writer |

use std::{
    cell::UnsafeCell,
    fmt,
    marker::PhantomData,
    ops::{Deref, DerefMut},
    panic::{Location, RefUnwindSafe, UnwindSafe},
    sync::{
        LockResult, TryLockError, TryLockResult,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use super::{
    block::{Handover, Turnstile, Waiters},
    poison::{self, Poison},
};
use crate::model::engine::{self, Call, Object};

const WRITER: usize = usize::MAX;

/// `std::sync::RwLock` in a model. Poisoned by a panic of a writer inside `lab::panic::catch_unwind`; any other ends the
/// model.
pub struct RwLock<T: ?Sized> {
    object: Object,
    lock: Raw,
    value: UnsafeCell<T>,
}

// SAFETY: `Raw` lets readers or one writer exist at a time.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: as above; readers on several threads share `&T`.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

// What a panic has left half done, the poison tells.
impl<T: ?Sized> UnwindSafe for RwLock<T> {}
impl<T: ?Sized> RefUnwindSafe for RwLock<T> {}

/// The lock without its value. What is `std`'s own here is looked at only behind the turnstile.
struct Raw {
    turnstile: Turnstile,
    word: AtomicUsize,
    /// What writers have done: for whoever takes the lock.
    written: Handover,
    /// What readers have done: for writers, and not for other readers.
    read: Handover,
    poison: Poison,
    waiters: Waiters,
}

impl Raw {
    /// Takes the lock, for one who can take it from words that `next` maps.
    fn try_acquire(&self, next: fn(usize) -> Option<usize>) -> bool {
        self.turnstile.pass();
        let Some(new) = next(self.word.load(Relaxed)) else { return false };
        self.word.store(new, Relaxed);
        self.written.take();
        if new == WRITER {
            self.read.take();
        }
        true
    }

    fn acquire(&self, next: fn(usize) -> Option<usize>) {
        while !self.try_acquire(next) {
            self.waiters.wait();
        }
    }

    fn release(&self, holder: usize, poisons: bool) {
        self.turnstile.pass();
        if holder == WRITER {
            self.written.give()
        } else {
            self.read.give()
        }
        // One reader less, or no writer.
        self.word.fetch_sub(holder, Relaxed);
        self.poison.add(poisons);
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
    /// May be shared and sent where `std`'s may.
    kin: PhantomData<std::sync::RwLockReadGuard<'a, T>>,
}

/// Releases the lock when it is dropped.
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    /// A panic was unwinding when the lock was taken: it is not this lock's.
    panicking: bool,
    location: &'static Location<'static>,
    /// As above.
    kin: PhantomData<std::sync::RwLockWriteGuard<'a, T>>,
}

impl<T> RwLock<T> {
    /// A lock around `value`. Not `const`.
    #[track_caller]
    pub fn new(value: T) -> Self {
        let location = Location::caller();
        engine::quietly(|| Self {
            object: engine::new_object("RwLock", location),
            lock: Raw {
                turnstile: Turnstile::new(),
                word: AtomicUsize::new(0),
                written: Handover::new(),
                read: Handover::new(),
                poison: Poison::default(),
                waiters: Waiters::default(),
            },
            value: UnsafeCell::new(value),
        })
    }

    /// Takes the value out.
    ///
    /// # Errors
    /// If the lock is poisoned: the value, all the same.
    pub fn into_inner(self) -> LockResult<T> {
        self.lock.poison.checked(self.value.into_inner())
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Waits until nobody writes, and takes a share of the lock.
    ///
    /// # Errors
    /// If the lock is poisoned: the guard, all the same.
    #[track_caller]
    pub fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        let location = Location::caller();
        engine::perform(Call::new(self.object, "read", location), |_| self.lock.acquire(reader), |()| self.lock.poison.told());
        self.lock.poison.checked(RwLockReadGuard { lock: self, location, kin: PhantomData })
    }

    /// Takes a share of the lock if nobody writes.
    ///
    /// # Errors
    /// `WouldBlock` if somebody writes; the guard, all the same, if the lock is poisoned.
    #[track_caller]
    pub fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        let location = Location::caller();
        if self.attempt("try_read", location, reader) {
            Ok(self.lock.poison.checked(RwLockReadGuard { lock: self, location, kin: PhantomData })?)
        } else {
            Err(TryLockError::WouldBlock)
        }
    }

    /// Waits until nobody else reads or writes, and takes the lock.
    ///
    /// # Errors
    /// If the lock is poisoned: the guard, all the same.
    #[track_caller]
    pub fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        let location = Location::caller();
        engine::perform(Call::new(self.object, "write", location), |_| self.lock.acquire(writer), |()| self.lock.poison.told());
        self.lock.poison.checked(self.writing(location))
    }

    /// Takes the lock if nobody reads or writes.
    ///
    /// # Errors
    /// `WouldBlock` if somebody reads or writes; the guard, all the same, if the lock is poisoned.
    #[track_caller]
    pub fn try_write(&self) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        let location = Location::caller();
        if self.attempt("try_write", location, writer) {
            Ok(self.lock.poison.checked(self.writing(location))?)
        } else {
            Err(TryLockError::WouldBlock)
        }
    }

    fn attempt(&self, operation: &'static str, location: &'static Location<'static>, next: fn(usize) -> Option<usize>) -> bool {
        let outcome = |taken: &bool| self.lock.poison.attempted(*taken);
        engine::perform(Call::new(self.object, operation, location), |_| self.lock.try_acquire(next), outcome)
    }

    /// The value: `&mut self` proves that nobody else looks.
    ///
    /// # Errors
    /// If the lock is poisoned: the value, all the same.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        self.lock.poison.checked(self.value.get_mut())
    }

    /// True if a panic has dropped the guard of a writer.
    #[track_caller]
    pub fn is_poisoned(&self) -> bool {
        self.lock.poison.ask(self.object, &self.lock.turnstile, Location::caller())
    }

    /// Makes the lock as good as new.
    #[track_caller]
    pub fn clear_poison(&self) {
        self.lock.poison.clear(self.object, &self.lock.turnstile, Location::caller());
    }

    fn writing(&self, location: &'static Location<'static>) -> RwLockWriteGuard<'_, T> {
        RwLockWriteGuard { lock: self, panicking: engine::panicking(), location, kin: PhantomData }
    }

    fn release(&self, operation: &'static str, holder: usize, poisons: bool, location: &'static Location<'static>) {
        let call = Call::new(self.object, operation, location);
        engine::perform(call, |_| self.lock.release(holder, poisons), |()| poison::told(poisons));
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
        self.lock.release("end read", 1, false, self.location);
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    fn drop(&mut self) {
        let poisons = !self.panicking && engine::panicking();
        self.lock.release("end write", WRITER, poisons, self.location);
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
