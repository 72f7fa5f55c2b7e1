//! A lock: loom's `Mutex`, with a `try_lock` that can fail and cannot deadlock.
//!
//! loom releases a lock without a scheduling point and blocks whoever merely tries it. So a model in which somebody tries
//! is searched with a *turnstile* beside each lock: an atomic that `lock`, the release and `try_lock` all pass, which makes
//! the search order them in every way.

use std::{
    cell::UnsafeCell,
    fmt,
    ops::{Deref, DerefMut},
    panic::Location,
    sync::{
        Arc, LockResult, TryLockError, TryLockResult,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use crate::model::engine::{self, Blocked, Call, Object, Outcome, Value};

/// `std::sync::Mutex` in a model. It is never poisoned: a panic ends the model.
pub struct Mutex<T: ?Sized> {
    object: Object,
    lock: Raw,
    value: UnsafeCell<T>,
}

// SAFETY: `Raw` lets one guard exist at a time.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

/// The lock without its value.
struct Raw {
    lock: loom::sync::Mutex<()>,
    turnstile: loom::sync::atomic::AtomicUsize,
    /// `std`'s own: read and written only where no other thread of the model can come between.
    held: Arc<AtomicBool>,
}

/// Releases its lock when it is dropped.
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    /// `None` while a `Condvar` waits.
    inner: Option<loom::sync::MutexGuard<'a, ()>>,
    /// Where the lock was taken: a destructor does not know where it is called.
    location: &'static Location<'static>,
}

impl Raw {
    fn acquire(&self) -> loom::sync::MutexGuard<'_, ()> {
        engine::block(Blocked::While(self.held.clone()));
        let guard = ignore(self.lock.lock());
        engine::block(Blocked::No);
        self.held.store(true, Relaxed);
        if engine::mode().tried {
            self.turnstile.fetch_add(1, Relaxed);
        }
        guard
    }

    fn release(&self, guard: loom::sync::MutexGuard<'_, ()>) {
        if engine::mode().tried {
            self.turnstile.fetch_add(1, Relaxed);
        }
        self.held.store(false, Relaxed);
        drop(guard);
    }

    fn try_acquire(&self) -> Option<loom::sync::MutexGuard<'_, ()>> {
        self.turnstile.fetch_add(1, Relaxed);
        // From here to the end nobody comes between.
        if self.held.load(Relaxed) {
            return None;
        }
        let guard = engine::whole(|| ignore(self.lock.lock()));
        self.held.store(true, Relaxed);
        Some(guard)
    }
}

fn ignore<T>(result: LockResult<T>) -> T {
    result.unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl<T> Mutex<T> {
    /// A lock around `value`. Not `const`.
    #[track_caller]
    pub fn new(value: T) -> Self {
        let location = Location::caller();
        engine::quietly(|| Self {
            object: engine::new_object("Mutex", location),
            lock: Raw {
                lock: loom::sync::Mutex::new(()),
                turnstile: loom::sync::atomic::AtomicUsize::new(0),
                held: Arc::default(),
            },
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

impl<T: ?Sized> Mutex<T> {
    /// Waits until nobody else holds the lock, and takes it.
    ///
    /// # Errors
    /// Never.
    #[track_caller]
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        let location = Location::caller();
        let inner = engine::perform(Call::new(self.object, "lock", location), |_| self.lock.acquire(), |_| Outcome::Done);
        Ok(MutexGuard { mutex: self, inner: Some(inner), location })
    }

    /// Takes the lock if nobody holds it.
    ///
    /// # Errors
    /// `WouldBlock` if somebody holds it.
    #[track_caller]
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        engine::demand_tried();
        let location = Location::caller();
        let call = Call::new(self.object, "try_lock", location);
        let inner = engine::perform(
            call,
            |_| self.lock.try_acquire(),
            |guard| match guard {
                Some(_) => Outcome::Gave(Value::Text("Ok")),
                None => Outcome::Gave(Value::Text("WouldBlock")),
            },
        );
        match inner {
            Some(inner) => Ok(MutexGuard { mutex: self, inner: Some(inner), location }),
            None => Err(TryLockError::WouldBlock),
        }
    }

    /// The value: `&mut self` proves that nobody else looks.
    ///
    /// # Errors
    /// Never.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        Ok(self.value.get_mut())
    }

    /// Never: a panic ends the model.
    pub fn is_poisoned(&self) -> bool {
        false
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// Releases the lock for a `Condvar`, inside a step of its own. No other thread runs in between.
    pub(super) fn suspend(&mut self) {
        if let Some(guard) = self.inner.take() {
            engine::whole(|| self.mutex.lock.release(guard));
        }
    }

    /// Takes the lock again.
    pub(super) fn resume(&mut self) {
        self.inner = Some(self.mutex.lock.acquire());
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard holds the lock.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard holds the lock, and is borrowed uniquely.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        let Some(guard) = self.inner.take() else { return };
        let call = Call::new(self.mutex.object, "unlock", self.location);
        engine::perform(call, |_| self.mutex.lock.release(guard), |()| Outcome::Done);
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized> fmt::Debug for Mutex<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Mutex { .. }")
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(out)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(out)
    }
}
