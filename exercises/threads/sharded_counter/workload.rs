//! The counter as a measurable program: threads that count all the time, one addition in four for all to see at once.

use std::{
    fs,
    hint::black_box,
    io,
    ops::Range,
    path::Path,
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use lab::{
    thread,
    workload::{Axis, Peer, Setup, Spec, Sweep, Swept, Workload, digest_of, main as serve},
};
use sharded_counter::Counter;

/// How far apart the counters of two threads lie in the peer "shards", in bytes, where the setup does not say.
const APART: u64 = 128;

/// How many of a thread's additions go to its batch, for each one that all must see at once.
const BATCHED: u64 = 3;

/// What is added at a step: 1 to 8, and no compiler knows the sum beforehand.
fn amount(seed: u64, step: u64) -> u64 {
    let value = seed.wrapping_add(step);
    let value = (value ^ (value >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    1 + (value >> 61)
}

/// What is added at all these steps.
fn sum(seed: u64, steps: Range<u64>) -> u64 {
    // One addition at a time, as everybody else: not several in one instruction.
    steps.fold(0, |sum, step| black_box(sum) + amount(seed, step))
}

/// On cache lines of its own, wherever the stack begins today. A counter that lay beside what all threads read would slow them
/// all down by that, too: one atomic beside the seed took twice as long.
#[repr(align(128))]
struct Alone<T>(T);

/// So many additions, by so many threads.
struct Additions {
    setup: Setup,
}

impl Additions {
    /// Runs `work` on every thread, with its number and the steps that are its share.
    fn spread(&self, work: impl Fn(usize, Range<u64>) + Sync) {
        let Setup { size, threads, .. } = self.setup;
        let threads = threads.max(1) as u64;
        thread::scope(|scope| {
            for index in 0..threads {
                let work = &work;
                // The first `size % threads` take one step more.
                let mine = size / threads + u64::from(index < size % threads);
                let first = index * (size / threads) + index.min(size % threads);
                scope.spawn(move || {
                    let _span = lab::span!("additions", steps = mine);
                    work(index as usize, first..first + mine);
                });
            }
        });
    }
}

impl Workload for Additions {
    type Input = ();
    type Output = u64;

    fn spec() -> Spec {
        Spec {
            name: "sharded_counter".into(),
            size_unit: "additions".into(),
            cost_unit: None,
            axis: Axis::Threads,
            quick: 16_000_000,
            full: 64_000_000,
        }
    }

    fn prepare(setup: &Setup) -> Self {
        Self { setup: *setup }
    }

    fn input(&self) {}

    /// One thread and one variable.
    fn baseline(&self, (): ()) -> u64 {
        sum(self.setup.seed, 0..self.setup.size)
    }

    fn submission(&self, (): ()) -> u64 {
        let counter = Alone(Counter::new(self.setup.threads));
        self.spread(|_, steps| {
            let (counter, seed) = (&counter.0, self.setup.seed);
            let mut local = counter.local();
            for step in steps {
                if step % (BATCHED + 1) == 0 {
                    counter.add(amount(seed, step));
                } else {
                    local.add(amount(seed, step));
                }
            }
        });
        counter.0.sum()
    }

    fn peers() -> Vec<Peer<Self>> {
        vec![("shards", shards), ("one atomic", one_atomic), ("private sums", private_sums)]
    }

    /// Two counters on one cache line are as slow as one counter for both, though no thread ever looks at the other's.
    fn sweep() -> Option<Sweep> {
        let values = [8, 16, 32, 64, 128, 256].map(|at| Swept { at, quick: 8_000_000, full: 32_000_000 });
        Some(Sweep {
            parameter: "distance between two shards".into(),
            unit: "bytes".into(),
            values: values.to_vec(),
            contenders: vec!["shards".into()],
        })
    }

    fn digest(&self, output: &u64) -> u64 {
        digest_of(output)
    }

    /// One number: the sum.
    ///
    /// There is no input beside the setup: step `i` of `size` adds what [`amount`] says, and the steps are spread over the
    /// threads.
    fn import(&self, file: &Path, _threads: usize) -> io::Result<u64> {
        fs::read_to_string(file)?.trim().parse().map_err(|_| io::Error::other("it does not hold one whole number"))
    }
}

/// Memory that begins where a cache line begins, and where a pair of them does, whatever their size.
#[repr(align(4096))]
struct Page([AtomicU64; 512]);

/// Counters in memory, a fixed distance apart.
struct Placed {
    pages: Vec<Page>,
    /// In counters.
    apart: usize,
}

impl Placed {
    fn new(counters: usize, bytes_apart: u64) -> Self {
        let apart = (bytes_apart as usize / size_of::<AtomicU64>()).max(1);
        let pages = (counters.max(1) * apart).div_ceil(512);
        Self { pages: (0..pages).map(|_| Page([const { AtomicU64::new(0) }; 512])).collect(), apart }
    }

    fn counter(&self, index: usize) -> &AtomicU64 {
        let place = index * self.apart;
        &self.pages[place / 512].0[place % 512]
    }
}

/// An atomic counter for each thread, that all see at once; [`Setup::at`] bytes lie between two.
fn shards(additions: &Additions, (): ()) -> u64 {
    let threads = additions.setup.threads.max(1);
    let counters = Placed::new(threads, additions.setup.at.unwrap_or(APART));
    additions.spread(|index, steps| {
        let (counter, seed) = (counters.counter(index), additions.setup.seed);
        for step in steps {
            counter.fetch_add(amount(seed, step), Relaxed);
        }
    });
    (0..threads).map(|index| counters.counter(index).load(Relaxed)).sum()
}

/// One for all.
fn one_atomic(additions: &Additions, (): ()) -> u64 {
    let counter = Alone(AtomicU64::new(0));
    additions.spread(|_, steps| {
        let (counter, seed) = (&counter.0, additions.setup.seed);
        for step in steps {
            counter.fetch_add(amount(seed, step), Relaxed);
        }
    });
    counter.0.into_inner()
}

/// A plain number for each thread, that nobody sees before the end: what no counter can be faster than.
fn private_sums(additions: &Additions, (): ()) -> u64 {
    let counter = AtomicU64::new(0);
    additions.spread(|_, steps| {
        counter.fetch_add(sum(additions.setup.seed, steps), Relaxed);
    });
    counter.into_inner()
}

fn main() -> ExitCode {
    serve::<Additions>()
}
