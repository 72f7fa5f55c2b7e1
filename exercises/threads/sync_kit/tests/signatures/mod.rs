//! The types that the tests take for granted, a line each. It is compiled and never run: were a function to give something else
//! under the name of what it promises, a comparison could mean anything.

use sync_kit::{Barrier, Event, Permit, Semaphore};

const _: fn(&Semaphore) -> Permit<'_> = Semaphore::acquire;
const _: fn(&Semaphore) -> Option<Permit<'_>> = Semaphore::try_acquire;
const _: fn(&Semaphore) -> usize = Semaphore::available;
const _: fn(&Event) -> bool = Event::is_set;
const _: fn(&Barrier) -> bool = Barrier::wait;
