//! What every blocking type is built on: a place to wait, an order to explore, and memory to hand over.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};

use loom::sync::atomic::AtomicUsize;

use crate::model::engine::{self, Blocked};

/// Threads that wait, the one that has waited longest first.
///
/// `std`'s own `Mutex` and `AtomicBool` are safe here, though loom knows nothing of them: all threads of a model are
/// coroutines on one thread of the operating system, and no lock is held while another coroutine runs.
#[derive(Default)]
pub(crate) struct Waiters(Mutex<VecDeque<Waiter>>);

struct Waiter {
    woken: Arc<AtomicBool>,
    thread: loom::thread::Thread,
}

/// A place in the queue.
pub(crate) struct Place(Arc<AtomicBool>);

impl Waiters {
    /// Takes a place in the queue. Call inside [`perform`](crate::model::engine::perform), like everything here.
    pub(crate) fn queue(&self) -> Place {
        let woken = Arc::new(AtomicBool::new(false));
        self.queued().push_back(Waiter { woken: woken.clone(), thread: loom::thread::current() });
        Place(woken)
    }

    /// Waits in the queue.
    pub(crate) fn wait(&self) {
        self.queue().wait();
    }

    /// Waits in the queue, or until no other thread can run; false if it was that.
    pub(crate) fn wait_timed(&self) -> bool {
        self.queue().wait_timed(self)
    }

    /// Wakes the one that has waited longest; false if nobody waits.
    pub(crate) fn wake_one(&self) -> bool {
        let waiter = self.queued().pop_front();
        waiter.map(Waiter::wake).is_some()
    }

    /// Wakes all; false if nobody waits.
    pub(crate) fn wake_all(&self) -> bool {
        let waiters = std::mem::take(&mut *self.queued());
        let any = !waiters.is_empty();
        waiters.into_iter().for_each(Waiter::wake);
        any
    }

    fn queued(&self) -> std::sync::MutexGuard<'_, VecDeque<Waiter>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Waiter {
    fn wake(self) {
        self.woken.store(true, Relaxed);
        self.thread.unpark();
    }
}

impl Place {
    /// Waits until woken, or until no other thread can run; false if it was that. `queue` is where the place was taken.
    pub(crate) fn wait_timed(self, queue: &Waiters) -> bool {
        engine::block_timed(&self.0);
        while !self.0.load(Relaxed) {
            loom::thread::park();
        }
        let woken = !engine::timed_out(&self.0);
        if !woken {
            queue.queued().retain(|waiter| !Arc::ptr_eq(&waiter.woken, &self.0));
        }
        woken
    }

    /// Waits until woken.
    pub(crate) fn wait(self) {
        engine::block(Blocked::Until(self.0.clone()));
        while !self.0.load(Relaxed) {
            loom::thread::park();
        }
    }
}

/// What the search orders operations by that have no atomic of their own: any two that pass are explored in both orders.
///
/// It orders no memory, not even with a fence beside it, for nothing is ever stored.
pub(crate) struct Turnstile(AtomicUsize);

impl Turnstile {
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Other threads may run before. From then on to the next call to loom, none does.
    pub(crate) fn pass(&self) {
        look(&self.0, Relaxed);
    }
}

/// What one thread has done, handed over to another: what came before a [`give`](Self::give) happens before what comes
/// after a later [`take`](Self::take).
pub(crate) struct Handover(AtomicUsize);

impl Handover {
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Adds what this thread has done. Call right after a [`Turnstile`], like [`take`](Self::take): no other thread runs
    /// in between.
    pub(crate) fn give(&self) {
        // A read-modify-write, so that what was given before stays. Matches the Acquire of `take`.
        engine::whole(|| self.0.fetch_add(1, Release));
    }

    /// Takes all that was given. Who takes hands nothing over to the next who takes.
    pub(crate) fn take(&self) {
        // Matches the Release of `give`.
        engine::whole(|| look(&self.0, Acquire));
    }
}

/// What one thread has done, handed over once. Unlike a [`Handover`] it may be made by a thread that the taker knows nothing
/// of yet: loom takes the making of an atomic for an access to it, but not that of a lock.
pub(crate) struct Parcel(loom::sync::Mutex<()>);

impl Parcel {
    /// What this thread has done so far. Call right after a [`Turnstile`], like [`take`](Self::take).
    pub(crate) fn pack() -> Self {
        let parcel = Self(loom::sync::Mutex::new(()));
        parcel.pass();
        parcel
    }

    /// Takes it.
    pub(crate) fn take(&self) {
        self.pass();
    }

    fn pass(&self) {
        // Nobody else has it: neither a wait nor, with the guard gone at once, a poison.
        engine::whole(|| drop(self.0.lock()));
    }
}

/// No word is ever this: a compare-exchange with it only looks, at the newest value.
const NEVER: usize = usize::MAX;

fn look(word: &AtomicUsize, ordering: std::sync::atomic::Ordering) {
    let unchanged = word.compare_exchange(NEVER, NEVER, ordering, ordering);
    debug_assert!(unchanged.is_err(), "a word is never this");
}
