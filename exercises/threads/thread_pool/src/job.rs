//! What the workers pass around: a job that somebody waits for, and the latch that says that it is done. Step 2.

#![expect(unused_imports, unused_variables, reason = "delete this line when the step is done")]

use std::{panic::AssertUnwindSafe, ptr};

use lab::{
    cell::UnsafeCell,
    panic::catch_unwind,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread::{self, Thread},
    tracked::Tracked,
};

use crate::{Worker, sleep::Sleep};

/// A job somewhere in memory, of whatever type: where it is, and how to run it there.
///
/// Whoever makes one promises that the job stays where it is until it is run or taken back, and that it is run once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JobRef {
    job: *const (),
    run: unsafe fn(*const (), &Worker),
}

// SAFETY: only `Send` closures become jobs, and a job is run by one thread.
unsafe impl Send for JobRef {}

impl JobRef {
    /// Whether both are the same job. Of two jobs that exist at the same time, no two are in the same place.
    #[inline]
    pub(crate) fn is(self, other: Self) -> bool {
        ptr::eq(self.job, other.job)
    }

    /// Runs the job; never panics.
    ///
    /// # Safety
    /// The reference was just taken out of a queue, so that nobody else runs the same job.
    pub(crate) unsafe fn run(self, worker: &Worker) {
        // In a trace: what was stolen or came from outside. What was taken back is part of the job that forked it.
        let _span = lab::span!("job");
        // SAFETY: whoever queued the job has kept it in its place, and the caller alone has it.
        unsafe { (self.run)(self.job, worker) }
    }

    /// A job on the heap, for what nobody's stack frame can keep. `f` must not panic.
    ///
    /// # Safety
    /// What `f` borrows must live until the job has been run.
    pub(crate) unsafe fn on_heap<F: FnOnce(&Worker) + Send>(f: F) -> Self {
        /// # Safety
        /// `job` is the box of `on_heap`, and this is the only call with it.
        unsafe fn run<F: FnOnce(&Worker)>(job: *const (), worker: &Worker) {
            // SAFETY: by the contract of `run`.
            let f = unsafe { Box::from_raw(job.cast_mut().cast::<F>()) };
            f(worker);
        }
        Self { job: Box::into_raw(Box::new(f)).cast_const().cast(), run: run::<F> }
    }
}

/// Who waits for a latch, and so how to wake it.
#[derive(Debug, Clone)]
pub(crate) enum Waiter {
    /// A worker: it runs other jobs meanwhile, and sleeps in the pool's [`Sleep`].
    Worker(usize),
    /// A thread outside the pool: it is parked.
    Caller(Thread),
}

/// A flag that is set once, and whose setting wakes who waits for it.
///
/// | `done` | meaning | who sets it |
/// | --- | --- | --- |
/// | `false` | somebody may still use the job around it | `new` |
/// | `true` | nobody will touch the job again but the one who waits | `set`, as the last thing |
#[derive(Debug)]
pub(crate) struct Latch {
    done: AtomicBool,
    /// A model watches it: to look at it when the latch is set is to look into a frame that may be gone.
    waiter: Tracked<Waiter>,
}

impl Latch {
    #[inline]
    pub(crate) fn new(waiter: Waiter) -> Self {
        Self { done: AtomicBool::new(false), waiter: Tracked::new(waiter) }
    }

    /// Whether the job is done; if so, all that it wrote is seen.
    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        todo!("step 2: whether it is set, and what that acquires")
    }

    /// Says that the job is done, and wakes who waits.
    ///
    /// A pointer and not a reference, because the latch may be gone before this returns: the one who waits sees `done`
    /// and leaves the stack frame that it lies in. So nothing of it is used after the store.
    ///
    /// # Safety
    /// The latch must live until it is set; `sleep` is that of the pool whose worker waits.
    pub(crate) unsafe fn set(latch: *const Self, sleep: &Sleep) {
        todo!("step 2: set it, and wake who waits; after the store nothing of the latch is there any more")
    }
}

/// A latch for several jobs: set when as many have ended as were counted.
///
/// | `running` | meaning | who sets it |
/// | --- | --- | --- |
/// | 1 or more | so many have not ended | `new` and `add`, and `ended` |
/// | 0 | all have ended | the `ended` that also sets the latch |
#[derive(Debug)]
pub struct CountLatch {
    running: AtomicUsize,
    latch: Latch,
}

impl CountLatch {
    /// A latch that worker `index` waits for. It counts one: whoever makes it, and may still add more.
    #[must_use]
    pub fn new(index: usize) -> Self {
        Self { running: AtomicUsize::new(1), latch: Latch::new(Waiter::Worker(index)) }
    }

    /// Counts one more. For somebody who is counted and has not ended, so that the count does not come back from 0.
    pub fn add(&self) {
        todo!("step 2: one more")
    }

    /// Whether all have ended; if so, all that they wrote is seen.
    #[must_use]
    pub fn is_set(&self) -> bool {
        todo!("step 2: as that of the latch")
    }

    /// One of those that were counted has ended. The last sets the latch, and wakes who waits.
    ///
    /// # Safety
    /// The caller is counted, and says so once; `sleep` is that of the pool whose worker waits. After the last such call the
    /// latch may be gone.
    pub unsafe fn ended(latch: *const Self, sleep: &Sleep) {
        todo!("step 2: one less; the last sets the latch. What must it have seen of the others?")
    }
}

/// A closure that lies in the stack frame of the one who waits for its result. No allocation, at any depth of recursion.
#[derive(Debug)]
pub(crate) struct StackJob<F, R> {
    f: UnsafeCell<Option<F>>,
    result: UnsafeCell<Option<thread::Result<R>>>,
    pub(crate) latch: Latch,
}

impl<F: FnOnce(&Worker) -> R + Send, R: Send> StackJob<F, R> {
    #[inline]
    pub(crate) fn new(f: F, waiter: Waiter) -> Self {
        Self { f: UnsafeCell::new(Some(f)), result: UnsafeCell::new(None), latch: Latch::new(waiter) }
    }

    /// The job as something to queue.
    ///
    /// # Safety
    /// The job must not be moved or dropped until its latch is set, or until the caller has the reference back. A panic is no
    /// excuse.
    #[inline]
    pub(crate) unsafe fn reference(&self) -> JobRef {
        JobRef { job: ptr::from_ref(self).cast(), run: Self::run }
    }

    /// # Safety
    /// `job` is what [`reference`](Self::reference) took, and this is the only call with it.
    unsafe fn run(job: *const (), worker: &Worker) {
        todo!("step 2: run the closure, keep its result or its panic, and set the latch last")
    }

    /// The closure, of a job that nobody has run.
    #[inline]
    pub(crate) fn take_back(self) -> F {
        self.f.into_inner().expect("nobody has run the job")
    }

    /// What has come of the job.
    #[inline]
    pub(crate) fn into_result(self) -> thread::Result<R> {
        self.result.into_inner().expect("the latch is set when the result is there")
    }
}
