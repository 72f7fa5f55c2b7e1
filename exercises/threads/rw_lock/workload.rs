//! The lock as a measurable program: a table that is read often and changed seldom, by threads that also work for themselves.

use std::{fs, hint::black_box, io, ops::Range, path::Path, process::ExitCode};

use lab::{
    thread,
    workload::{Axis, Peer, Setup, Spec, Workload, digest_of, main as serve},
};
use rw_lock::RwLock;

/// Cells of the table: a reader looks at all of them.
const CELLS: usize = 64;

/// One step in so many changes the table; the others only read it.
const READS_PER_WRITE: u64 = 16;

/// Rounds of [`work`], outside of the lock: about as long as a look at the table.
const ROUNDS: u64 = 32;

/// So many steps are a box of a trace: some hundred microseconds. A wait inside of it is too short for a box of its own.
const SHOWN: u64 = 1 << 12;

/// What the lock guards.
#[derive(Debug, Clone)]
struct Table {
    cells: [u64; CELLS],
    /// The sum of all cells, by which a reader knows that nobody is writing.
    sum: u64,
}

impl Default for Table {
    fn default() -> Self {
        Self { cells: [0; CELLS], sum: 0 }
    }
}

impl Table {
    /// Adds what a step has found.
    fn change(&mut self, found: u64) {
        let cell = &mut self.cells[(found % CELLS as u64) as usize];
        *cell = cell.wrapping_add(found);
        self.sum = self.sum.wrapping_add(found);
    }

    /// Whether it is whole.
    fn is_whole(&self) -> bool {
        self.cells.iter().fold(0, |sum: u64, cell| sum.wrapping_add(*cell)) == self.sum
    }
}

/// What came of it: the same in whatever order the steps were made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Outcome {
    cells: Vec<u64>,
    /// How many looks there were, and how many of them saw a table that was not whole: none.
    looks: u64,
    torn: u64,
}

/// What a thread does between two visits.
fn work(step: u64) -> u64 {
    (0..ROUNDS).fold(step, |value, round| {
        let value = (value ^ (value >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        value ^ (value >> 27) ^ round
    })
}

/// A lock on cache lines of its own, wherever the stack begins today.
#[repr(align(128))]
struct Alone<T>(T);

/// So many steps, by so many threads.
struct Steps {
    setup: Setup,
}

impl Steps {
    /// Makes all steps, spread over the threads. `look` tells whether the table is whole; `change` adds to it.
    fn spread(&self, look: impl Fn() -> bool + Sync, change: impl Fn(u64) + Sync) -> (u64, u64) {
        let Setup { size, threads, .. } = self.setup;
        let threads = threads.max(1) as u64;
        thread::scope(|scope| {
            let (look, change) = (&look, &change);
            let handles: Vec<_> = (0..threads)
                .map(|index| {
                    // The first `size % threads` take one step more.
                    let mine = size / threads + u64::from(index < size % threads);
                    let first = index * (size / threads) + index.min(size % threads);
                    scope.spawn(move || self.in_boxes(first..first + mine, look, change))
                })
                .collect();
            let counts = handles.into_iter().map(|handle| handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            counts.fold((0, 0), |(looks, torn), more| (looks + more.0, torn + more.1))
        })
    }

    /// Makes some of the steps, and shows them in a trace.
    fn in_boxes(&self, mut steps: Range<u64>, look: impl Fn() -> bool, change: impl Fn(u64)) -> (u64, u64) {
        let (mut looks, mut torn) = (0, 0);
        while !steps.is_empty() {
            let next = steps.end.min(steps.start + SHOWN);
            let _span = lab::span!("steps", steps = next - steps.start);
            let more = self.some(steps.start..next, &look, &change);
            (looks, torn) = (looks + more.0, torn + more.1);
            steps.start = next;
        }
        (looks, torn)
    }

    /// Makes some of the steps; returns how many looks there were, and how many saw a table that was not whole.
    fn some(&self, steps: Range<u64>, mut look: impl FnMut() -> bool, mut change: impl FnMut(u64)) -> (u64, u64) {
        let (mut looks, mut torn) = (0, 0);
        for step in steps {
            // Seen by nobody where the step only looks: without a black box the compiler would leave that work out.
            let found = black_box(work(self.setup.seed.wrapping_add(step)));
            if step.is_multiple_of(READS_PER_WRITE) {
                change(found);
            } else {
                looks += 1;
                torn += u64::from(!look());
            }
        }
        (looks, torn)
    }
}

impl Outcome {
    fn new(table: Table, (looks, torn): (u64, u64)) -> Self {
        Self { cells: table.cells.into(), looks, torn }
    }
}

impl Workload for Steps {
    type Input = ();
    type Output = Outcome;

    fn spec() -> Spec {
        Spec {
            name: "rw_lock".into(),
            size_unit: "steps".into(),
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
    fn baseline(&self, (): ()) -> Outcome {
        let table = std::cell::RefCell::new(Table::default());
        // Not all at once: the compiler would make one sum of many.
        let look = || black_box(&*table.borrow()).is_whole();
        let counts = self.some(0..self.setup.size, look, |found| table.borrow_mut().change(found));
        Outcome::new(table.into_inner(), counts)
    }

    fn submission(&self, (): ()) -> Outcome {
        let table = Alone(RwLock::new(Table::default()));
        let counts = self.spread(|| table.0.read().is_whole(), |found| table.0.write().change(found));
        let table = table.0.read().clone();
        Outcome::new(table, counts)
    }

    fn peers() -> Vec<Peer<Self>> {
        vec![("parking_lot", parking_lot), ("std", std_lock), ("std Mutex", std_mutex)]
    }

    fn digest(&self, output: &Outcome) -> u64 {
        digest_of(output)
    }

    /// Whole numbers with white space between: all cells, how many looks there were, and how many of them saw a table that
    /// was not whole.
    ///
    /// There is no input beside the setup: step `i` of `size` works on `seed + i`, as [`work`] says, and changes the table if
    /// `i` is a multiple of [`READS_PER_WRITE`].
    fn import(&self, file: &Path, _threads: usize) -> io::Result<Outcome> {
        let text = fs::read_to_string(file)?;
        let numbers: Option<Vec<u64>> = text.split_whitespace().map(|word| word.parse().ok()).collect();
        match numbers.as_deref() {
            Some([cells @ .., looks, torn]) if cells.len() == CELLS => {
                Ok(Outcome { cells: cells.to_vec(), looks: *looks, torn: *torn })
            }
            _ => Err(io::Error::other(format!("it does not hold {} whole numbers", CELLS + 2))),
        }
    }
}

fn parking_lot(steps: &Steps, (): ()) -> Outcome {
    let table = Alone(parking_lot::RwLock::new(Table::default()));
    let counts = steps.spread(|| table.0.read().is_whole(), |found| table.0.write().change(found));
    Outcome::new(table.0.into_inner(), counts)
}

fn std_lock(steps: &Steps, (): ()) -> Outcome {
    let table = Alone(std::sync::RwLock::new(Table::default()));
    let counts = steps.spread(
        || table.0.read().expect("no step panics").is_whole(),
        |found| table.0.write().expect("no step panics").change(found),
    );
    Outcome::new(table.0.into_inner().expect("no step panics"), counts)
}

/// A lock that knows no readers: what is it that sharing gains?
fn std_mutex(steps: &Steps, (): ()) -> Outcome {
    let table = Alone(std::sync::Mutex::new(Table::default()));
    let counts = steps.spread(
        || table.0.lock().expect("no step panics").is_whole(),
        |found| table.0.lock().expect("no step panics").change(found),
    );
    Outcome::new(table.0.into_inner().expect("no step panics"), counts)
}

fn main() -> ExitCode {
    serve::<Steps>()
}
