//! The barrier as a measurable program: a row of cells that changes in rounds, each thread in charge of a part of it.
//!
//! A cell's next value depends on its neighbours', so nobody may begin a round before everybody has ended the last one. A
//! thread that slips through the barrier reads a value of the wrong round, and the digest tells.

use std::{
    fs, io,
    ops::Range,
    path::Path,
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use lab::{
    thread,
    workload::{Axis, Peer, Setup, Spec, Workload, digest_of, main as serve},
};
use sync_kit::Barrier;

/// So many cells are about 100 microseconds of work a round: some ten times what it takes to wake a thread.
const CELLS: usize = 1 << 16;

/// What a cell becomes. A mixture, so that every mistake spreads, and a chain of two multiplications, so that the compiler
/// makes no vectors of the baseline: the threads share their cells as atomics, which it never does that with.
fn next(left: u64, own: u64, right: u64) -> u64 {
    let mixed = (own ^ left.rotate_left(23)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_add(right).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// The row before the first round.
fn row(seed: u64) -> Vec<u64> {
    (0..CELLS as u64).map(|cell| next(seed, cell, cell ^ seed)).collect()
}

/// So many rounds, by so many threads.
struct Rounds {
    setup: Setup,
}

impl Rounds {
    /// All rounds on all threads, which meet at `barrier` after each.
    ///
    /// Two rows take turns: one is read while the other is written. `Relaxed` is enough, since it is the barrier that orders
    /// one round after the other; the atomics only keep a broken barrier from being undefined behaviour.
    fn spread(&self, row: Vec<u64>, barrier: impl Fn() + Sync) -> Vec<u64> {
        let threads = self.setup.threads.max(1);
        let written: Vec<AtomicU64> = row.iter().map(|_| AtomicU64::new(0)).collect();
        let read: Vec<AtomicU64> = row.into_iter().map(AtomicU64::new).collect();
        thread::scope(|scope| {
            for index in 0..threads {
                let (mut read, mut written, barrier) = (&read, &written, &barrier);
                let mine = index * CELLS / threads..(index + 1) * CELLS / threads;
                scope.spawn(move || {
                    for _ in 0..self.setup.size {
                        {
                            let _span = lab::span!("update", cells = mine.len());
                            update(read, written, mine.clone());
                        }
                        (read, written) = (written, read);
                        let _span = lab::span!("barrier", waits = true);
                        barrier();
                    }
                });
            }
        });
        let last = if self.setup.size.is_multiple_of(2) { read } else { written };
        last.into_iter().map(AtomicU64::into_inner).collect()
    }
}

/// One round of the cells `mine`.
fn update(read: &[AtomicU64], written: &[AtomicU64], mine: Range<usize>) {
    let cell = |index: usize| read[index % CELLS].load(Relaxed);
    let (mut left, mut own) = (cell(mine.start + CELLS - 1), cell(mine.start));
    for index in mine {
        let right = cell(index + 1);
        written[index].store(next(left, own, right), Relaxed);
        (left, own) = (own, right);
    }
}

impl Workload for Rounds {
    /// The row before the first round.
    type Input = Vec<u64>;
    /// The row after the last.
    type Output = Vec<u64>;

    fn spec() -> Spec {
        Spec {
            name: "sync_kit".into(),
            size_unit: "rounds".into(),
            cost_unit: None,
            axis: Axis::Threads,
            quick: 600,
            full: 4_000,
        }
    }

    fn prepare(setup: &Setup) -> Self {
        Self { setup: *setup }
    }

    fn input(&self) -> Vec<u64> {
        row(self.setup.seed)
    }

    /// One thread and no barrier.
    fn baseline(&self, mut row: Vec<u64>) -> Vec<u64> {
        for _ in 0..self.setup.size {
            // In place: only one old value is ever needed again, and that of the first cell.
            let first = row[0];
            let mut left = row[CELLS - 1];
            for index in 0..CELLS {
                let own = row[index];
                let right = if index + 1 == CELLS { first } else { row[index + 1] };
                row[index] = next(left, own, right);
                left = own;
            }
        }
        row
    }

    fn submission(&self, row: Vec<u64>) -> Vec<u64> {
        let barrier = Barrier::new(self.setup.threads.max(1));
        self.spread(row, || {
            barrier.wait();
        })
    }

    fn peers() -> Vec<Peer<Self>> {
        vec![("std", std_barrier), ("parking_lot", parking_lot)]
    }

    fn digest(&self, row: &Vec<u64>) -> u64 {
        digest_of(row)
    }

    /// The row after the last round, in decimal, with white space between.
    ///
    /// There is no input beside the setup: [`row`] says how the first row follows from the seed, [`next`] what becomes of a
    /// cell, and `size` is the number of rounds. The row is a ring.
    fn import(&self, file: &Path, _threads: usize) -> io::Result<Vec<u64>> {
        let text = fs::read_to_string(file)?;
        let cells: Option<Vec<u64>> = text.split_whitespace().map(|word| word.parse().ok()).collect();
        match cells {
            Some(cells) if cells.len() == CELLS => Ok(cells),
            _ => Err(io::Error::other(format!("it does not hold {CELLS} whole numbers"))),
        }
    }
}

fn std_barrier(rounds: &Rounds, row: Vec<u64>) -> Vec<u64> {
    let barrier = std::sync::Barrier::new(rounds.setup.threads.max(1));
    rounds.spread(row, || {
        barrier.wait();
    })
}

/// `parking_lot` has no barrier: one of its lock and its condition variable, made as `std` makes its own.
fn parking_lot(rounds: &Rounds, row: Vec<u64>) -> Vec<u64> {
    let threads = rounds.setup.threads.max(1);
    // How many have come, and to which round.
    let state = parking_lot::Mutex::new((0, 0_u64));
    let over = parking_lot::Condvar::new();
    rounds.spread(row, || {
        let mut round = state.lock();
        round.0 += 1;
        if round.0 == threads {
            *round = (0, round.1 + 1);
            over.notify_all();
        } else {
            let mine = round.1;
            over.wait_while(&mut round, |round| round.1 == mine);
        }
    })
}

fn main() -> ExitCode {
    serve::<Rounds>()
}
