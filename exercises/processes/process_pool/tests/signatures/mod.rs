//! The types that the tests take for granted, a line each. It is compiled and never run: were a function to give something else
//! under the name of what it promises, a comparison could mean anything.

use process_pool::{Pool, TaskError};

type Outcome = Result<Vec<u8>, TaskError>;
type Commit = fn(usize, Outcome);

const _: fn(&mut Pool, &[Vec<u8>]) -> Vec<Outcome> = Pool::map;
const _: fn(&mut Pool, &[Vec<u8>], Commit) = |pool, tasks, commit| pool.run(tasks, commit);
