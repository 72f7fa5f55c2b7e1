//! A cell whose accesses are checked for data races.

use std::{fmt, panic::Location};

use crate::model::engine::{self, Call, Halt, Object, Outcome};

/// `std::cell::UnsafeCell`, whose pointer is lent to a closure and whose accesses are checked for data races.
///
/// Two accesses that no happens-before orders, at least one of them a [`with_mut`](Self::with_mut), fail the model. The
/// pointer must not be used after the closure has returned: such a use is not seen.
pub struct UnsafeCell<T> {
    cell: loom::cell::UnsafeCell<T>,
    object: Object,
}

impl<T> UnsafeCell<T> {
    /// A cell that holds `value`.
    #[track_caller]
    pub fn new(value: T) -> Self {
        let location = Location::caller();
        engine::quietly(|| Self { cell: loom::cell::UnsafeCell::new(value), object: engine::new_object("UnsafeCell", location) })
    }

    /// Takes the value out.
    pub fn into_inner(self) -> T {
        self.cell.into_inner()
    }

    /// Lends a pointer to read through.
    #[track_caller]
    pub fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        let call = Call::new(self.object, "READ", Location::caller());
        // The access is told when it begins; loom checks again when it ends.
        let pointer = engine::perform(call, |_| self.cell.get(), |_| Outcome::Done);
        let halt = Halt;
        let result = pointer.with(read);
        std::mem::forget(halt);
        engine::quietly(|| drop(pointer));
        result
    }

    /// Lends a pointer to write through.
    #[track_caller]
    pub fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        let call = Call::new(self.object, "WRITE", Location::caller());
        let pointer = engine::perform(call, |_| self.cell.get_mut(), |_| Outcome::Done);
        let halt = Halt;
        let result = pointer.with(write);
        std::mem::forget(halt);
        engine::quietly(|| drop(pointer));
        result
    }

    /// The value itself: `&mut self` proves that nobody else looks.
    #[track_caller]
    pub fn get_mut(&mut self) -> &mut T {
        let pointer = self.with_mut(|pointer| pointer);
        // SAFETY: `&mut self` is unique for as long as the reference lives, and the pointer is this cell's own.
        unsafe { &mut *pointer }
    }
}

impl<T: Default> Default for UnsafeCell<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for UnsafeCell<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T> fmt::Debug for UnsafeCell<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("UnsafeCell { .. }")
    }
}
