//! A semaphore, an event and a barrier: each is a state, a lock around it, and a condition variable to wait on.
//!
//! Work from top to bottom; README.md tells the task, and `cargo xtask hint sync_kit` helps. What is public stays as it is;
//! the private fields are yours to change.

#![forbid(unsafe_code)]

use lab::sync::{Condvar, Mutex};

/// A number of permits: so many threads may hold one at the same time. Not fair: who comes at the right moment overtakes.
#[derive(Debug)]
#[expect(dead_code, reason = "delete this line when you use the fields")]
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
        todo!("step 1: wait while no permit is free, and take one")
    }

    /// Takes a permit if one is free, and never waits for one.
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        todo!("step 3: look and take with the lock held, but do not wait")
    }

    /// Adds so many permits, and wakes whoever can go on with them. Nobody need have held them before.
    ///
    /// # Panics
    /// If there were more free permits than a `usize` can count. Then nothing has changed.
    #[expect(unused_variables, reason = "delete this line when you use it")]
    pub fn release(&self, count: usize) {
        todo!("step 2: add so many permits, and wake as many as may go on")
    }

    /// How many permits are free at the moment. The next moment it may be another number.
    pub fn available(&self) -> usize {
        todo!("step 1: look, with the lock held")
    }
}

/// One permit of a [`Semaphore`]. Dropping it gives it back, also when a panic does; `std::mem::forget` keeps it for good.
#[derive(Debug)]
#[must_use = "a permit that is not kept is given back at once"]
#[expect(dead_code, reason = "delete this line when you use the field")]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        // This `if` goes with the `todo!`, which would end the process where another panic unwinds already.
        if !lab::thread::panicking() {
            todo!("step 2: give the permit back")
        }
    }
}

/// Something that has happened or has not: threads wait until it has.
#[derive(Debug)]
#[expect(dead_code, reason = "delete this line when you use the fields")]
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
        todo!("step 4: change the state, and wake whoever may go on")
    }

    /// It has not happened any more: whoever comes now waits. A sleeper that is still on its way out may be kept in.
    pub fn clear(&self) {
        todo!("step 4: change the state back")
    }

    /// Waits until it has happened. What a thread did before [`set`](Self::set) is seen by whoever returns from here.
    pub fn wait(&self) {
        todo!("step 4: wait while it has not happened")
    }

    /// Whether it has happened.
    pub fn is_set(&self) -> bool {
        todo!("step 4: look, with the lock held")
    }
}

/// A place where a fixed number of threads wait for each other, again and again.
#[derive(Debug)]
#[expect(dead_code, reason = "delete this line when you use the fields")]
pub struct Barrier {
    threads: usize,
    /// How many have come. Is that all that a thread must know to say that its round is over?
    arrived: Mutex<usize>,
    /// Rung when a round is over.
    over: Condvar,
}

impl Barrier {
    /// A barrier for so many threads.
    ///
    /// # Panics
    /// If `threads` is 0.
    pub fn new(threads: usize) -> Self {
        assert!(threads > 0, "a barrier needs a thread to wait for");
        Self { threads, arrived: Mutex::new(0), over: Condvar::new() }
    }

    /// Waits until all threads have come. True for exactly one of them, the leader of this round.
    ///
    /// What each of them did before it came is seen by all when they have left.
    pub fn wait(&self) -> bool {
        todo!("step 5: count yourself, and wait until your round is over")
    }
}
