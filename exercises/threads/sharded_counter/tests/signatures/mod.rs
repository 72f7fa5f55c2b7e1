//! The types that the tests take for granted, a line each. It is compiled and never run: were a function to give something else
//! under the name of what it promises, a comparison could mean anything.

use sharded_counter::{BATCH, Counter, Local};

const _: u64 = BATCH;
const _: fn(&Counter) -> u64 = Counter::sum;
const _: fn(&Counter) -> Local<'_> = Counter::local;
