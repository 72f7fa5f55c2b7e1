//! `std`'s types for concurrent programs as a model sees them: loom's, behind wrappers that record, correct and explain.
//!
//! Every operation goes through [`engine::perform`](crate::model::engine::perform), which knows the thread and keeps the
//! list of steps. What loom gets wrong, and how each wrapper cures it, is told where it is done:
//!
//! | module | corrected |
//! | --- | --- |
//! | [`atomic`] | read-modify-write is atomic; no interleaving is lost; `SeqCst`; spurious failure |
//! | [`block`] | what every blocking type below is built on |
//! | [`mutex`] | `try_lock` sees a held lock, and never deadlocks; poison |
//! | [`panic`](mod@panic) | a panic that is meant to be caught does not end the model |
//! | [`condvar`] | `wait_while`, timed waits, spurious wake-ups |
//! | [`rwlock`], [`barrier`], [`mpsc`], [`once`] | built here: loom's are incomplete, or missing |
//! | [`thread`] | `scope`, `park` |
//! | [`cell`], [`tracked`], [`history`] | – |

pub(crate) mod atomic;
pub(crate) mod barrier;
pub(crate) mod block;
pub(crate) mod cell;
pub(crate) mod condvar;
pub(crate) mod history;
pub(crate) mod mpsc;
pub(crate) mod mutex;
pub(crate) mod once;
pub(crate) mod panic;
mod poison;
pub(crate) mod rwlock;
pub(crate) mod threads;
pub(crate) mod tracked;

/// Locks, channels and atomics, explored.
pub mod sync {
    /// Atomic types, explored.
    pub mod atomic {
        pub use std::sync::atomic::{Ordering, compiler_fence};

        pub use crate::checked::atomic::{
            AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicPtr, AtomicU8, AtomicU16, AtomicU32,
            AtomicU64, AtomicUsize, Mutable, fence,
        };
    }

    /// Channels, explored.
    pub mod mpsc {
        pub use std::sync::mpsc::{RecvError, SendError, TryRecvError, TrySendError};

        pub use crate::checked::mpsc::{IntoIter, Iter, Receiver, Sender, SyncSender, TryIter, channel, sync_channel};
    }

    // `std`'s own: each drop of loom's `Arc` is one more branch to explore, and no exercise is about it.
    pub use std::sync::{Arc, LockResult, PoisonError, TryLockError, TryLockResult};

    pub use super::{
        barrier::{Barrier, BarrierWaitResult},
        condvar::{Condvar, WaitTimeoutResult},
        mutex::{Mutex, MutexGuard},
        once::{LazyLock, Once, OnceLock, OnceState},
        rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard},
    };
}

/// Threads, explored.
pub mod thread {
    pub use std::thread::{Result, available_parallelism};

    pub use super::threads::{
        JoinHandle, Scope, ScopedJoinHandle, Thread, ThreadId, current, panicking, park, park_timeout, scope, sleep, spawn,
        yield_now,
    };
}

/// Hints to the processor, which here are hints to the scheduler.
pub mod hint {
    pub use std::hint::{assert_unchecked, black_box, unreachable_unchecked};

    pub use super::threads::spin_loop;
}
