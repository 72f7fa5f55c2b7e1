//! The types that the tests take for granted, a line each. It is compiled and never run: were a function to give something else
//! under the name of what it promises, a comparison could mean anything.

use mpmc_ring::{MpmcRing, PopError, PushError};

const _: fn(&MpmcRing<u32>) -> usize = MpmcRing::capacity;
const _: fn(&MpmcRing<u32>) -> bool = MpmcRing::close;

fn _push<T: Send + 'static>(ring: &MpmcRing<T>, element: T) -> Result<(), PushError<T>> {
    ring.push(element)
}

fn _pop<T: Send + 'static>(ring: &MpmcRing<T>) -> Result<T, PopError> {
    ring.pop()
}
