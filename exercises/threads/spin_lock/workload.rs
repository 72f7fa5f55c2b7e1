//! The lock as a measurable program: threads that work for themselves most of the time, and add to one number in between.

use std::{fs, io, path::Path, process::ExitCode};

use lab::{
    thread,
    workload::{Axis, Peer, Setup, Spec, Workload, digest_of, main as serve},
};
use spin_lock::SpinLock;

/// The number, and a sum that shows a lost or a doubled increment whatever their order.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
struct Counter {
    count: u64,
    sum: u64,
}

impl Counter {
    /// The critical section.
    fn add(&mut self, found: u64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(found);
    }
}

/// What a thread does between two critical sections, outside of the lock: many times as long as one.
///
/// Without it the threads would only fight for one cache line, and the figure would tell who happened to keep it: the same
/// program came out at 0.9 times `parking_lot` in one process and at 2.7 times in another.
fn work(step: u64) -> u64 {
    (0..ROUNDS).fold(step, |value, round| {
        let value = (value ^ (value >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        value ^ (value >> 27) ^ round
    })
}

const ROUNDS: u64 = 64;

/// A lock on cache lines of its own, wherever the stack begins today.
#[repr(align(128))]
struct Alone<T>(T);

/// So many increments, by so many threads.
struct Increments {
    setup: Setup,
}

impl Increments {
    /// Works at every step and hands what it finds to `add`, the steps spread over the threads.
    fn spread(&self, add: impl Fn(u64) + Sync) {
        let Setup { size, seed, threads, .. } = self.setup;
        let threads = threads.max(1) as u64;
        thread::scope(|scope| {
            for index in 0..threads {
                let add = &add;
                // The first `size % threads` take one step more.
                let mine = size / threads + u64::from(index < size % threads);
                let first = index * (size / threads) + index.min(size % threads);
                scope.spawn(move || {
                    let _span = lab::span!("increments", steps = mine);
                    (first..first + mine).for_each(|step| add(work(seed.wrapping_add(step))));
                });
            }
        });
    }
}

impl Workload for Increments {
    type Input = ();
    type Output = Counter;

    fn spec() -> Spec {
        Spec {
            name: "spin_lock".into(),
            size_unit: "increments".into(),
            cost_unit: None,
            axis: Axis::Threads,
            quick: 600_000,
            full: 4_000_000,
        }
    }

    fn prepare(setup: &Setup) -> Self {
        Self { setup: *setup }
    }

    fn input(&self) {}

    /// The same without a lock and without threads: what the lock costs is the rest.
    fn baseline(&self, (): ()) -> Counter {
        let mut counter = Counter::default();
        for step in 0..self.setup.size {
            // Not all at once: the compiler would make one addition of many.
            std::hint::black_box(&mut counter).add(work(self.setup.seed.wrapping_add(step)));
        }
        counter
    }

    fn submission(&self, (): ()) -> Counter {
        let counter = Alone(SpinLock::new(Counter::default()));
        self.spread(|found| counter.0.lock().add(found));
        *counter.0.lock()
    }

    fn peers() -> Vec<Peer<Self>> {
        vec![("parking_lot", parking_lot), ("std", std_mutex)]
    }

    fn digest(&self, output: &Counter) -> u64 {
        digest_of(output)
    }

    /// Two numbers, with white space between: how many increments, and the sum of what they found, modulo `2^64`.
    ///
    /// There is no input beside the setup: step `i` of `size` works on `seed + i`, as [`work`] says, and the steps are spread
    /// over the threads.
    fn import(&self, file: &Path, _threads: usize) -> io::Result<Counter> {
        let text = fs::read_to_string(file)?;
        let numbers: Option<Vec<u64>> = text.split_whitespace().map(|word| word.parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[count, sum]) => Ok(Counter { count, sum }),
            _ => Err(io::Error::other("it does not hold two whole numbers")),
        }
    }
}

fn parking_lot(increments: &Increments, (): ()) -> Counter {
    let counter = Alone(parking_lot::Mutex::new(Counter::default()));
    increments.spread(|found| counter.0.lock().add(found));
    counter.0.into_inner()
}

fn std_mutex(increments: &Increments, (): ()) -> Counter {
    let counter = Alone(std::sync::Mutex::new(Counter::default()));
    increments.spread(|found| counter.0.lock().expect("no increment panics").add(found));
    counter.0.into_inner().expect("no increment panics")
}

fn main() -> ExitCode {
    serve::<Increments>()
}
