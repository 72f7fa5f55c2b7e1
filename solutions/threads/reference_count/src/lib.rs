//! A value with many owners: `Arc` counts them, and `Weak` looks on without being one.
//!
//! All of them point to one `Block`, which holds the value and two counts:
//!
//! | what is counted | `strong` | `weak` | when it becomes 0 |
//! | --- | --- | --- | --- |
//! | an [`Arc`] | 1 | – | `strong`: the value is dropped, and the `Arc`s give back the one `weak` that they hold together |
//! | all [`Arc`]s together | – | 1 | |
//! | a [`Weak`] | – | 1 | `weak`: the memory is freed |
//! | `get_mut`, while it looks | – | [`LOCKED`] | |

use std::{mem::ManuallyDrop, ops::Deref, process, ptr::NonNull};

use lab::{
    cell::UnsafeCell,
    hint,
    sync::atomic::{
        AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
        fence,
    },
    tracked::Tracked,
};

/// No count may pass it by more than there are threads: whoever would make more references aborts the program.
///
/// Clones that are forgotten (`std::mem::forget`) stay counted. Without a limit a loop of them would bring the count round to 0,
/// and the value would be dropped while it is used. Half of what fits leaves room for the threads that have added theirs
/// already and are about to notice.
pub const MAX_REFERENCES: usize = isize::MAX as usize;

/// The value of `weak` while [`Arc::get_mut`] looks, and nobody may make a `Weak`.
const LOCKED: usize = usize::MAX;

/// What the references to one value share.
struct Block<T> {
    /// How many `Arc`s there are; once it is 0 it stays 0.
    strong: AtomicUsize,
    /// How many `Weak`s there are, and one more for all the `Arc`s together; or [`LOCKED`].
    weak: AtomicUsize,
    /// Dropped by whoever brings `strong` to 0, which the memory outlives: so a `ManuallyDrop`.
    value: UnsafeCell<ManuallyDrop<T>>,
    /// Costs nothing. In a model it stands for the memory of the block: to free it never, or twice, or too early is told.
    memory: Tracked<()>,
}

impl<T> Block<T> {
    /// A block on the heap. It is freed by [`Block::free`].
    fn allocate(value: T, strong: usize, weak: usize) -> NonNull<Self> {
        let block = Self {
            strong: AtomicUsize::new(strong),
            weak: AtomicUsize::new(weak),
            value: UnsafeCell::new(ManuallyDrop::new(value)),
            memory: Tracked::new(()),
        };
        NonNull::from(Box::leak(Box::new(block)))
    }

    /// Gives the memory back.
    ///
    /// # Safety
    /// `block` comes from [`Block::allocate`], the value has been dropped, and nobody uses the block any more.
    unsafe fn free(block: NonNull<Self>) {
        // SAFETY: the caller promises it.
        drop(unsafe { Box::from_raw(block.as_ptr()) });
    }

    /// Takes the value out, or drops it where the caller does.
    ///
    /// # Safety
    /// Once for each block, by whoever has brought `strong` from 1 to 0, after all uses of the value.
    unsafe fn take(&self) -> T {
        // SAFETY: nobody else uses the value, and nobody will.
        self.value.with_mut(|value| unsafe { ManuallyDrop::take(&mut *value) })
    }
}

/// One more reference, if the count before it allows that.
fn check(count: usize) {
    if count > MAX_REFERENCES {
        // Not a panic: it could be caught, and the count would stay where it is.
        process::abort();
    }
}

/// An owner of a value that has others: the last one that is dropped drops the value.
pub struct Arc<T> {
    block: NonNull<Block<T>>,
}

// SAFETY: whoever has an `Arc` can read the value, as with `&T`, so `T: Sync`; and may be the one that drops it, or takes it
// out, so `T: Send`.
unsafe impl<T: Send + Sync> Send for Arc<T> {}
// SAFETY: with `&Arc<T>` one can make an `Arc<T>`.
unsafe impl<T: Send + Sync> Sync for Arc<T> {}

impl<T> Arc<T> {
    /// The first owner of `value`.
    pub fn new(value: T) -> Self {
        Self { block: Block::allocate(value, 1, 1) }
    }

    /// The same after `arcs` clones and `weaks` downgrades that were all forgotten: no test has the time to make so many.
    #[doc(hidden)]
    pub fn with_forgotten(value: T, arcs: usize, weaks: usize) -> Self {
        Self { block: Block::allocate(value, 1 + arcs, 1 + weaks) }
    }

    /// The value, to write, if this is the only reference to it: no other `Arc`, and no `Weak` that could become one.
    pub fn get_mut(this: &mut Self) -> Option<&mut T> {
        let block = this.block();
        // Two counts cannot be read in one step. So first: no `Weak` there, and none to be made while we look. Acquire matches
        // the Release of `Weak::drop`: an `Arc` that was made of a `Weak` before that is counted in what we read next.
        block.weak.compare_exchange(1, LOCKED, Acquire, Relaxed).ok()?;
        // Acquire matches the Release of the other `Arc`s' drops: what they did with the value is over. (rust #51780)
        let alone = block.strong.load(Acquire) == 1;
        // Release matches the Acquire of `downgrade`: a thread that makes its `Weak` after this store, and then drops its `Arc`,
        // cannot have changed what the load before it has read.
        // no model shows it: there no load reads a store that comes after it. C11 lets it, so this stays.
        block.weak.store(1, Release);
        // SAFETY: there is no other reference; none can be made but through `this`, which the result borrows uniquely.
        alone.then(|| block.value.with_mut(|value| unsafe { &mut **value }))
    }

    /// The value, if this is the only `Arc`. Its `Weak`s are then without a value.
    ///
    /// # Errors
    /// The `Arc` itself, if there are others.
    pub fn try_unwrap(this: Self) -> Result<T, Self> {
        // Acquire matches the Release of the other `Arc`s' drops, as the fence of `drop` does.
        if this.block().strong.compare_exchange(1, 0, Acquire, Relaxed).is_err() {
            return Err(this);
        }
        // It is not counted any more, so it must not be dropped.
        let this = ManuallyDrop::new(this);
        let _last = Weak { block: this.block };
        // SAFETY: it was the last `Arc`, and there is none any more.
        Ok(unsafe { this.block().take() })
    }

    /// The value, if this is the last `Arc`; otherwise it is dropped. Of several threads that do this with the `Arc`s of one
    /// value, one gets it. (With `try_unwrap` perhaps none: each may find the others still there.)
    pub fn into_inner(this: Self) -> Option<T> {
        let this = ManuallyDrop::new(this);
        if !this.give_up() {
            return None;
        }
        let _last = Weak { block: this.block };
        // SAFETY: it was the last `Arc`.
        Some(unsafe { this.block().take() })
    }

    /// A reference that does not keep the value alive.
    pub fn downgrade(this: &Self) -> Weak<T> {
        let weak = &this.block().weak;
        let mut count = weak.load(Relaxed);
        loop {
            if count == LOCKED {
                hint::spin_loop();
                count = weak.load(Relaxed);
                continue;
            }
            check(count);
            // Acquire matches the Release with which `get_mut` unlocks; it says why.
            // no model shows it: there no load reads a store that comes after it. C11 lets it, so this stays.
            match weak.compare_exchange_weak(count, count + 1, Acquire, Relaxed) {
                Ok(_) => return Weak { block: this.block },
                Err(newer) => count = newer,
            }
        }
    }

    /// Takes this `Arc` from the count, and says whether it was the last.
    fn give_up(&self) -> bool {
        // Release: what this thread did with the value comes before whatever the last one does with it.
        let last = self.block().strong.fetch_sub(1, Release) == 1;
        if last {
            // Only the last one needs what the others have released: so a fence here and not AcqRel above.
            fence(Acquire);
        }
        last
    }

    #[track_caller]
    fn block(&self) -> &Block<T> {
        // SAFETY: as long as there is an `Arc`, the `weak` that all of them hold keeps the memory.
        let block = unsafe { self.block.as_ref() };
        block.memory.get();
        block
    }
}

impl<T> Deref for Arc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: while there is an `Arc` nobody writes: `get_mut` and whoever drops or takes the value want to be alone.
        self.block().value.with(|value| unsafe { &**value })
    }
}

impl<T> Clone for Arc<T> {
    fn clone(&self) -> Self {
        // Relaxed: whoever clones has an `Arc` already, and can do nothing with two that it could not do with one. How the new
        // one comes to another thread is what orders that thread after this one.
        check(self.block().strong.fetch_add(1, Relaxed));
        Self { block: self.block }
    }
}

impl<T> Drop for Arc<T> {
    fn drop(&mut self) {
        if self.give_up() {
            // Dropped after the value, and even if that panics.
            let _last = Weak { block: self.block };
            // SAFETY: it was the last `Arc`.
            drop(unsafe { self.block().take() });
        }
    }
}

/// A reference to a value that does not keep it alive, but can become an [`Arc`] as long as another one does.
pub struct Weak<T> {
    block: NonNull<Block<T>>,
}

// SAFETY: a `Weak` can become an `Arc`.
unsafe impl<T: Send + Sync> Send for Weak<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Weak<T> {}

impl<T> Weak<T> {
    /// An owner of the value, unless the value is gone.
    pub fn upgrade(&self) -> Option<Arc<T>> {
        let strong = &self.block().strong;
        let mut count = strong.load(Relaxed);
        // Not a `fetch_add`: from 0 there is no way back, for somebody is dropping the value.
        while count != 0 {
            check(count);
            // Relaxed, as in `clone`: there is an `Arc`, and whoever made this `Weak` of one has seen the value made.
            match strong.compare_exchange_weak(count, count + 1, Relaxed, Relaxed) {
                Ok(_) => return Some(Arc { block: self.block }),
                Err(newer) => count = newer,
            }
        }
        None
    }

    #[track_caller]
    fn block(&self) -> &Block<T> {
        // SAFETY: this `Weak` is counted, so the memory is there; the value may not be.
        let block = unsafe { self.block.as_ref() };
        block.memory.get();
        block
    }
}

impl<T> Clone for Weak<T> {
    fn clone(&self) -> Self {
        // Never LOCKED: while there is a `Weak`, `get_mut` does not lock.
        check(self.block().weak.fetch_add(1, Relaxed));
        Self { block: self.block }
    }
}

impl<T> Drop for Weak<T> {
    fn drop(&mut self) {
        // Release: all that was done with the block comes before it is freed.
        if self.block().weak.fetch_sub(1, Release) == 1 {
            // Matches the Release of the others.
            fence(Acquire);
            // SAFETY: no `Weak` is left, and no `Arc`: together they had one.
            unsafe { Block::free(self.block) };
        }
    }
}
