//! The types that the tests take for granted, a line each. It is compiled and never run: were a function to give something else
//! under the name of what it promises, a comparison could mean anything.

use new_exercise::Highest;

fn _new(first: u64) -> Highest {
    Highest::new(first)
}

fn _offer(highest: &Highest) -> u64 {
    highest.offer(1)
}

fn _get(highest: &Highest) -> u64 {
    highest.get()
}
