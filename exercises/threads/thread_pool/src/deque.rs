//! The deque of a worker: its owner pushes and pops at one end, thieves steal at the other. Given; nothing to do here.
//!
//! Ordinarily it is crossbeam's, which is Chase and Lev's (SPAA 2005): no lock, and no atomic read-modify-write in a push. For
//! the model it is a queue behind a mutex that does the same: what is under test is the pool, and not the deque.

pub(crate) use self::chosen::{Deque, Stealer};

#[cfg(not(feature = "model"))]
mod chosen {
    use crossbeam_deque::Steal;

    use crate::job::JobRef;

    /// The owner's end. It stays on one thread.
    #[derive(Debug)]
    pub(crate) struct Deque(crossbeam_deque::Worker<JobRef>);

    impl Deque {
        /// An empty deque.
        pub(crate) fn new() -> Self {
            Self(crossbeam_deque::Worker::new_lifo())
        }

        /// The thieves' end.
        pub(crate) fn stealer(&self) -> Stealer {
            Stealer(self.0.stealer())
        }

        /// Adds a job at the owner's end.
        #[inline]
        pub(crate) fn push(&self, job: JobRef) {
            self.0.push(job);
        }

        /// The job that the owner pushed last, unless it was stolen.
        #[inline]
        pub(crate) fn pop(&self) -> Option<JobRef> {
            self.0.pop()
        }
    }

    /// The thieves' end, for any thread.
    #[derive(Debug)]
    pub(crate) struct Stealer(crossbeam_deque::Stealer<JobRef>);

    impl Stealer {
        /// The job that the owner pushed first of those that are left.
        pub(crate) fn steal(&self) -> Option<JobRef> {
            loop {
                match self.0.steal() {
                    Steal::Success(job) => return Some(job),
                    Steal::Empty => return None,
                    Steal::Retry => {}
                }
            }
        }

        /// Whether there was nothing to steal a moment ago.
        pub(crate) fn is_empty(&self) -> bool {
            self.0.is_empty()
        }
    }
}

#[cfg(feature = "model")]
mod chosen {
    use std::collections::VecDeque;

    use lab::sync::{Arc, Mutex, MutexGuard};

    use crate::job::JobRef;

    #[derive(Debug)]
    pub(crate) struct Deque(Arc<Mutex<VecDeque<JobRef>>>);

    impl Deque {
        pub(crate) fn new() -> Self {
            Self(Arc::default())
        }

        pub(crate) fn stealer(&self) -> Stealer {
            Stealer(Arc::clone(&self.0))
        }

        pub(crate) fn push(&self, job: JobRef) {
            lock(&self.0).push_back(job);
        }

        pub(crate) fn pop(&self) -> Option<JobRef> {
            lock(&self.0).pop_back()
        }
    }

    #[derive(Debug)]
    pub(crate) struct Stealer(Arc<Mutex<VecDeque<JobRef>>>);

    impl Stealer {
        pub(crate) fn steal(&self) -> Option<JobRef> {
            lock(&self.0).pop_front()
        }

        pub(crate) fn is_empty(&self) -> bool {
            lock(&self.0).is_empty()
        }
    }

    fn lock(jobs: &Mutex<VecDeque<JobRef>>) -> MutexGuard<'_, VecDeque<JobRef>> {
        jobs.lock().expect("nobody panics with a deque in hand")
    }
}
