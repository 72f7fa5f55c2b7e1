//! A cell that a model can watch: `std`'s `UnsafeCell` with closures in place of a bare pointer.

#[cfg(feature = "model")]
pub use crate::checked::cell::UnsafeCell;

/// `std::cell::UnsafeCell`, whose pointer is lent to a closure.
///
/// The closure is what lets a model know when an access begins and ends. In the plain build it is a newtype that costs
/// nothing. With feature `model`, two accesses that no happens-before orders, at least one of them a
/// [`with_mut`](Self::with_mut), are a data race: the model fails and names both. The pointer must not be used after the
/// closure has returned: such a use is not seen.
#[cfg(not(feature = "model"))]
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct UnsafeCell<T: ?Sized>(std::cell::UnsafeCell<T>);

#[cfg(not(feature = "model"))]
impl<T> UnsafeCell<T> {
    /// A cell that holds `value`. Not `const` with feature `model`.
    #[inline(always)]
    pub const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    /// Takes the value out.
    #[inline(always)]
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

#[cfg(not(feature = "model"))]
impl<T: ?Sized> UnsafeCell<T> {
    /// Lends a pointer to read through.
    #[inline(always)]
    pub fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        read(self.0.get())
    }

    /// Lends a pointer to write through.
    #[inline(always)]
    pub fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        write(self.0.get())
    }

    /// The value itself: `&mut self` proves that nobody else looks.
    #[inline(always)]
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }
}
