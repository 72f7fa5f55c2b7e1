//! A counter that many threads add to all the time, and that is read now and then.
//!
//! | stage | who writes where | an addition costs |
//! | --- | --- | --- |
//! | one atomic | all threads to one cache line | the line's way from core to core, each time |
//! | shards, padded | each thread to a line of its own | an atomic operation on a line that is there already |
//! | batches | each thread to a variable of its own, and to its shard once in a while | an ordinary addition |

use lab::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a [`Local`] holds back is always less than this.
pub const BATCH: u64 = 1 << 12;

/// One part of a counter, on cache lines of its own.
///
/// 128 bytes and not 64: some processors fetch lines in pairs, and some have lines of 128.
#[derive(Debug)]
#[repr(align(128))]
struct Shard {
    sum: AtomicU64,
}

/// A number that every thread may add to, so long as the sum of all that is ever added stays below `2^64`.
#[derive(Debug)]
pub struct Counter {
    /// What was added is the sum of these. A power of two of them.
    shards: Box<[Shard]>,
}

impl Counter {
    /// Zero. `threads` is how many threads will add at the same time; more of them, or fewer, are slower and not wrong.
    pub fn new(threads: usize) -> Self {
        let shards = threads.max(1).next_power_of_two();
        Self { shards: (0..shards).map(|_| Shard { sum: AtomicU64::new(0) }).collect() }
    }

    /// Adds `amount`, for all to see.
    pub fn add(&self, amount: u64) {
        // Their number is a power of two, so this is a remainder without a division.
        let shard = thread_number() & (self.shards.len() - 1);
        // In one step, for two threads may have the same shard. Relaxed: nothing but the number itself is handed on.
        self.shards[shard].sum.fetch_add(amount, Relaxed);
    }

    /// What was added. While others add it is not the sum of one moment, but it is
    ///
    /// - at least all that was added before it was called: whatever *happens before* it;
    /// - at most all whose addition had begun when it returned;
    /// - never less than a sum that was read before it.
    ///
    /// What a [`Local`] holds back was not added yet.
    pub fn sum(&self) -> u64 {
        // Each shard is seen at least as new as happens-before asks for, and never older than it was seen before: that much
        // holds of every single atomic, Relaxed or not, and so it holds of their sum, for no shard ever falls.
        self.shards.iter().map(|shard| shard.sum.load(Relaxed)).sum()
    }

    /// A way to add for one thread that adds much.
    pub fn local(&self) -> Local<'_> {
        Local { counter: self, held_back: 0 }
    }
}

/// Gathers what one thread adds, and passes it on now and then: when it comes to [`BATCH`], when it is told to, and at the
/// latest when it is dropped.
#[derive(Debug)]
pub struct Local<'a> {
    counter: &'a Counter,
    /// Less than [`BATCH`] between two calls. No other thread can reach it, so it is no atomic, and the compiler may keep it in
    /// a register.
    held_back: u64,
}

impl Local<'_> {
    /// Adds `amount`, for all to see sooner or later.
    pub fn add(&mut self, amount: u64) {
        self.held_back += amount;
        if self.held_back >= BATCH {
            self.flush();
        }
    }

    /// Passes on what is held back, so that all can see it.
    pub fn flush(&mut self) {
        self.counter.add(self.held_back);
        self.held_back = 0;
    }
}

impl Drop for Local<'_> {
    fn drop(&mut self) {
        self.flush();
    }
}

/// A number of the thread that calls: 0 for the first one that ever asks, 1 for the next, and so on.
fn thread_number() -> usize {
    #[cfg(not(feature = "model"))]
    {
        static NEXT: lab::sync::atomic::AtomicUsize = lab::sync::atomic::AtomicUsize::new(0);
        thread_local! {
            static NUMBER: usize = NEXT.fetch_add(1, Relaxed);
        }
        NUMBER.with(|number| *number)
    }
    // The threads of a model take turns on a single one, so that a `thread_local!` would be the same for all.
    #[cfg(feature = "model")]
    {
        let name = format!("{:?}", lab::thread::current());
        name.trim_start_matches('T').parse().expect("the threads of a model are called T0, T1 and so on")
    }
}
