//! A counter that many threads add to all the time, and that is read now and then.
//!
//! It is right, and slow: all threads write to one cache line, which goes from core to core for each addition. Make it fast in two
//! stages, without breaking a promise. README.md tells the task, and `cargo xtask hint sharded_counter` helps.

use lab::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a [`Local`] holds back is always less than this.
pub const BATCH: u64 = 1 << 12;

/// A number that every thread may add to, so long as the sum of all that is ever added stays below `2^64`.
#[derive(Debug)]
pub struct Counter {
    /// What was added. Step 1: more than one of these, each on cache lines of its own.
    count: AtomicU64,
}

impl Counter {
    /// Zero. `threads` is how many threads will add at the same time; more of them, or fewer, are slower and not wrong.
    pub fn new(threads: usize) -> Self {
        let _for_step_1 = threads;
        Self { count: AtomicU64::new(0) }
    }

    /// Adds `amount`, for all to see.
    pub fn add(&self, amount: u64) {
        self.count.fetch_add(amount, Relaxed);
    }

    /// What was added. While others add it is not the sum of one moment, but it is
    ///
    /// - at least all that was added before it was called: whatever *happens before* it;
    /// - at most all whose addition had begun when it returned;
    /// - never less than a sum that was read before it.
    ///
    /// What a [`Local`] holds back was not added yet.
    pub fn sum(&self) -> u64 {
        self.count.load(Relaxed)
    }

    /// A way to add for one thread that adds much.
    pub fn local(&self) -> Local<'_> {
        Local { counter: self }
    }
}

/// Gathers what one thread adds, and passes it on now and then: when it comes to [`BATCH`], when it is told to, and at the
/// latest when it is dropped.
#[derive(Debug)]
pub struct Local<'a> {
    counter: &'a Counter,
}

impl Local<'_> {
    /// Adds `amount`, for all to see sooner or later.
    pub fn add(&mut self, amount: u64) {
        // Step 2: not each time.
        self.counter.add(amount);
    }

    /// Passes on what is held back, so that all can see it.
    pub fn flush(&mut self) {
        // Nothing is held back yet.
    }
}

impl Drop for Local<'_> {
    fn drop(&mut self) {
        self.flush();
    }
}

/// A number of the thread that calls: 0 for the first one that ever asks, 1 for the next, and so on.
#[expect(dead_code, reason = "delete this line when `add` asks for it")]
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
