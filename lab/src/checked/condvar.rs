//! A condition variable with `wait_while`, and with spurious wake-ups in the pass that makes them.

use std::{fmt, panic::Location, sync::LockResult};

use super::{
    block::{Turnstile, Waiters},
    mutex::MutexGuard,
};
use crate::model::engine::{self, Call, Object, Outcome, Value};

/// `std::sync::Condvar` in a model. `notify_one` wakes the thread that has waited longest. No timed waits.
pub struct Condvar {
    object: Object,
    /// What the search orders waits and notifications by.
    turnstile: Turnstile,
    waiters: Waiters,
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
        self.sleep(guard, Location::caller())
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
            guard = self.sleep(guard, location)?;
        }
        Ok(guard)
    }

    fn sleep<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        location: &'static Location<'static>,
    ) -> LockResult<MutexGuard<'a, T>> {
        let spurious = engine::spurious(location);
        // Two steps, so that the list shows when the thread has gone to sleep, and for how long.
        let fall_asleep = |_| {
            self.turnstile.pass();
            let place = (!spurious).then(|| self.waiters.queue());
            guard.suspend();
            place
        };
        let place = engine::perform(Call::new(self.object, "wait", location), fall_asleep, |_| Outcome::Done);
        let wake = |_| {
            match place {
                Some(place) => place.wait(),
                None => loom::thread::yield_now(),
            }
            guard.resume();
        };
        let how = if spurious { "for no reason" } else { "notified" };
        engine::perform(Call::new(self.object, "wake", location), wake, |()| Outcome::Gave(Value::Text(how)));
        guard.checked()
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
