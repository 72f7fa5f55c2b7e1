//! Threads that wait until another wakes them: what every blocking type is built on.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

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
    /// Waits until woken.
    pub(crate) fn wait(self) {
        engine::block(Blocked::Until(self.0.clone()));
        while !self.0.load(Relaxed) {
            loom::thread::park();
        }
    }
}
