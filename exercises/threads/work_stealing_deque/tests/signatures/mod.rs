//! The types that the tests take for granted, a line each. It is compiled and never run: were a function to give something else
//! under the name of what it promises, a comparison could mean anything.

use work_stealing_deque::{Steal, Stealer, Worker, deque};

fn _deque<T: Send + 'static>() -> (Worker<T>, Stealer<T>) {
    deque(1)
}

fn _pop<T: Send + 'static>(worker: &mut Worker<T>) -> Option<Box<T>> {
    worker.pop()
}

fn _steal<T: Send + 'static>(stealer: &Stealer<T>) -> Steal<T> {
    stealer.steal()
}

fn _stolen<T: Send + 'static>(steal: Steal<T>) -> Option<Box<T>> {
    if let Steal::Success(element) = steal { Some(element) } else { None }
}
