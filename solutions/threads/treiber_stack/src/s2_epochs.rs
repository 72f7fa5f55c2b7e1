//! A stack that frees its nodes while it is used.

use std::{
    mem::ManuallyDrop,
    ptr::{self, NonNull},
};

use lab::{
    cell::UnsafeCell,
    sync::atomic::{
        AtomicPtr,
        Ordering::{Acquire, Relaxed, Release},
    },
    tracked::Tracked,
};

use crate::epoch::{Collector, Participant};

/// A value and its place in the stack.
struct Node<T> {
    /// Whoever takes the node off the stack takes it.
    value: UnsafeCell<ManuallyDrop<T>>,
    /// The node below it; null at the bottom. It does not change while the node is in the stack.
    below: *mut Self,
    /// Costs nothing. In a model it stands for the memory of the node: to free it never, or twice, or too early is told.
    memory: Tracked<()>,
}

// SAFETY: a node is made by one thread and freed by another, and its value goes the same way; the pointer is only a pointer.
unsafe impl<T: Send> Send for Node<T> {}

/// A stack for many threads, each of which has a [`Handle`] to it. None waits for another.
pub struct Stack<T> {
    top: AtomicPtr<Node<T>>,
    collector: Collector<Node<T>>,
}

// SAFETY: a value is moved into the stack by one thread and out of it by one, perhaps another: `T: Send`. No two have it at
// a time.
unsafe impl<T: Send> Send for Stack<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Stack<T> {}

impl<T> Stack<T> {
    /// An empty stack, for at most so many handles at a time.
    pub fn new(handles: usize) -> Self {
        Self { top: AtomicPtr::new(ptr::null_mut()), collector: Collector::new(handles) }
    }

    /// A way to the stack for one thread; `None` if there are as many as may be.
    pub fn handle(&self) -> Option<Handle<'_, T>> {
        Some(Handle { stack: self, participant: self.collector.join()? })
    }
}

impl<T> Drop for Stack<T> {
    fn drop(&mut self) {
        let mut next = *self.top.get_mut();
        while let Some(node) = NonNull::new(next) {
            // SAFETY: nobody has the stack any more; each node in it was made by `push`, is in it once, and has its value.
            let mut node = unsafe { Box::from_raw(node.as_ptr()) };
            next = node.below;
            // SAFETY: its value was not popped, and the node goes here.
            unsafe { ManuallyDrop::drop(node.value.get_mut()) };
        }
        // Those that were popped are freed with the collector.
    }
}

/// A thread's way to a [`Stack`].
pub struct Handle<'a, T> {
    stack: &'a Stack<T>,
    participant: Participant<'a, Node<T>>,
}

impl<T> Handle<'_, T> {
    /// Puts `value` on top.
    pub fn push(&mut self, value: T) {
        let node = Node { value: UnsafeCell::new(ManuallyDrop::new(value)), below: ptr::null_mut(), memory: Tracked::new(()) };
        let node = Box::into_raw(Box::new(node));
        let mut top = self.stack.top.load(Relaxed);
        loop {
            // Not pinned: the top is not looked into. Should it be popped, freed and pushed again meanwhile, it is the top again.
            // SAFETY: nobody else has the node yet.
            unsafe { (*node).below = top };
            // Release matches the Acquire of `pop`: the node is whole when it is seen.
            match self.stack.top.compare_exchange_weak(top, node, Release, Relaxed) {
                Ok(_) => return,
                Err(newer) => top = newer,
            }
        }
    }

    /// Takes the value on top, if there is one.
    pub fn pop(&mut self) -> Option<T> {
        let mut pinned = self.participant.pin();
        loop {
            // Acquire matches the Release of `push`. What other threads have popped in between does no harm: an exchange carries
            // on what it has read.
            let top = NonNull::new(self.stack.top.load(Acquire))?;
            // SAFETY: it was in the stack after this thread had pinned, so it is not freed before this thread unpins. Nor can it
            // be in the stack a second time, as another node at the same address: no ABA.
            let node = unsafe { top.as_ref() };
            node.memory.get();
            if self.stack.top.compare_exchange(top.as_ptr(), node.below, Relaxed, Relaxed).is_ok() {
                // SAFETY: this thread has taken the node off the stack, so the value is its own; it is taken once.
                let value = node.value.with_mut(|value| unsafe { ManuallyDrop::take(&mut *value) });
                // SAFETY: `push` has made it in a `Box`; it is out of the stack, and nobody else has taken it off.
                unsafe { pinned.retire(top) };
                return Some(value);
            }
        }
    }

    /// Moves on to the next epoch, if all are in this one, and frees what has become old enough. Happens by itself now and then.
    pub fn collect(&mut self) {
        self.participant.collect();
    }

    /// How many nodes that this handle has popped wait to be freed.
    pub fn waiting(&self) -> usize {
        self.participant.waiting()
    }
}
