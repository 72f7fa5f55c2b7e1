//! A spin lock: a mutex that waits by trying again and again.
//!
//! Work from top to bottom; README.md tells the task, and `cargo xtask hint spin_lock` helps.
//!
//! | `locked` | meaning | who sets it |
//! | --- | --- | --- |
//! | `false` | free | `new`, and the `Guard` that is dropped |
//! | `true` | some `Guard` exists | `lock` and `try_lock`, when they find `false` |

use std::{
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

use lab::{cell::UnsafeCell, sync::atomic::AtomicBool};

/// A value that one thread at a time can reach.
#[derive(Debug)]
#[expect(dead_code, reason = "delete this line when `lock` and `Guard` use the fields")]
pub struct SpinLock<T> {
    locked: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: threads that share the lock reach the value one after another, each as if it had been sent to it: so `T: Send`,
// and `T: Sync` is not needed. You make this true.
unsafe impl<T: Send> Sync for SpinLock<T> {}

impl<T> SpinLock<T> {
    /// A free lock around `value`.
    pub fn new(value: T) -> Self {
        Self { locked: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// Waits until the lock is free, and takes it.
    ///
    /// Of two threads that find it free at the same time, one must lose. While it waits it calls `lab::hint::spin_loop`.
    pub fn lock(&self) -> Guard<'_, T> {
        todo!("step 1: take the lock in one atomic step, and say what that step acquires")
    }

    /// Takes the lock if it is free, and never waits.
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        todo!("step 4: try once")
    }
}

/// The right to use the value of a [`SpinLock`]; at most one exists for each lock. Dropping it frees the lock.
#[derive(Debug)]
#[expect(dead_code, reason = "delete this line when you use the fields")]
pub struct Guard<'a, T> {
    lock: &'a SpinLock<T>,
    /// A guard is as good as a `&mut T`. Without this line it could be shared between threads for every `T: Send`: a
    /// `Guard<Cell<u32>>` on two threads would be a data race in safe code.
    borrow: PhantomData<&'a mut T>,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    /// Lends the value to read. `UnsafeCell::with` gives a pointer to it; say in a `// SAFETY:` comment why it is yours.
    fn deref(&self) -> &T {
        todo!("step 2: lend the value to read")
    }
}

impl<T> DerefMut for Guard<'_, T> {
    /// Lends the value to write, through `UnsafeCell::with_mut`.
    fn deref_mut(&mut self) -> &mut T {
        todo!("step 2: lend the value to write")
    }
}

impl<T> Drop for Guard<'_, T> {
    /// Frees the lock.
    fn drop(&mut self) {
        // This `if` goes with the `todo!`, which would end the process where another panic unwinds already.
        if !lab::thread::panicking() {
            todo!("step 3: free the lock, and release what you wrote")
        }
    }
}
