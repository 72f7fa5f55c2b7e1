//! A work-stealing deque: its owner pushes and pops at one end without a lock, and thieves steal from the other.
//!
//! It is the deque of Chase and Lev (SPAA 2005), with the memory orderings of Lê, Pop, Cohen and Zappa Nardelli (PPoPP 2013).
//!
//! Positions are counted from 0 and never used twice at the top: the deque holds `top..bottom`, and position `p` lives in slot
//! `p % capacity` of the buffer.
//!
//! | field | what it says | who writes it |
//! | --- | --- | --- |
//! | `top` | the oldest element, the next to be stolen | whoever takes that element, by a compare-exchange; it only grows |
//! | `bottom` | one past the youngest element | the owner |
//! | `buffer` | the newest buffer | the owner, when it is full |

use std::{marker::PhantomData, ptr};

use lab::{
    sync::{
        Arc,
        atomic::{
            AtomicIsize, AtomicPtr,
            Ordering::{Acquire, Relaxed, Release, SeqCst},
            fence,
        },
    },
    tracked::Tracked,
};

/// An empty deque: the end for its owner, and the end for thieves.
///
/// It has room for `capacity` elements, at least 1 and rounded up to a power of two, and grows when that is not enough.
pub fn deque<T>(capacity: usize) -> (Worker<T>, Stealer<T>) {
    let buffer = Buffer::new(capacity.next_power_of_two(), ptr::null_mut());
    let shared = Arc::new(Shared {
        top: AtomicIsize::new(0),
        bottom: AtomicIsize::new(0),
        buffer: AtomicPtr::new(Box::into_raw(buffer)),
        elements: PhantomData,
    });
    (Worker { shared: shared.clone() }, Stealer { shared })
}

/// The owner's end of a deque. There is one, and it takes `&mut self`: two threads never push or pop at a time.
#[derive(Debug)]
pub struct Worker<T> {
    shared: Arc<Shared<T>>,
}

/// The thieves' end of a deque. Each thief may have a clone of it.
#[derive(Debug)]
pub struct Stealer<T> {
    shared: Arc<Shared<T>>,
}

/// What became of an attempt to steal.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Steal<T> {
    /// There was nothing to steal.
    Empty,
    /// Somebody else was faster: there may be more.
    Retry,
    /// The oldest element.
    Success(Box<T>),
}

/// What the owner and the thieves have in common. The last of them to go drops it.
#[derive(Debug)]
struct Shared<T> {
    top: AtomicIsize,
    bottom: AtomicIsize,
    buffer: AtomicPtr<Buffer<T>>,
    /// It owns elements. Without this line a deque of `Rc`s could be sent to another thread: an `AtomicPtr` can, whatever it
    /// points to.
    elements: PhantomData<Box<T>>,
}

// SAFETY: each element is taken by one thread, as if it had been sent there: so `T: Send`, and `T: Sync` is not needed, for
// nobody looks at an element that is in the deque.
unsafe impl<T: Send> Sync for Shared<T> {}

/// A circular array of slots, each of them null or a pointer to an element.
///
/// The slots are atomics: a thief reads a slot *before* it knows whether it may, while the owner may be writing to it.
#[derive(Debug)]
struct Buffer<T> {
    /// A power of two of them. `Tracked`: a model says if a buffer is used after it was freed, or never freed.
    slots: Tracked<Box<[AtomicPtr<T>]>>,
    /// The one that this one has replaced, or null.
    older: *mut Buffer<T>,
}

impl<T> Buffer<T> {
    fn new(capacity: usize, older: *mut Buffer<T>) -> Box<Self> {
        let mut slots = Vec::with_capacity(capacity);
        for _ in 0..capacity {
            // A model calls an object by the variable that it was made for.
            let slot = AtomicPtr::new(ptr::null_mut());
            slots.push(slot);
        }
        Box::new(Self { slots: Tracked::new(slots.into_boxed_slice()), older })
    }

    fn capacity(&self) -> usize {
        self.slots.get().len()
    }

    /// Where the element at `position` lives.
    fn slot(&self, position: isize) -> &AtomicPtr<T> {
        let slots = self.slots.get();
        // The capacity is a power of two, so this is the remainder.
        &slots[position as usize & (slots.len() - 1)]
    }
}

/// The element that a slot points to.
///
/// # Panics
/// If it is null: nobody has put anything there.
///
/// # Safety
/// The pointer comes from `Box::into_raw`, and its element is the caller's alone.
unsafe fn element<T>(pointer: *mut T) -> Box<T> {
    assert!(!pointer.is_null(), "an element was taken from a slot that nobody has written to");
    // SAFETY: the caller's promise.
    unsafe { Box::from_raw(pointer) }
}

impl<T> Worker<T> {
    /// Adds an element at the bottom.
    pub fn push(&mut self, new: Box<T>) {
        let shared = &*self.shared;
        // Relaxed: nobody else writes it.
        let bottom = shared.bottom.load(Relaxed);
        // Acquire matches the Release of `steal`: whoever has taken the element that lived in our slot has read it before.
        // no model shows it: none knows a load that reads from a later store. In C11 the weaker one is wrong; NOTES.md.
        let top = shared.top.load(Acquire);
        let mut buffer = self.buffer();
        if bottom - top >= buffer.capacity() as isize {
            buffer = self.grow(top, bottom);
        }
        // Relaxed: the fence is what publishes it.
        buffer.slot(bottom).store(Box::into_raw(new), Relaxed);
        // Matches the Acquire of `bottom` in `steal`. A fence, for it makes a release of *every* later store to `bottom`: a
        // thief that reads what `pop` has stored must see the elements below it, too.
        fence(Release);
        shared.bottom.store(bottom + 1, Relaxed);
    }

    /// Takes the youngest element.
    pub fn pop(&mut self) -> Option<Box<T>> {
        let shared = &*self.shared;
        let bottom = shared.bottom.load(Relaxed) - 1;
        // First claim, then look: from here on no thief that sees this takes the element.
        shared.bottom.store(bottom, Relaxed);
        // Matches the fence of `steal`. Both sides write one variable and read the other one: whichever fence is second, its
        // thread sees what the other one has written.
        fence(SeqCst);
        let top = shared.top.load(Relaxed);
        if top > bottom {
            // It was empty.
            shared.bottom.store(bottom + 1, Relaxed);
            return None;
        }
        let pointer = self.buffer().slot(bottom).load(Relaxed);
        let mut won = true;
        if top == bottom {
            // The last one: thieves may be after it that looked before we claimed it, so we take it as they do, from the
            // top. Relaxed: that only one succeeds is in the nature of an exchange.
            won = shared.top.compare_exchange(top, top + 1, Relaxed, Relaxed).is_ok();
            shared.bottom.store(bottom + 1, Relaxed);
        }
        // SAFETY: `push` has made it. It is at `bottom`, and no thief takes it: either there were more, and then the fence
        // keeps them from coming this far, or we have won the exchange.
        won.then(|| unsafe { element(pointer) })
    }

    /// The newest buffer.
    fn buffer(&self) -> &Buffer<T> {
        // Relaxed: nobody else writes it.
        // SAFETY: buffers live as long as `Shared`.
        unsafe { &*self.shared.buffer.load(Relaxed) }
    }

    /// Puts a buffer of twice the capacity in the place of the full one, and returns it.
    fn grow(&self, top: isize, bottom: isize) -> &Buffer<T> {
        let old = self.shared.buffer.load(Relaxed);
        let new = Buffer::new(2 * self.buffer().capacity(), old);
        for position in top..bottom {
            new.slot(position).store(self.buffer().slot(position).load(Relaxed), Relaxed);
        }
        // The old one stays, with what it holds: a thief may be about to read from it, and finds there what it would find
        // here. Release matches the Acquire of `buffer` in `steal`: whoever sees the new one sees the copies in it.
        self.shared.buffer.store(Box::into_raw(new), Release);
        self.buffer()
    }
}

impl<T> Stealer<T> {
    /// Tries to take the oldest element.
    pub fn steal(&self) -> Steal<T> {
        let shared = &*self.shared;
        // `top`, then `bottom`, then `buffer`. Relaxed: the fence orders what follows.
        let top = shared.top.load(Relaxed);
        // Matches the fence of `pop`.
        fence(SeqCst);
        // Acquire matches the Release fence of `push`: the element itself, and a buffer that has it.
        let bottom = shared.bottom.load(Acquire);
        if top >= bottom {
            return Steal::Empty;
        }
        // Acquire matches the Release of `grow`.
        // SAFETY: buffers live as long as `Shared`.
        let buffer = unsafe { &*shared.buffer.load(Acquire) };
        // Read first, then take: once `top` has moved on, the owner may write to the slot.
        let pointer = buffer.slot(top).load(Relaxed);
        // Release matches the Acquire of `push`.
        // no model shows it: none knows a load that reads from a later store. In C11 the weaker one is wrong; NOTES.md.
        if shared.top.compare_exchange(top, top + 1, Release, Relaxed).is_err() {
            return Steal::Retry;
        }
        // SAFETY: `push` has made it, and of all who want the element at `top`, we have won the exchange.
        Steal::Success(unsafe { element(pointer) })
    }
}

impl<T> Clone for Stealer<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<T> Drop for Shared<T> {
    /// Drops the elements that are left, and all buffers.
    fn drop(&mut self) {
        let (top, bottom) = (*self.top.get_mut(), *self.bottom.get_mut());
        let mut next = *self.buffer.get_mut();
        for position in top..bottom {
            // SAFETY: the newest buffer holds all that is left, and nobody else is there to take it.
            drop(unsafe { element((*next).slot(position).load(Relaxed)) });
        }
        while !next.is_null() {
            // SAFETY: `Buffer::new` has made it, it is in the chain once, and no thief is left to read from it.
            next = unsafe { Box::from_raw(next) }.older;
        }
    }
}
