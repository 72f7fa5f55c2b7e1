//! The types that the tests take for granted, a line each. It is compiled and never run: were a function to give something else
//! under the name of what it promises, a comparison could mean anything.

use std::collections::HashMap;

const _: fn(&str) -> HashMap<String, u64> = word_count::count;
