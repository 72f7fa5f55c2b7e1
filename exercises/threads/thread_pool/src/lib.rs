//! A pool of threads that steal work from each other, with `join` and `scope`.
//!
//! Each worker has a deque. `join(a, b)` pushes `b`, runs `a`, and mostly finds `b` where it left it; whoever has nothing to do
//! takes the oldest job of somebody else, which is the largest piece (Blumofe and Leiserson, *Scheduling Multithreaded
//! Computations by Work Stealing*, J. ACM 1999).
//!
//! Work in the order of the steps: `sleep`, `job`, and then this file from top to bottom. README.md tells the task, and
//! `cargo xtask hint thread_pool` helps.
//!
//! | module | what it is |
//! | --- | --- |
//! | `deque` | the deque; given |
//! | [`job`] | jobs on the stack and on the heap, and the latches that say that they are done: step 2 |
//! | [`sleep`] | sleep without a lost wakeup: step 1 |

#![expect(unused_imports, unused_variables, dead_code, reason = "delete this line when the steps are done")]

use std::{any::Any, collections::VecDeque, fmt, marker::PhantomData, panic::AssertUnwindSafe};

use lab::{
    panic::{catch_unwind, resume_unwind},
    par,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use crate::{
    deque::{Deque, Stealer},
    job::{CountLatch, JobRef, StackJob, Waiter},
    sleep::Sleep,
};

mod deque;
pub mod job;
pub mod sleep;

/// How often a worker that has found nothing lets others run and looks again, before it sleeps: a stolen job is often done by
/// then. In a model that would only be more of the same.
const LOOKS: u32 = if cfg!(feature = "model") { 0 } else { 16 };

/// What the workers and the pool share.
#[derive(Debug)]
struct Shared {
    /// The thieves' end of each worker's deque.
    stealers: Vec<Stealer>,
    /// Jobs from outside the pool. A mutex: one visit for each `install`, and one for each look of a worker that has nothing
    /// to do.
    injected: Mutex<VecDeque<JobRef>>,
    sleep: Sleep,
    /// Set when the pool is dropped: workers end.
    over: AtomicBool,
}

impl Shared {
    fn injected(&self) -> MutexGuard<'_, VecDeque<JobRef>> {
        self.injected.lock().expect("nobody panics with the queue in hand")
    }

    fn is_work(&self) -> bool {
        self.stealers.iter().any(|stealer| !stealer.is_empty()) || !self.injected().is_empty()
    }
}

/// Threads that work for whoever asks. Dropping it ends them, and waits for that.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// Starts `threads` workers.
    ///
    /// # Panics
    /// If `threads` is 0, or if the system refuses the threads.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        todo!("step 3: a deque for each, what all of them share, and the threads")
    }

    /// How many workers it has.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads.len()
    }

    /// Runs `f` on a worker and waits for its result. Any number of threads may do so at a time.
    ///
    /// Not for the pool's own workers: one that waits here runs nothing else meanwhile.
    ///
    /// # Panics
    /// If `f` panics, with its payload.
    pub fn install<R: Send>(&self, f: impl FnOnce(&Worker) -> R + Send) -> R {
        todo!("step 3: queue a job that lies here, wake a worker, and wait until its latch is set")
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        todo!("step 3: tell the workers that it is over, and join them")
    }
}

/// The worker that runs a job: how the job forks.
pub struct Worker {
    index: usize,
    deque: Deque,
    shared: Arc<Shared>,
    /// The owner's end of a deque is for one thread: a job may not lend its worker to the jobs that it forks.
    on_its_thread: PhantomData<*const ()>,
}

impl fmt::Debug for Worker {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "worker {}", self.index)
    }
}

impl Worker {
    /// Which worker of the pool it is, from 0.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    pub(crate) fn sleep(&self) -> &Sleep {
        &self.shared.sleep
    }

    /// Runs `a` and `b`, in parallel where a worker is free, and returns when both have ended.
    ///
    /// # Panics
    /// If one of the two panics, with its payload; if both do, with that of `a`. If `a` panics, `b` is not begun any more, and
    /// if it was begun already, it is waited for.
    #[inline]
    pub fn join<A, B, RA, RB>(&self, a: A, b: B) -> (RA, RB)
    where
        A: FnOnce(&Worker) -> RA + Send,
        B: FnOnce(&Worker) -> RB + Send,
        RA: Send,
        RB: Send,
    {
        if par::is_counting() { self.join_counted(a, b) } else { self.fork(a, b) }
    }

    /// The same where `lab::par` counts work and span. Given.
    #[cold]
    fn join_counted<A, B, RA, RB>(&self, a: A, b: B) -> (RA, RB)
    where
        A: FnOnce(&Worker) -> RA + Send,
        B: FnOnce(&Worker) -> RB + Send,
        RA: Send,
        RB: Send,
    {
        par::fork_by(|left, right| self.fork(|worker| left.run(|| a(worker)), |worker| right.run(|| b(worker))))
    }

    #[inline]
    fn fork<A, B, RA, RB>(&self, a: A, b: B) -> (RA, RB)
    where
        A: FnOnce(&Worker) -> RA + Send,
        B: FnOnce(&Worker) -> RB + Send,
        RA: Send,
        RB: Send,
    {
        todo!("step 4: offer `b`, run `a`, and take `b` back or help until it is done")
    }

    /// Runs `body`, which may spawn jobs that borrow from outside of it, and returns when all of them have ended.
    ///
    /// # Panics
    /// If the body panics, with its payload; else if a job does, with that of the first. All of them have ended before.
    pub fn scope<'scope, R>(&self, body: impl FnOnce(&Scope<'_, 'scope>) -> R) -> R {
        todo!("step 5: the body, then the jobs, and then whatever has panicked")
    }

    /// `map` of each item, put together by `reduce` from left to right, in parallel: by halves, down to pieces of at most
    /// `grain` items. `reduce` is associative.
    ///
    /// # Panics
    /// If `items` is empty or `grain` is 0; if `map` or `reduce` panics.
    pub fn map_reduce<T, R, M, C>(&self, items: &[T], grain: usize, map: &M, reduce: &C) -> R
    where
        T: Sync,
        R: Send,
        M: Fn(&T) -> R + Sync,
        C: Fn(R, R) -> R + Sync,
    {
        todo!("step 6: by halves")
    }

    /// Offers a job to whoever is free.
    #[inline]
    fn push(&self, job: JobRef) {
        self.deque.push(job);
        // After the push: see `Sleep`.
        self.shared.sleep.wake_one();
    }

    /// A job to run: the own that was pushed last, else one from outside, else the oldest of another worker.
    fn find(&self) -> Option<JobRef> {
        todo!("step 3: your own last, from outside, or somebody else's first")
    }

    /// Runs jobs until `is_over`, and sleeps when there are none. It is how a worker spends its life, and how it waits.
    #[cold]
    fn work_until(&self, is_over: impl Fn() -> bool) {
        todo!("step 3: run what you find until it is over; let others run a few times, and then sleep")
    }
}

/// Where the body of [`Worker::scope`], and what it spawned, may spawn more.
#[derive(Debug)]
pub struct Scope<'a, 'scope> {
    worker: &'a Worker,
    jobs: &'a Jobs,
    /// Exactly what the jobs may borrow: no longer, or they could outlive it, and no shorter.
    lifetime: PhantomData<fn(&'scope ()) -> &'scope ()>,
}

/// What the jobs of a scope share.
#[derive(Debug)]
struct Jobs {
    /// Counts those that have not ended, and the body.
    latch: CountLatch,
    /// Of the first job that panicked. A mutex: only who panics comes here.
    payload: Mutex<Option<Box<dyn Any + Send>>>,
}

/// The jobs of a scope, for one of them. A pointer and not a reference: they may be gone as soon as it has ended.
#[derive(Debug, Clone, Copy)]
struct JobsRef(*const Jobs);

// SAFETY: everything in `Jobs` may be shared.
unsafe impl Send for JobsRef {}

impl JobsRef {
    /// Runs a job with a scope to spawn more on.
    ///
    /// # Safety
    /// The caller counts as running.
    unsafe fn run<'scope>(self, worker: &Worker, job: impl FnOnce(&Scope<'_, 'scope>)) {
        // SAFETY: the scope waits for the caller, so the jobs are there.
        job(&Scope { worker, jobs: unsafe { &*self.0 }, lifetime: PhantomData });
    }

    /// The caller has ended, and how.
    ///
    /// # Safety
    /// The caller counts as running, and does so no longer.
    unsafe fn ended(self, worker: &Worker, result: thread::Result<()>) {
        if let Err(payload) = result {
            // SAFETY: the scope waits for the caller, so the jobs are there.
            unsafe { &*self.0 }.payload.lock().expect("nobody panics with the payload in hand").get_or_insert(payload);
        }
        // SAFETY: the same. It is the last thing: the jobs may be gone then.
        unsafe { CountLatch::ended(&raw const (*self.0).latch, worker.sleep()) };
    }
}

impl<'scope> Scope<'_, 'scope> {
    /// The worker that runs this: how to fork here.
    #[must_use]
    pub fn worker(&self) -> &Worker {
        self.worker
    }

    /// Leaves `job` to any worker, to be run before the scope returns. It may spawn more on the scope that it is given.
    pub fn spawn(&self, job: impl FnOnce(&Scope<'_, 'scope>) + Send + 'scope) {
        todo!("step 5: count the job, and push it on this worker")
    }
}
