//! Panics that are meant to be caught.

use std::{
    any::Any,
    panic::{Location, UnwindSafe},
};

use crate::model::engine;

/// Runs `body` and catches its panic: what `std`'s does, and the only way in which a panic does not end the model.
///
/// What the checker itself has found inside of `body`, a data race or a deadlock, is not caught.
///
/// # Errors
/// What `body` has panicked with.
pub fn catch_unwind<F: FnOnce() -> R + UnwindSafe, R>(body: F) -> std::thread::Result<R> {
    engine::open_region();
    let result = std::panic::catch_unwind(body);
    engine::close_region();
    result
}

/// Panics with what a panic was caught with.
///
/// # Panics
/// Always; outside [`catch_unwind`] it ends the model.
#[track_caller]
pub fn resume_unwind(payload: Box<dyn Any + Send>) -> ! {
    engine::resume(&*payload, Location::caller());
    std::panic::resume_unwind(payload)
}
