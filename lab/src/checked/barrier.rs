//! A barrier: everybody waits for the last.

use std::{fmt, panic::Location, sync::atomic::Ordering::AcqRel};

use loom::sync::atomic::AtomicUsize;

use super::block::Waiters;
use crate::model::engine::{self, Call, Object, Outcome, Value};

/// `std::sync::Barrier` in a model.
pub struct Barrier {
    object: Object,
    size: usize,
    /// How many have come, over all rounds.
    arrived: AtomicUsize,
    waiters: Waiters,
}

/// Whether a thread was the last to come.
#[derive(Debug)]
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// True for one thread of each round.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

impl Barrier {
    /// A barrier for `size` threads. Not `const`.
    #[track_caller]
    #[must_use]
    pub fn new(size: usize) -> Self {
        let location = Location::caller();
        engine::quietly(|| Self {
            object: engine::new_object("Barrier", location),
            size: size.max(1),
            arrived: AtomicUsize::new(0),
            waiters: Waiters::default(),
        })
    }

    /// Waits until `size` threads wait.
    #[track_caller]
    pub fn wait(&self) -> BarrierWaitResult {
        let act = |_| {
            // Everybody releases; the last acquires from all, and waking hands it on.
            let leader = (self.arrived.fetch_add(1, AcqRel) + 1).is_multiple_of(self.size);
            if leader {
                self.waiters.wake_all();
            } else {
                self.waiters.wait();
            }
            leader
        };
        let outcome = |leader: &bool| if *leader { Outcome::Gave(Value::Text("leader")) } else { Outcome::Done };
        BarrierWaitResult(engine::perform(Call::new(self.object, "wait", Location::caller()), act, outcome))
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Barrier { .. }")
    }
}
