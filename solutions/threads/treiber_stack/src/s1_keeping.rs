//! A stack that keeps every node until it is dropped itself.

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

/// A value and its place in the stack.
struct Node<T> {
    /// Whoever takes the node off the stack takes it.
    value: UnsafeCell<ManuallyDrop<T>>,
    /// The node below it in the stack; null at the bottom.
    below: AtomicPtr<Self>,
    /// Once it is popped: the one that was kept before it.
    kept_before: UnsafeCell<*mut Self>,
    /// Costs nothing. In a model it stands for the memory of the node: to free it never, or twice, or too early is told.
    memory: Tracked<()>,
}

impl<T> Node<T> {
    fn allocate(value: T) -> NonNull<Self> {
        let node = Self {
            value: UnsafeCell::new(ManuallyDrop::new(value)),
            below: AtomicPtr::new(ptr::null_mut()),
            kept_before: UnsafeCell::new(ptr::null_mut()),
            memory: Tracked::new(()),
        };
        NonNull::from(Box::leak(Box::new(node)))
    }

    /// Gives the memory back. The value is not dropped.
    ///
    /// # Safety
    /// `node` comes from [`Node::allocate`], and nobody uses it any more.
    unsafe fn free(node: NonNull<Self>) {
        // SAFETY: the caller promises it.
        drop(unsafe { Box::from_raw(node.as_ptr()) });
    }

    /// Takes the value out.
    ///
    /// # Safety
    /// Only whoever has taken the node off the stack, once.
    unsafe fn take(&self) -> T {
        // SAFETY: the caller promises it.
        self.value.with_mut(|value| unsafe { ManuallyDrop::take(&mut *value) })
    }
}

/// A stack for many threads, of which none waits for another. It needs memory for all the values that it has ever held.
pub struct KeepingStack<T> {
    top: AtomicPtr<Node<T>>,
    /// The nodes that were popped, the last one first.
    kept: AtomicPtr<Node<T>>,
}

// SAFETY: a value is moved into the stack by one thread and out of it by one, perhaps another: `T: Send`. No two have it at
// a time.
unsafe impl<T: Send> Send for KeepingStack<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for KeepingStack<T> {}

impl<T> Default for KeepingStack<T> {
    fn default() -> Self {
        Self { top: AtomicPtr::new(ptr::null_mut()), kept: AtomicPtr::new(ptr::null_mut()) }
    }
}

impl<T> KeepingStack<T> {
    /// An empty stack.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts `value` on top.
    pub fn push(&self, value: T) {
        // A new node, always. One that was in the stack before may still be what a thread in `pop` compares the top with: were
        // it on top again, that thread would put in its place what was below it *then*. (ABA)
        let node = Node::allocate(value);
        let mut top = self.top.load(Relaxed);
        loop {
            // SAFETY: nodes are freed by nobody but `drop`.
            unsafe { node.as_ref() }.below.store(top, Relaxed);
            // Release matches the Acquire of `pop`: the node is whole when it is seen.
            match self.top.compare_exchange_weak(top, node.as_ptr(), Release, Relaxed) {
                Ok(_) => return,
                Err(newer) => top = newer,
            }
        }
    }

    /// Takes the value on top, if there is one.
    pub fn pop(&self) -> Option<T> {
        loop {
            // Acquire matches the Release of `push`. What other threads have popped in between does no harm: an exchange carries
            // on what it has read.
            let top = NonNull::new(self.top.load(Acquire))?;
            // SAFETY: nodes are freed by nobody but `drop`.
            let node = unsafe { top.as_ref() };
            node.memory.get();
            let below = node.below.load(Relaxed);
            if self.top.compare_exchange(top.as_ptr(), below, Relaxed, Relaxed).is_ok() {
                // SAFETY: this thread has taken the node off the stack.
                let value = unsafe { node.take() };
                self.keep(top);
                return Some(value);
            }
        }
    }

    /// Puts a popped node aside.
    fn keep(&self, node: NonNull<Node<T>>) {
        let mut before = self.kept.load(Relaxed);
        loop {
            // SAFETY: nodes are freed by nobody but `drop`; and this thread alone has taken this one off the stack.
            unsafe { node.as_ref().kept_before.with_mut(|kept_before| *kept_before = before) };
            // Relaxed: nobody reads the list but whoever has the stack alone.
            match self.kept.compare_exchange_weak(before, node.as_ptr(), Relaxed, Relaxed) {
                Ok(_) => return,
                Err(newer) => before = newer,
            }
        }
    }

    /// How many nodes are kept.
    pub fn kept(&mut self) -> usize {
        let mut count = 0;
        let mut next = *self.kept.get_mut();
        while let Some(node) = NonNull::new(next) {
            count += 1;
            // SAFETY: nodes are freed by nobody but `drop`, and `&mut self` says that nobody keeps one at the moment.
            next = unsafe { node.as_ref().kept_before.with(|kept_before| *kept_before) };
        }
        count
    }
}

impl<T> Drop for KeepingStack<T> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
        let mut next = *self.kept.get_mut();
        while let Some(node) = NonNull::new(next) {
            // SAFETY: nobody has the stack any more, so nobody has its nodes; each of them is in the list once.
            unsafe {
                next = node.as_ref().kept_before.with(|kept_before| *kept_before);
                Node::free(node);
            }
        }
    }
}
