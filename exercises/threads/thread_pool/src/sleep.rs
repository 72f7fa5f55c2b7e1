//! How a worker sleeps without missing what it should be woken for. Step 1.
//!
//! Who has nothing to do says so, looks again, and only then sleeps. Who has something to do for others makes it visible,
//! and only then looks for sleepers. Whichever of the two comes second sees the other:
//!
//! | the sleeper | whoever wakes |
//! | --- | --- |
//! | 1. stands in `sleepers` | 1. publishes a job, or that it is done |
//! | 2. fence | 2. fence |
//! | 3. looks for that once more | 3. looks whether anybody stands in `sleepers` |

#![expect(unused_variables, dead_code, reason = "delete this line when the step is done")]

use lab::{
    sync::{Mutex, atomic::AtomicUsize},
    thread::Thread,
};

/// The workers that sleep.
#[derive(Debug, Default)]
pub struct Sleep {
    /// Who sleeps, by the worker's index, or is about to. A mutex: a worker enters once for each sleep, and leaves when it is
    /// woken; nobody comes here while all are at work.
    sleepers: Mutex<Vec<(usize, Thread)>>,
    /// How many stand in `sleepers`: what `wake_one` and `wake` look at without the lock. Written only under the lock.
    count: AtomicUsize,
}

impl Sleep {
    /// Nobody sleeps.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts the calling thread, which is worker `index`, to sleep until it is woken; at once back if `is_work` says that there
    /// is something to do after all.
    ///
    /// `is_work` must not wake anybody: it is called while the list of sleepers is locked.
    pub fn sleep_unless(&self, index: usize, is_work: impl FnOnce() -> bool) {
        todo!("step 1: say that you sleep, look again, sleep until you are taken off the list")
    }

    /// Wakes one sleeper, if there is one: there is one job more, whoever does it. Costs a fence and a load if nobody sleeps.
    #[inline]
    pub fn wake_one(&self) {
        todo!("step 1: one of those who sleep, and nothing but a fence and a load if nobody does")
    }

    /// Wakes worker `index`, if it sleeps: what it waits for is done.
    #[inline]
    pub fn wake(&self, index: usize) {
        todo!("step 1: this one, if it sleeps")
    }

    /// Wakes all who sleep.
    pub fn wake_all(&self) {
        todo!("step 1: all of them")
    }
}
