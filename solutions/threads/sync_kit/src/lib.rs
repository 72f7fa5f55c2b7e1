//! A semaphore, an event and a barrier: each is a state, a lock around it, and a condition variable to wait on.
//!
//! All three follow one pattern. Whoever changes the state holds the lock and wakes those who may go on now; whoever waits
//! asks the state, with the lock held, before the wait and after every wake-up.
//!
//! After A. B. Downey, *The Little Book of Semaphores*, 2nd edition, sections 3.5 to 3.7.

#![forbid(unsafe_code)]

use lab::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The lock, whether or not a thread has panicked with it.
///
/// A poison warns of a state that is half changed. Every state here changes in its last step that can fail, so it never is.
fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives the lock back, sleeps, and takes it again: perhaps for no reason, so the caller has to look at the state again.
fn sleep<'a, T>(bell: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    bell.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

/// A number of permits: so many threads may hold one at the same time. Not fair: who comes at the right moment overtakes.
#[derive(Debug)]
pub struct Semaphore {
    /// The free ones.
    permits: Mutex<usize>,
    /// Rung when there are more of them.
    returned: Condvar,
}

impl Semaphore {
    /// A semaphore with so many free permits; none is a good beginning where one thread waits for another's signal.
    pub fn new(permits: usize) -> Self {
        Self { permits: Mutex::new(permits), returned: Condvar::new() }
    }

    /// Waits until a permit is free, and takes it.
    pub fn acquire(&self) -> Permit<'_> {
        let mut permits = lock(&self.permits);
        // While, and not if: a thread may wake for no reason, and between the bell and this thread's turn to hold the lock
        // another may have come and taken the permit.
        while *permits == 0 {
            permits = sleep(&self.returned, permits);
        }
        *permits -= 1;
        Permit { semaphore: self }
    }

    /// Takes a permit if one is free, and never waits for one.
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        let mut permits = lock(&self.permits);
        *permits = permits.checked_sub(1)?;
        Some(Permit { semaphore: self })
    }

    /// Adds so many permits, and wakes whoever can go on with them. Nobody need have held them before.
    ///
    /// # Panics
    /// If there were more free permits than a `usize` can count. Then nothing has changed.
    pub fn release(&self, count: usize) {
        let mut permits = lock(&self.permits);
        *permits = permits.checked_add(count).expect("there can be no more than usize::MAX free permits");
        // Every sleeper waits for the same and takes one permit: one bell for one permit. It rings also where there were free
        // permits already: the sleeper they are for may still be on its way, and this one is for somebody else.
        match count {
            0 => {}
            1 => self.returned.notify_one(),
            _ => self.returned.notify_all(),
        }
    }

    /// How many permits are free at the moment. The next moment it may be another number.
    pub fn available(&self) -> usize {
        *lock(&self.permits)
    }
}

/// One permit of a [`Semaphore`]. Dropping it gives it back, also when a panic does; `std::mem::forget` keeps it for good.
#[derive(Debug)]
#[must_use = "a permit that is not kept is given back at once"]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.semaphore.release(1);
    }
}

/// Something that has happened or has not: threads wait until it has.
#[derive(Debug)]
pub struct Event {
    /// Whether it has happened.
    set: Mutex<bool>,
    /// Rung when it happens.
    happened: Condvar,
}

impl Default for Event {
    fn default() -> Self {
        Self::new()
    }
}

impl Event {
    /// An event that has not happened.
    pub fn new() -> Self {
        Self { set: Mutex::new(false), happened: Condvar::new() }
    }

    /// It has happened: everybody who waits may go, and so may all who come until [`clear`](Self::clear).
    pub fn set(&self) {
        *lock(&self.set) = true;
        // All, for all of them may go. The lock is free again, and need not be held here: whoever has looked at the state
        // before it changed is asleep by now, because looking and falling asleep are one step for everybody who locks.
        self.happened.notify_all();
    }

    /// It has not happened any more: whoever comes now waits. A sleeper that is still on its way out may be kept in.
    pub fn clear(&self) {
        *lock(&self.set) = false;
    }

    /// Waits until it has happened. What a thread did before [`set`](Self::set) is seen by whoever returns from here.
    pub fn wait(&self) {
        let mut set = lock(&self.set);
        while !*set {
            set = sleep(&self.happened, set);
        }
    }

    /// Whether it has happened.
    pub fn is_set(&self) -> bool {
        *lock(&self.set)
    }
}

/// A place where a fixed number of threads wait for each other, again and again.
#[derive(Debug)]
pub struct Barrier {
    threads: usize,
    round: Mutex<Round>,
    /// Rung when a round is over.
    over: Condvar,
}

/// Where a [`Barrier`] is.
#[derive(Debug)]
struct Round {
    /// Which one it is. What sleepers wait for is a change of this number, which a fast thread that comes back at once
    /// cannot undo, as it could with `arrived`. It may wrap: nobody sleeps through 2^64 rounds.
    number: u64,
    /// How many have come to it; always fewer than all, for the last begins the next round.
    arrived: usize,
}

impl Barrier {
    /// A barrier for so many threads.
    ///
    /// # Panics
    /// If `threads` is 0.
    pub fn new(threads: usize) -> Self {
        assert!(threads > 0, "a barrier needs a thread to wait for");
        Self { threads, round: Mutex::new(Round { number: 0, arrived: 0 }), over: Condvar::new() }
    }

    /// Waits until all threads have come. True for exactly one of them, the leader of this round.
    ///
    /// What each of them did before it came is seen by all when they have left.
    pub fn wait(&self) -> bool {
        let mut round = lock(&self.round);
        round.arrived += 1;
        if round.arrived == self.threads {
            round.arrived = 0;
            round.number = round.number.wrapping_add(1);
            self.over.notify_all();
            return true;
        }
        let mine = round.number;
        while round.number == mine {
            round = sleep(&self.over, round);
        }
        false
    }
}
