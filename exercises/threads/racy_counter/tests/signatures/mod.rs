//! The types that the tests take for granted, a line each. It is compiled and never run: were a function to give something else
//! under the name of what it promises, a comparison could mean anything.

use racy_counter::{Bank, Counter, Draft, Statement, statement};

const _: fn(&Counter, u64) -> u64 = Counter::add;
const _: fn(&Counter) -> u64 = Counter::value;
const _: fn(&Bank, usize, usize, u32) -> bool = Bank::transfer;
const _: fn(&Bank, usize) -> i64 = Bank::balance;
const _: fn(&Bank) -> i64 = Bank::total;
const _: fn() -> (Draft, Statement) = statement;
const _: fn(&Statement) -> Option<i64> = Statement::read;
