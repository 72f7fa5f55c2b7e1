//! The types that the tests take for granted, a line each. It is compiled and never run: were a function to give something else
//! under the name of what it promises, a comparison could mean anything.

use std::ops::{Deref, DerefMut};

use spin_lock::{Guard, SpinLock};

fn _lock<T: Send + Sync + 'static>(lock: &SpinLock<T>) -> Guard<'_, T> {
    lock.lock()
}

fn _try_lock<T: Send + Sync + 'static>(lock: &SpinLock<T>) -> Option<Guard<'_, T>> {
    lock.try_lock()
}

fn _deref<'a, T: Send + Sync + 'static>(guard: &'a Guard<'_, T>) -> &'a T {
    Deref::deref(guard)
}

fn _deref_mut<'a, T: Send + Sync + 'static>(guard: &'a mut Guard<'_, T>) -> &'a mut T {
    DerefMut::deref_mut(guard)
}
