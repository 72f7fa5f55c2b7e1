//! Panics that are meant to be caught: `std::panic` under `std`'s names.
//!
//! With feature `model`, a panic inside [`catch_unwind`] does not end the model: it unwinds as it would in a program,
//! destructors are steps like any other, and a lock whose guard they drop is poisoned. A panic outside ends the model with
//! its explanation. `JoinHandle::join` catches nothing: put the body of the thread into [`catch_unwind`], and let it return
//! the result. `std`'s own `catch_unwind` has no place in a model: outside a region it catches nothing, and inside of one it
//! leaves the model to think that the panic still unwinds.

pub use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe};
#[cfg(not(feature = "model"))]
pub use std::panic::{catch_unwind, resume_unwind};

#[cfg(feature = "model")]
pub use crate::checked::panic::{catch_unwind, resume_unwind};
