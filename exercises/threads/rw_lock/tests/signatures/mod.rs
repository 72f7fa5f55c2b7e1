//! The types that the tests take for granted, a line each. It is compiled and never run: were a function to give something else
//! under the name of what it promises, a comparison could mean anything.

use std::ops::{Deref, DerefMut};

use rw_lock::{ReadGuard, RwLock, WriteGuard};

fn _read<T: Send + Sync + 'static>(lock: &RwLock<T>) -> (ReadGuard<'_, T>, Option<ReadGuard<'_, T>>) {
    (lock.read(), lock.try_read())
}

fn _write<T: Send + Sync + 'static>(lock: &RwLock<T>) -> (WriteGuard<'_, T>, Option<WriteGuard<'_, T>>) {
    (lock.write(), lock.try_write())
}

fn _deref_of_a_reader<'a, T: Send + Sync + 'static>(guard: &'a ReadGuard<'_, T>) -> &'a T {
    Deref::deref(guard)
}

fn _deref_of_a_writer<'a, T: Send + Sync + 'static>(guard: &'a WriteGuard<'_, T>) -> &'a T {
    Deref::deref(guard)
}

fn _deref_mut<'a, T: Send + Sync + 'static>(guard: &'a mut WriteGuard<'_, T>) -> &'a mut T {
    DerefMut::deref_mut(guard)
}
