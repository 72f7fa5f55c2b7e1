//! A lock: loom's `Mutex`, or a better one where a model needs it.
//!
//! loom releases a lock without a scheduling point, which saves many executions; but it blocks whoever merely tries, and is
//! broken for good by a panic that drops its guard. So a model in which somebody tries, or catches a panic, is searched
//! with another lock, see [`Mode::tried`](crate::model::engine::Mode::tried): there `lock`, the release and `try_lock` all
//! pass a turnstile, which makes the search order them in every way.

use std::{
    cell::UnsafeCell,
    fmt,
    marker::PhantomData,
    ops::{Deref, DerefMut},
    panic::{Location, RefUnwindSafe, UnwindSafe},
    sync::{
        Arc, LockResult, PoisonError, TryLockError, TryLockResult,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use super::{
    block::{Handover, Turnstile, Waiters},
    poison::{self, Poison},
};
use crate::model::engine::{self, Blocked, Call, Object};

/// `std::sync::Mutex` in a model. Poisoned by a panic inside `lab::panic::catch_unwind`; any other ends the model.
pub struct Mutex<T: ?Sized> {
    object: Object,
    lock: Raw,
    value: UnsafeCell<T>,
}

// SAFETY: `Raw` lets one guard exist at a time.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

// What a panic has left half done, the poison tells.
impl<T: ?Sized> UnwindSafe for Mutex<T> {}
impl<T: ?Sized> RefUnwindSafe for Mutex<T> {}

/// The lock without its value. What is `std`'s own here is read and written only where no other thread of the model can
/// come between.
struct Raw {
    /// Of no use where the model needs the better lock.
    loom: loom::sync::Mutex<()>,
    turnstile: Turnstile,
    held: Arc<AtomicBool>,
    /// What those have done who held the lock.
    done: Handover,
    waiters: Waiters,
    poison: Poison,
}

/// The lock is held; by loom's guard, if the lock is loom's.
struct Grip<'a>(Option<loom::sync::MutexGuard<'a, ()>>);

/// Releases its lock when it is dropped.
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    /// `None` while a `Condvar` waits.
    grip: Option<Grip<'a>>,
    /// A panic was unwinding when the lock was taken: it is not this lock's.
    panicking: bool,
    /// Where the lock was taken: a destructor does not know where it is called.
    location: &'static Location<'static>,
    /// May be shared and sent where `std`'s may.
    kin: PhantomData<std::sync::MutexGuard<'a, T>>,
}

impl Raw {
    fn acquire(&self) -> Grip<'_> {
        if engine::mode().tried {
            while !self.try_acquire() {
                self.waiters.wait();
            }
            return Grip(None);
        }
        engine::block(Blocked::While(self.held.clone()));
        let guard = self.loom.lock().unwrap_or_else(PoisonError::into_inner);
        engine::block(Blocked::No);
        self.held.store(true, Relaxed);
        Grip(Some(guard))
    }

    fn release(&self, grip: Grip<'_>, poisons: bool) {
        if grip.0.is_none() {
            self.turnstile.pass();
            self.done.give();
        }
        self.poison.add(poisons);
        self.held.store(false, Relaxed);
        drop(grip);
        self.waiters.wake_all();
    }

    fn try_acquire(&self) -> bool {
        self.turnstile.pass();
        if self.held.swap(true, Relaxed) {
            return false;
        }
        self.done.take();
        true
    }
}

impl<T> Mutex<T> {
    /// A lock around `value`. Not `const`.
    #[track_caller]
    pub fn new(value: T) -> Self {
        let location = Location::caller();
        engine::quietly(|| Self {
            object: engine::new_object("Mutex", location),
            lock: Raw {
                loom: loom::sync::Mutex::new(()),
                turnstile: Turnstile::new(),
                held: Arc::default(),
                done: Handover::new(),
                waiters: Waiters::default(),
                poison: Poison::default(),
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

impl<T: ?Sized> Mutex<T> {
    /// Waits until nobody else holds the lock, and takes it.
    ///
    /// # Errors
    /// If the lock is poisoned: the guard, all the same.
    #[track_caller]
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        let location = Location::caller();
        let grip =
            engine::perform(Call::new(self.object, "lock", location), |_| self.lock.acquire(), |_| self.lock.poison.told());
        self.guard(grip, location).checked()
    }

    /// Takes the lock if nobody holds it.
    ///
    /// # Errors
    /// `WouldBlock` if somebody holds it; the guard, all the same, if the lock is poisoned.
    #[track_caller]
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        engine::demand_tried();
        let location = Location::caller();
        let call = Call::new(self.object, "try_lock", location);
        if engine::perform(call, |_| self.lock.try_acquire(), |taken| self.lock.poison.attempted(*taken)) {
            Ok(self.guard(Grip(None), location).checked()?)
        } else {
            Err(TryLockError::WouldBlock)
        }
    }

    /// The value: `&mut self` proves that nobody else looks.
    ///
    /// # Errors
    /// If the lock is poisoned: the value, all the same.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        self.lock.poison.checked(self.value.get_mut())
    }

    /// True if a panic has dropped a guard.
    #[track_caller]
    pub fn is_poisoned(&self) -> bool {
        engine::demand_tried();
        self.lock.poison.ask(self.object, &self.lock.turnstile, Location::caller())
    }

    /// Makes the lock as good as new.
    #[track_caller]
    pub fn clear_poison(&self) {
        engine::demand_tried();
        self.lock.poison.clear(self.object, &self.lock.turnstile, Location::caller());
    }

    fn guard<'a>(&'a self, grip: Grip<'a>, location: &'static Location<'static>) -> MutexGuard<'a, T> {
        MutexGuard { mutex: self, grip: Some(grip), panicking: engine::panicking(), location, kin: PhantomData }
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// Whose guard it is.
    pub(super) fn object(&self) -> Object {
        self.mutex.object
    }

    /// Releases the lock for a `Condvar`, inside a step of its own. No other thread runs in between.
    pub(super) fn suspend(&mut self) {
        if let Some(grip) = self.grip.take() {
            engine::whole(|| self.mutex.lock.release(grip, false));
        }
    }

    /// Takes the lock again.
    pub(super) fn resume(&mut self) {
        self.grip = Some(self.mutex.lock.acquire());
    }

    /// The guard, as an error if the lock is poisoned.
    pub(super) fn checked(self) -> LockResult<Self> {
        self.mutex.lock.poison.checked(self)
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
        let Some(grip) = self.grip.take() else { return };
        let call = Call::new(self.mutex.object, "unlock", self.location);
        let poisons = !self.panicking && engine::panicking();
        engine::perform(call, |_| self.mutex.lock.release(grip, poisons), |()| poison::told(poisons));
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
