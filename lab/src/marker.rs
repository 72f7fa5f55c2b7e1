//! Whether a type may be sent or shared, for tests that say so in a sentence.

/// Whether a type is `Send`, or `Sync`, decided without failing to compile.
///
/// ```
/// use std::{cell::Cell, rc::Rc};
///
/// assert!(lab::is!(Send: Cell<u32>) && !lab::is!(Sync: Cell<u32>));
/// assert!(!lab::is!(Send: Rc<u32>), "an Rc must stay on its thread");
/// ```
#[macro_export]
macro_rules! is {
    ($marker:ident: $type:ty) => {{
        trait Otherwise {
            const IS: bool = false;
        }
        impl<T: ?Sized> Otherwise for T {}
        struct Probe<T: ?Sized>(std::marker::PhantomData<T>);
        impl<T: ?Sized + $marker> Probe<T> {
            const IS: bool = true;
        }
        // Both are used, whatever the type is.
        assert!(<Probe<u32>>::IS && !<str as Otherwise>::IS);
        <Probe<$type>>::IS
    }};
}
