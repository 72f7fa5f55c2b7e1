//! How a worker sleeps without missing what it should be woken for.
//!
//! Who has nothing to do says so, looks again, and only then sleeps. Who has something to do for others makes it visible,
//! and only then looks for sleepers. Whichever of the two comes second sees the other:
//!
//! | the sleeper | whoever wakes |
//! | --- | --- |
//! | 1. stands in `sleepers` | 1. publishes a job, or that it is done |
//! | 2. fence | 2. fence |
//! | 3. looks for that once more | 3. looks whether anybody stands in `sleepers` |

use lab::{
    sync::{
        Mutex, MutexGuard,
        atomic::{
            AtomicUsize,
            Ordering::{Relaxed, SeqCst},
            fence,
        },
    },
    thread::{self, Thread},
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
        let mut sleepers = self.lock();
        sleepers.push((index, thread::current()));
        self.count.store(sleepers.len(), Relaxed);
        // Pairs with the fence in `somebody_sleeps`: either that one sees the new count, or `is_work` sees what was published
        // before it. Without both of them, each could look before the other's store has arrived.
        fence(SeqCst);
        // Still under the lock: whoever has seen the count waits here, and wakes somebody who will not find work by himself.
        if is_work() {
            sleepers.pop();
            self.count.store(sleepers.len(), Relaxed);
            return;
        }
        drop(sleepers);
        // A park may end for no reason. Who has woken this thread has taken it off the list first.
        while self.lock().iter().any(|(sleeper, _)| *sleeper == index) {
            thread::park();
        }
    }

    /// Wakes one sleeper, if there is one: there is one job more, whoever does it. Costs a fence and a load if nobody sleeps.
    #[inline]
    pub fn wake_one(&self) {
        if self.somebody_sleeps() {
            self.wake_where(|_| true);
        }
    }

    /// Wakes worker `index`, if it sleeps: what it waits for is done.
    #[inline]
    pub fn wake(&self, index: usize) {
        if self.somebody_sleeps() {
            self.wake_where(|sleeper| sleeper == index);
        }
    }

    /// Wakes all who sleep.
    pub fn wake_all(&self) {
        while self.somebody_sleeps() {
            self.wake_where(|_| true);
        }
    }

    /// Whether somebody may sleep who has not seen what this thread has published before.
    #[inline]
    fn somebody_sleeps(&self) -> bool {
        // Pairs with the fence in `sleep_unless`.
        fence(SeqCst);
        self.count.load(Relaxed) > 0
    }

    /// Takes the last who went to sleep, of those that fit, off the list and wakes it: its cache is the warmest.
    #[cold]
    fn wake_where(&self, fits: impl Fn(usize) -> bool) {
        let mut sleepers = self.lock();
        let Some(place) = sleepers.iter().rposition(|(index, _)| fits(*index)) else { return };
        let (_, thread) = sleepers.remove(place);
        self.count.store(sleepers.len(), Relaxed);
        drop(sleepers);
        thread.unpark();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(usize, Thread)>> {
        self.sleepers.lock().expect("nobody panics with the list of sleepers in hand")
    }
}
