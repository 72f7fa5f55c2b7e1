//! What the stacks and the collector do, on real threads. That they do so in every order of their steps is the business of
//! model.rs.

// With feature `model`, the types of `lab` work only inside a model.
#![cfg(not(feature = "model"))]

mod signatures;

use std::{cell::Cell, ptr::NonNull, rc::Rc};

use lab::{
    is,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
};
use treiber_stack::{
    epoch::{BATCH, Collector},
    s1_keeping::KeepingStack,
    s2_epochs::{Handle, Stack},
};

const THREADS: usize = 4;

/// Counts how often it is dropped, all its copies together.
struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn keeping_last_in_first_out() {
    let stack = KeepingStack::new();
    assert_eq!(stack.pop(), None);
    (1..=3).for_each(|value| stack.push(value));
    assert_eq!([stack.pop(), stack.pop()], [Some(3), Some(2)]);
    stack.push(4);
    assert_eq!([stack.pop(), stack.pop(), stack.pop()], [Some(4), Some(1), None]);
}

#[test]
fn keeping_drops_every_value_once() {
    let drops = AtomicUsize::new(0);
    let stack = KeepingStack::new();
    (0..5).for_each(|_| stack.push(Counted(&drops)));
    drop((stack.pop(), stack.pop()));
    assert_eq!(drops.load(SeqCst), 2, "what is popped is dropped by whoever has it");
    drop(stack);
    assert_eq!(drops.load(SeqCst), 5, "what is left is dropped with the stack");
}

/// Fails if a node that was in the stack is used for another value.
#[track_caller]
fn assert_keeps_nodes() {
    let mut stack = KeepingStack::new();
    for round in 1..=10 {
        stack.push(round);
        assert_eq!(stack.pop(), Some(round));
        stack.push(round);
        assert_eq!(
            stack.kept(),
            2 * round - 1,
            "a node that was popped is used again, though some thread may still compare with it"
        );
        assert_eq!(stack.pop(), Some(round));
        assert_eq!(stack.kept(), 2 * round, "a popped node is not kept");
    }
}

#[test]
fn keeping_never_uses_a_node_again() {
    assert_keeps_nodes();
}

#[test]
fn keeping_threads_lose_nothing() {
    // Otherwise threads would spoil the list, and how that ends is not said.
    assert_keeps_nodes();
    const EACH: usize = 2_000;
    let mut stack = KeepingStack::new();
    let popped = thread::scope(|scope| {
        let pairs = |thread| {
            let stack = &stack;
            move || {
                let step = |step| {
                    stack.push(thread * EACH + step);
                    stack.pop().expect("this thread has pushed as often as it has popped")
                };
                (0..EACH).map(step).collect::<Vec<_>>()
            }
        };
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(pairs(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("it does not panic")).collect()
    });
    assert_each_once(popped, THREADS * EACH);
    assert_eq!(stack.pop(), None);
    assert_eq!(stack.kept(), THREADS * EACH);
}

/// Fails unless `popped` is each of the numbers below `all`, once.
#[track_caller]
fn assert_each_once(mut popped: Vec<usize>, all: usize) {
    popped.sort_unstable();
    assert!(popped.iter().copied().eq(0..all), "not each value was popped once");
}

fn handle<T>(stack: &Stack<T>) -> Handle<'_, T> {
    stack.handle().expect("there are not that many handles")
}

#[test]
fn epochs_last_in_first_out() {
    let stack = Stack::new(1);
    let mut handle = handle(&stack);
    assert_eq!(handle.pop(), None);
    (1..=3).for_each(|value| handle.push(value));
    assert_eq!([handle.pop(), handle.pop()], [Some(3), Some(2)]);
    handle.push(4);
    assert_eq!([handle.pop(), handle.pop(), handle.pop()], [Some(4), Some(1), None]);
}

#[test]
fn epochs_drop_every_value_once() {
    let drops = AtomicUsize::new(0);
    let stack = Stack::new(2);
    let mut first = handle(&stack);
    (0..5).for_each(|_| first.push(Counted(&drops)));
    drop((first.pop(), handle(&stack).pop()));
    assert_eq!(drops.load(SeqCst), 2, "what is popped is dropped by whoever has it");
    (0..4).for_each(|_| first.collect());
    assert_eq!(drops.load(SeqCst), 2, "a node was freed, and dropped the value that was taken out of it");
    drop(first);
    drop(stack);
    assert_eq!(drops.load(SeqCst), 5, "what is left is dropped with the stack");
}

/// Fails if a popped node is freed at once.
#[track_caller]
fn assert_nodes_wait() {
    let stack = Stack::new(1);
    let mut handle = handle(&stack);
    handle.push(1);
    assert_eq!(handle.pop(), Some(1));
    assert_eq!(handle.waiting(), 1, "a popped node does not wait, though another thread may be looking at it");
    (0..4).for_each(|_| handle.collect());
    assert_eq!(handle.waiting(), 0, "nobody is pinned, and after four epochs a node is still not freed");
}

#[test]
fn epochs_nodes_wait_and_are_freed() {
    assert_nodes_wait();
}

/// Nobody calls `collect` in a long run, and the garbage does not grow.
#[test]
fn epochs_garbage_is_bounded() {
    assert_nodes_wait();
    let stack = Stack::new(2);
    // One that does nothing keeps nobody up.
    let _idle = handle(&stack);
    let mut handle = handle(&stack);
    let mut most = 0;
    for step in 0..20_000 {
        handle.push(step);
        assert_eq!(handle.pop(), Some(step));
        most = most.max(handle.waiting());
    }
    assert!(most <= 8 * BATCH, "after 20,000 pops {most} nodes wait to be freed: the memory grows with the run");
}

#[test]
fn epochs_garbage_stays_for_the_next_handle() {
    assert_nodes_wait();
    let stack = Stack::new(1);
    let mut first = handle(&stack);
    assert!(stack.handle().is_none(), "more handles than there may be");
    first.push(1);
    assert_eq!(first.pop(), Some(1));
    drop(first);
    let mut second = handle(&stack);
    assert_eq!(second.waiting(), 1, "the handle is gone, and so is its garbage");
    (0..4).for_each(|_| second.collect());
    assert_eq!(second.waiting(), 0, "nobody is pinned, and after four epochs a node is still not freed");
}

#[test]
fn epochs_threads_lose_nothing() {
    // Otherwise threads would use what is free, and how that ends is not said.
    assert_nodes_wait();
    assert_pins_are_seen();
    const EACH: usize = 5_000;
    let stack = Stack::new(THREADS);
    let popped = thread::scope(|scope| {
        let pairs = |thread| {
            let mut handle = handle(&stack);
            move || {
                let step = |step| {
                    handle.push(thread * EACH + step);
                    handle.pop().expect("this thread has pushed as often as it has popped")
                };
                (0..EACH).map(step).collect::<Vec<_>>()
            }
        };
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(pairs(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("it does not panic")).collect()
    });
    assert_each_once(popped, THREADS * EACH);
    let mut handles: Vec<_> = (0..THREADS).map(|_| handle(&stack)).collect();
    for _ in 0..4 {
        handles.iter_mut().for_each(Handle::collect);
    }
    let waiting: usize = handles.iter().map(Handle::waiting).sum();
    assert_eq!(waiting, 0, "nobody is pinned, and after many epochs nodes are still not freed");
}

/// Fails if a node is freed while somebody is pinned who may have found it.
#[track_caller]
fn assert_pins_are_seen() {
    let drops = AtomicUsize::new(0);
    let collector = Collector::new(3);
    let join = || collector.join().expect("there is room for three");
    let (mut looks, mut retires, mut moves_on) = (join(), join(), join());
    let pinned = looks.pin();
    let node = Box::into_raw(Box::new(Counted(&drops)));
    // SAFETY: it was made in a box, nobody can find it, and it is retired once.
    unsafe { retires.pin().retire(NonNull::new(node).expect("a box is somewhere")) };
    for _ in 0..10 {
        moves_on.collect();
        retires.collect();
    }
    assert_eq!(drops.load(SeqCst), 0, "a node is freed, though one who was there before it was retired is still pinned");
    drop(pinned);
    for _ in 0..4 {
        moves_on.collect();
        retires.collect();
    }
    assert_eq!(drops.load(SeqCst), 1, "nobody is pinned, and after four epochs a node is still not freed");
}

#[test]
fn collector_sees_who_is_pinned() {
    assert_pins_are_seen();
}

#[test]
fn collector_frees_its_garbage_when_it_is_dropped() {
    let drops = AtomicUsize::new(0);
    let collector = Collector::new(1);
    let mut participant = collector.join().expect("there is room for one");
    for _ in 0..3 {
        let node = Box::into_raw(Box::new(Counted(&drops)));
        // SAFETY: it was made in a box, nobody can find it, and it is retired once.
        unsafe { participant.pin().retire(NonNull::new(node).expect("a box is somewhere")) };
        participant.collect();
    }
    drop(participant);
    drop(collector);
    assert_eq!(drops.load(SeqCst), 3, "each node is freed once, at the latest with the collector");
}

#[test]
fn threads_share_what_may_be_sent() {
    assert!(is!(Send: KeepingStack<u32>) && is!(Sync: KeepingStack<u32>) && is!(Send: Stack<u32>) && is!(Sync: Stack<u32>));
    assert!(is!(Sync: KeepingStack<Cell<u32>>) && is!(Sync: Stack<Cell<u32>>), "a Cell may be sent, and no two threads have it");
    assert!(
        !is!(Sync: KeepingStack<Rc<u32>>) && !is!(Sync: Stack<Rc<u32>>),
        "an Rc may not be sent, and a stack does not change that"
    );
    assert!(is!(Send: Handle<'static, u32>), "a handle is for one thread, whichever");
    assert!(!is!(Send: Handle<'static, Rc<u32>>), "with a handle one sends values");
}
