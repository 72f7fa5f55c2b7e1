//! A work-stealing deque: its owner pushes and pops at one end without a lock, and thieves steal from the other.
//!
//! It is the deque of Chase and Lev (SPAA 2005). Work from top to bottom; README.md tells the task, and
//! `cargo xtask hint work_stealing_deque` helps.
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
        atomic::{AtomicIsize, AtomicPtr},
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
#[expect(dead_code, reason = "delete this line when `push` uses the field")]
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
#[expect(dead_code, reason = "delete this line when you use the fields")]
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
#[expect(dead_code, reason = "delete this line when `drop` uses `older`")]
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

    #[expect(dead_code, reason = "delete this line when `push` uses it")]
    fn capacity(&self) -> usize {
        self.slots.get().len()
    }

    /// Where the element at `position` lives.
    #[expect(dead_code, reason = "delete this line when `push` uses it")]
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
#[expect(dead_code, reason = "delete this line when `pop` uses it")]
unsafe fn element<T>(pointer: *mut T) -> Box<T> {
    assert!(!pointer.is_null(), "an element was taken from a slot that nobody has written to");
    // SAFETY: the caller's promise.
    unsafe { Box::from_raw(pointer) }
}

impl<T> Worker<T> {
    /// Adds an element at the bottom.
    pub fn push(&mut self, new: Box<T>) {
        let _pointer = Box::into_raw(new);
        todo!("step 1: put it into its slot, and then tell the thieves; if the buffer is full, `grow` first")
    }

    /// Takes the youngest element.
    ///
    /// The owner claims an element by moving `bottom` down. Thieves may be on their way to the same one.
    pub fn pop(&mut self) -> Option<Box<T>> {
        todo!("step 2: first claim, then look; if it is the last one, take it as a thief would")
    }

    /// Puts a buffer of twice the capacity in the place of the full one, and returns it.
    ///
    /// A thief may still read from the old one: it must stay, with what it holds, until the deque is dropped.
    #[expect(dead_code, reason = "delete this line when `push` uses it")]
    fn grow(&self, top: isize, bottom: isize) -> &Buffer<T> {
        let _ = (top, bottom);
        todo!("step 4: copy what is at `top..bottom`, chain the old buffer to the new one, and publish that")
    }
}

impl<T> Stealer<T> {
    /// Tries to take the oldest element.
    ///
    /// `Empty` only if there was a moment without an element, `Retry` only if somebody else has taken one meanwhile.
    pub fn steal(&self) -> Steal<T> {
        todo!("step 3: look at `top`, then at `bottom`, then read the slot, then take it")
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
        // Step 5. There is no `todo!` here, since it would panic while a failing test unwinds, and that ends the process.
    }
}
