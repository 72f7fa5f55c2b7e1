//! A value with many owners: `Arc` counts them, and `Weak` looks on without being one.
//!
//! Work from top to bottom; README.md tells the task, and `cargo xtask hint reference_count` helps.
//!
//! All of them point to one `Block`, which holds the value and two counts:
//!
//! | what is counted | `strong` | `weak` | when it becomes 0 |
//! | --- | --- | --- | --- |
//! | an [`Arc`] | 1 | – | `strong`: the value is dropped, and the `Arc`s give back the one `weak` that they hold together |
//! | all [`Arc`]s together | – | 1 | |
//! | a [`Weak`] | – | 1 | `weak`: the memory is freed |

use std::{mem::ManuallyDrop, ops::Deref, ptr::NonNull};

use lab::{cell::UnsafeCell, sync::atomic::AtomicUsize, tracked::Tracked};

/// No count may pass it by more than there are threads: whoever would make more references aborts the program.
///
/// Clones that are forgotten (`std::mem::forget`) stay counted. Without a limit a loop of them would bring the count round to 0,
/// and the value would be dropped while it is used. Half of what fits leaves room for the threads that have added theirs
/// already and are about to notice.
pub const MAX_REFERENCES: usize = isize::MAX as usize;

/// What the references to one value share.
#[expect(dead_code, reason = "delete this line when `Arc` and `Weak` use the fields")]
struct Block<T> {
    /// How many `Arc`s there are; once it is 0 it stays 0.
    strong: AtomicUsize,
    /// How many `Weak`s there are, and one more for all the `Arc`s together.
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

    /// Gives the memory back. The value is not dropped.
    ///
    /// # Safety
    /// `block` comes from [`Block::allocate`], the value has been dropped, and nobody uses the block any more.
    #[expect(dead_code, reason = "delete this line when you free a block")]
    unsafe fn free(block: NonNull<Self>) {
        // SAFETY: the caller promises it.
        drop(unsafe { Box::from_raw(block.as_ptr()) });
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
    #[expect(unused_variables, reason = "delete this line when you write the function")]
    pub fn get_mut(this: &mut Self) -> Option<&mut T> {
        todo!("step 5: find out in one moment that there is no other Arc and no Weak")
    }

    /// The value, if this is the only `Arc`. Its `Weak`s are then without a value.
    ///
    /// # Errors
    /// The `Arc` itself, if there are others.
    #[expect(unused_variables, reason = "delete this line when you write the function")]
    pub fn try_unwrap(this: Self) -> Result<T, Self> {
        todo!("step 6: be the last owner, or change nothing")
    }

    /// The value, if this is the last `Arc`; otherwise it is dropped. Of several threads that do this with the `Arc`s of one
    /// value, one gets it. (With `try_unwrap` perhaps none: each may find the others still there.)
    #[expect(unused_variables, reason = "delete this line when you write the function")]
    pub fn into_inner(this: Self) -> Option<T> {
        todo!("step 6: give up this owner, and take the value if it was the last")
    }

    /// A reference that does not keep the value alive.
    #[expect(unused_variables, reason = "delete this line when you write the function")]
    pub fn downgrade(this: &Self) -> Weak<T> {
        todo!("step 3: count a Weak")
    }

    /// The block, which this `Arc` keeps from being freed.
    #[expect(dead_code, reason = "delete this line when you use it")]
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

    /// Lends the value to read. `UnsafeCell::with` gives a pointer to it; say in a `// SAFETY:` comment why nobody writes.
    fn deref(&self) -> &T {
        todo!("step 1: lend the value")
    }
}

impl<T> Clone for Arc<T> {
    /// One more owner of the same value, but no more than [`MAX_REFERENCES`].
    fn clone(&self) -> Self {
        todo!("step 1: count one more owner")
    }
}

impl<T> Drop for Arc<T> {
    /// One owner less. The last one drops the value, and gives back what all of them held of the memory.
    fn drop(&mut self) {
        // Step 2: count one owner less, and let the last one drop the value, after all the others have used it. This is no
        // `todo!()`, for a destructor that panics while another panic unwinds ends all the tests at once.
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
        todo!("step 4: count one more owner, but never from 0")
    }

    /// The block, which this `Weak` keeps from being freed. Its value may be gone.
    #[expect(dead_code, reason = "delete this line when you use it")]
    #[track_caller]
    fn block(&self) -> &Block<T> {
        // SAFETY: this `Weak` is counted, so the memory is there.
        let block = unsafe { self.block.as_ref() };
        block.memory.get();
        block
    }
}

impl<T> Clone for Weak<T> {
    /// One more `Weak`, but no more than [`MAX_REFERENCES`].
    fn clone(&self) -> Self {
        todo!("step 3: count a Weak")
    }
}

impl<T> Drop for Weak<T> {
    /// One `Weak` less. When that was the last, and the `Arc`s have given back theirs, the memory is freed.
    fn drop(&mut self) {
        // Step 3: count one `Weak` less, and let the last one free the memory, after all the others have used it.
    }
}
