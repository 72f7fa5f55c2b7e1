//! A condition variable with `wait_while` and timed waits, and with spurious wake-ups in the pass that makes them.

use std::{
    fmt,
    panic::Location,
    sync::{LockResult, PoisonError},
    time::Duration,
};

use super::{
    block::{Turnstile, Waiters},
    mutex::MutexGuard,
};
use crate::model::engine::{self, Call, Object, Outcome, Value};

/// `std::sync::Condvar` in a model. `notify_one` wakes the thread that has waited longest.
pub struct Condvar {
    object: Object,
    /// What the search orders waits and notifications by.
    turnstile: Turnstile,
    waiters: Waiters,
}

/// Whether a timed wait gave up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// True if it did.
    #[must_use]
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

/// How long a thread waits.
#[derive(Clone, Copy)]
enum Patience {
    Endless,
    Timed,
}

/// Why a thread waits no longer.
#[derive(Clone, Copy)]
enum Woken {
    Notified,
    Spuriously,
    TimedOut,
}

/// What a timed wait returns.
fn with_result<'a, T: ?Sized>((guard, woken): (MutexGuard<'a, T>, Woken)) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
    let result = WaitTimeoutResult(matches!(woken, Woken::TimedOut));
    match guard.checked() {
        Ok(guard) => Ok((guard, result)),
        Err(poison) => Err(PoisonError::new((poison.into_inner(), result))),
    }
}

impl Condvar {
    /// A condition variable. Not `const`.
    #[track_caller]
    #[must_use]
    pub fn new() -> Self {
        let location = Location::caller();
        engine::quietly(|| Self {
            object: engine::new_object("Condvar", location),
            turnstile: Turnstile::new(),
            waiters: Waiters::default(),
        })
    }

    /// Releases the lock, waits to be notified, and takes the lock again.
    ///
    /// # Errors
    /// If the lock is poisoned: the guard, all the same.
    #[track_caller]
    pub fn wait<'a, T: ?Sized>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.sleep(guard, Patience::Endless, Location::caller()).0.checked()
    }

    /// Waits as long as `condition` holds.
    ///
    /// # Errors
    /// If the lock is poisoned: the guard, all the same.
    #[track_caller]
    pub fn wait_while<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<MutexGuard<'a, T>> {
        let location = Location::caller();
        while condition(&mut *guard) {
            guard = self.sleep(guard, Patience::Endless, location).0.checked()?;
        }
        Ok(guard)
    }

    /// Waits to be notified, but not for ever: a model knows no time, so it gives up when no other thread can run, and in
    /// the pass for spurious wake-ups at once.
    ///
    /// # Errors
    /// If the lock is poisoned: the guard, all the same.
    #[track_caller]
    pub fn wait_timeout<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        _: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        with_result(self.sleep(guard, Patience::Timed, Location::caller()))
    }

    /// Waits as long as `condition` holds, but not for ever, see [`wait_timeout`](Self::wait_timeout).
    ///
    /// # Errors
    /// If the lock is poisoned: the guard, all the same.
    #[track_caller]
    pub fn wait_timeout_while<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        _: Duration,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let location = Location::caller();
        let mut woken = Woken::Notified;
        while condition(&mut *guard) {
            if matches!(woken, Woken::TimedOut) {
                return with_result((guard, woken));
            }
            (guard, woken) = self.sleep(guard, Patience::Timed, location);
        }
        with_result((guard, Woken::Notified))
    }

    fn sleep<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        patience: Patience,
        location: &'static Location<'static>,
    ) -> (MutexGuard<'a, T>, Woken) {
        let spurious = engine::spurious(location);
        // Both steps are also the lock's: the first frees it, the second takes it.
        let lock = Value::Object(guard.object());
        // Two steps, so that the list shows when the thread has gone to sleep, and for how long.
        let fall_asleep = |_| {
            self.turnstile.pass();
            let place = (!spurious).then(|| self.waiters.queue());
            guard.suspend();
            place
        };
        let operation = match patience {
            Patience::Endless => "wait",
            Patience::Timed => "wait_timeout",
        };
        let place = engine::perform(Call::new(self.object, operation, location).argument(lock), fall_asleep, |_| Outcome::Done);
        let wake = |_| {
            let woken = match (place, patience) {
                (Some(place), Patience::Endless) => {
                    place.wait();
                    Woken::Notified
                }
                (Some(place), Patience::Timed) => {
                    if place.wait_timed(&self.waiters) {
                        Woken::Notified
                    } else {
                        Woken::TimedOut
                    }
                }
                (None, _) => {
                    loom::thread::yield_now();
                    if matches!(patience, Patience::Timed) { Woken::TimedOut } else { Woken::Spuriously }
                }
            };
            guard.resume();
            woken
        };
        let how = |woken: &Woken| {
            Outcome::Gave(Value::Text(match woken {
                Woken::Notified => "notified",
                Woken::Spuriously => "for no reason",
                Woken::TimedOut => "timed out",
            }))
        };
        let woken = engine::perform(Call::new(self.object, "wake", location).argument(lock), wake, how);
        (guard, woken)
    }

    /// Wakes the thread that has waited longest.
    #[track_caller]
    pub fn notify_one(&self) {
        let act = |_| {
            self.turnstile.pass();
            self.waiters.wake_one()
        };
        let woken = |woken: &bool| Outcome::Gave(Value::Text(if *woken { "one" } else { "nobody" }));
        engine::perform(Call::new(self.object, "notify_one", Location::caller()), act, woken);
    }

    /// Wakes all threads that wait.
    #[track_caller]
    pub fn notify_all(&self) {
        let act = |_| {
            self.turnstile.pass();
            self.waiters.wake_all()
        };
        let woken = |woken: &bool| Outcome::Gave(Value::Text(if *woken { "all" } else { "nobody" }));
        engine::perform(Call::new(self.object, "notify_all", Location::caller()), act, woken);
    }
}

impl Default for Condvar {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Condvar { .. }")
    }
}
