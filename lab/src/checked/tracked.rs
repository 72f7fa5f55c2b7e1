//! A value that is watched until it is dropped.
//!
//! What is known of it is kept outside of it, in [`engine`] and in [`CELLS`]: its own memory may be free when it is dropped a
//! second time, or hold something else.

use std::{
    cell::RefCell,
    fmt,
    mem::ManuallyDrop,
    ops::{Deref, DerefMut},
    panic::Location,
};

use crate::model::engine::{self, Call, Object, Outcome};

thread_local! {
    /// For each value of this execution, what tells whether its accesses are ordered.
    static CELLS: RefCell<Vec<loom::cell::UnsafeCell<()>>> = const { RefCell::new(Vec::new()) };
}

/// An execution begins, in which nothing is watched yet.
pub(crate) fn begin() {
    CELLS.set(Vec::new());
}

/// A value that must be dropped once, and not be used after that, or the model fails.
///
/// A drop that is not ordered after every look is a data race.
pub struct Tracked<T> {
    value: ManuallyDrop<T>,
    object: Object,
    life: usize,
    /// `life`, disguised: memory that has come to hold something else does not match.
    check: usize,
    created: &'static Location<'static>,
}

/// What is done with a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Look,
    Write,
    Drop,
}

impl<T> Tracked<T> {
    /// Watches `value`. Not `const`.
    #[track_caller]
    pub fn new(value: T) -> Self {
        let created = Location::caller();
        let (object, life) = engine::quietly(|| {
            CELLS.with_borrow_mut(|cells| cells.push(loom::cell::UnsafeCell::new(())));
            engine::begin_life(created)
        });
        Self { value: ManuallyDrop::new(value), object, life, check: !life, created }
    }

    /// Looks at the value.
    #[track_caller]
    pub fn get(&self) -> &T {
        self.access("get", Location::caller(), Access::Look);
        &self.value
    }

    /// Takes the value out, which counts as its drop.
    #[track_caller]
    pub fn into_inner(self) -> T {
        let mut this = ManuallyDrop::new(self);
        this.access("into_inner", Location::caller(), Access::Drop);
        // SAFETY: `this` is not dropped, and is not used again.
        unsafe { ManuallyDrop::take(&mut this.value) }
    }

    fn access(&self, operation: &'static str, location: &'static Location<'static>, access: Access) {
        // A number that no value has stands for a value that is gone.
        let (object, life) = if self.check == !self.life { (self.object, self.life) } else { (Object::NONE, usize::MAX) };
        let act = |_| {
            engine::use_life(life, access == Access::Drop, location);
            CELLS.with_borrow(|cells| match access {
                Access::Look => cells[life].with(|_| ()),
                Access::Write | Access::Drop => cells[life].with_mut(|_| ()),
            });
        };
        engine::perform(Call::new(object, operation, location), act, |()| Outcome::Done);
    }
}

impl<T> Drop for Tracked<T> {
    fn drop(&mut self) {
        let location = engine::last_place(self.created);
        self.access("drop", location, Access::Drop);
        // SAFETY: this is its first drop, or the model would have ended.
        unsafe { ManuallyDrop::drop(&mut self.value) };
    }
}

impl<T> Deref for Tracked<T> {
    type Target = T;

    #[track_caller]
    fn deref(&self) -> &T {
        self.get()
    }
}

impl<T> DerefMut for Tracked<T> {
    #[track_caller]
    fn deref_mut(&mut self) -> &mut T {
        self.access("get_mut", Location::caller(), Access::Write);
        &mut self.value
    }
}

impl<T: Default> Default for Tracked<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> fmt::Debug for Tracked<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Looking at the value would be a step of the model.
        out.write_str("Tracked { .. }")
    }
}
