//! A value that a model watches until it is dropped, for exercises whose lesson is when to drop.
//!
//! There is no `Arc` here, nor a `Weak`: `lab::sync::Arc` is `std`'s, and where its leak is the lesson, an
//! `Arc<Tracked<T>>` tells it.

#[cfg(feature = "model")]
pub use crate::checked::tracked::Tracked;

/// A value that must be dropped once, and not be used after that.
///
/// In the plain build it is a newtype that costs nothing. With feature `model`, an execution that ends without its drop is
/// a leak, a second drop is a double drop, and to look at it after its drop is a use after drop, each of which fails the
/// model; a drop that is not ordered after every look is a data race. The second drop does not happen: the model ends first.
#[cfg(not(feature = "model"))]
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct Tracked<T>(T);

#[cfg(not(feature = "model"))]
impl<T> Tracked<T> {
    /// Watches `value`.
    #[inline(always)]
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Looks at the value.
    #[inline(always)]
    pub const fn get(&self) -> &T {
        &self.0
    }

    /// Takes the value out, which counts as its drop.
    #[inline(always)]
    pub fn into_inner(self) -> T {
        self.0
    }
}

#[cfg(not(feature = "model"))]
impl<T> std::ops::Deref for Tracked<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.0
    }
}

#[cfg(not(feature = "model"))]
impl<T> std::ops::DerefMut for Tracked<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
