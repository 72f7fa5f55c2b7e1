//! The types that the tests take for granted, a line each. It is compiled and never run: were a function to give something else
//! under the name of what it promises, a comparison could mean anything.

use treiber_stack::{
    epoch::{Collector, Participant, Pinned},
    s1_keeping::KeepingStack,
    s2_epochs::{Handle, Stack},
};

const _: fn(&mut KeepingStack<u32>) -> usize = KeepingStack::kept;
const _: fn(&Handle<'static, u32>) -> usize = Handle::waiting;
const _: fn(&Participant<'static, u32>) -> usize = Participant::waiting;

fn _pop_of_the_first<T: Send + 'static>(stack: &KeepingStack<T>) -> Option<T> {
    stack.pop()
}

fn _handle<T: Send + 'static>(stack: &Stack<T>) -> Option<Handle<'_, T>> {
    stack.handle()
}

fn _pop_of_the_second<T: Send + 'static>(handle: &mut Handle<'_, T>) -> Option<T> {
    handle.pop()
}

fn _join<T: Send + 'static>(collector: &Collector<T>) -> Option<Participant<'_, T>> {
    collector.join()
}

fn _pin<'p, 'a, T: Send + 'static>(participant: &'p mut Participant<'a, T>) -> Pinned<'p, 'a, T> {
    participant.pin()
}
