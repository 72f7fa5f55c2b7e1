//! The types that the tests take for granted, a line each. It is compiled and never run: were a function to give something else
//! under the name of what it promises, a comparison could mean anything.

use process_pool::{Pool, TaskError};

const _: fn(&mut Pool, &[Vec<u8>]) -> Vec<Result<Vec<u8>, TaskError>> = Pool::map;
const _: fn(&mut Pool, &[Vec<u8>], fn(usize, Result<Vec<u8>, TaskError>)) = |pool, tasks, commit| pool.run(tasks, commit);
