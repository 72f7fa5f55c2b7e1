//! The mark that a panic leaves on a lock, for the two locks that have one.

use std::{
    panic::Location,
    sync::{
        LockResult, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use super::block::Turnstile;
use crate::model::engine::{self, Call, Object, Outcome, Value};

/// Whether a guard was dropped by a panic. `std`'s own atomic: it is looked at only where no other thread of the model can
/// come between.
#[derive(Default)]
pub(super) struct Poison(AtomicBool);

impl Poison {
    /// A guard has gone; `poisons` says whether by a panic.
    pub(super) fn add(&self, poisons: bool) {
        self.0.fetch_or(poisons, Relaxed);
    }

    /// `value`, as an error if the lock is poisoned.
    pub(super) fn checked<V>(&self, value: V) -> LockResult<V> {
        if self.is_there() { Err(PoisonError::new(value)) } else { Ok(value) }
    }

    /// What taking the lock came to.
    pub(super) fn told(&self) -> Outcome {
        told(self.is_there())
    }

    /// What an attempt to take the lock came to.
    pub(super) fn attempted(&self, taken: bool) -> Outcome {
        Outcome::Gave(Value::Text(match (taken, self.is_there()) {
            (false, _) => "WouldBlock",
            (true, true) => "poisoned",
            (true, false) => "Ok",
        }))
    }

    /// `is_poisoned` as a step of the model.
    pub(super) fn ask(&self, object: Object, turnstile: &Turnstile, location: &'static Location<'static>) -> bool {
        let act = |_| {
            turnstile.pass();
            self.is_there()
        };
        engine::perform(Call::new(object, "is_poisoned", location), act, |poisoned| Outcome::Gave((*poisoned).into()))
    }

    /// `clear_poison` as a step of the model.
    pub(super) fn clear(&self, object: Object, turnstile: &Turnstile, location: &'static Location<'static>) {
        let act = |_| {
            turnstile.pass();
            self.0.store(false, Relaxed);
        };
        engine::perform(Call::new(object, "clear_poison", location), act, |()| Outcome::Done);
    }

    fn is_there(&self) -> bool {
        self.0.load(Relaxed)
    }
}

/// The outcome of a step, and that it left or met the mark.
pub(super) fn told(poisoned: bool) -> Outcome {
    if poisoned { Outcome::Gave(Value::Text("poisoned")) } else { Outcome::Done }
}
