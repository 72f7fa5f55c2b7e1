//! A spin lock: a mutex that waits by trying again and again.
//!
//! | `locked` | meaning | who sets it |
//! | --- | --- | --- |
//! | `false` | free | `new`, and the `Guard` that is dropped |
//! | `true` | some `Guard` exists | `lock` and `try_lock`, when they find `false` |

use std::{
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

use lab::{
    cell::UnsafeCell,
    hint,
    sync::atomic::{
        AtomicBool,
        Ordering::{Acquire, Release},
    },
};

/// A value that one thread at a time can reach.
#[derive(Debug)]
pub struct SpinLock<T> {
    locked: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: threads that share the lock reach the value one after another, each as if it had been sent to it: so `T: Send`,
// and `T: Sync` is not needed.
unsafe impl<T: Send> Sync for SpinLock<T> {}

impl<T> SpinLock<T> {
    /// A free lock around `value`.
    pub fn new(value: T) -> Self {
        Self { locked: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// Waits until the lock is free, and takes it.
    pub fn lock(&self) -> Guard<'_, T> {
        // The swap is one step: of two threads that find `false` at the same time, one finds `true`.
        // Acquire matches the Release of `Guard::drop`: all that the last holder wrote is seen by the next.
        while self.locked.swap(true, Acquire) {
            hint::spin_loop();
        }
        Guard { lock: self, borrow: PhantomData }
    }

    /// Takes the lock if it is free, and never waits.
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        // Acquire matches the Release of `Guard::drop`. Who finds `true` has changed nothing: it was `true` already.
        let held = self.locked.swap(true, Acquire);
        // Not `then_some`: it would make a guard even for who failed, and drop it, and so free the lock of somebody else.
        (!held).then(|| Guard { lock: self, borrow: PhantomData })
    }
}

/// The right to use the value of a [`SpinLock`]; at most one exists for each lock. Dropping it frees the lock.
#[derive(Debug)]
pub struct Guard<'a, T> {
    lock: &'a SpinLock<T>,
    /// A guard is as good as a `&mut T`. Without this line it could be shared between threads for every `T: Send`: a
    /// `Guard<Cell<u32>>` on two threads would be a data race in safe code.
    borrow: PhantomData<&'a mut T>,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard exists, so no other thread reaches the value; its borrow keeps `deref_mut` away.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard exists, so no other thread reaches the value; it is borrowed uniquely.
        self.lock.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        // Release matches the Acquire of `lock` and `try_lock`.
        self.lock.locked.store(false, Release);
    }
}
