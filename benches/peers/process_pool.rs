//! rayon on the tasks of the process pool: threads, which cannot survive a crash. What processes cost is the rest.

use std::{fmt::Write, fs, io, path::Path};

use lab::workload::Setup;
use rayon::{ThreadPool, ThreadPoolBuilder, iter::ParallelIterator, prelude::*};

use crate::Contender;

struct Primes {
    tasks: Vec<(u64, u64)>,
    pool: ThreadPool,
    counts: Vec<u64>,
}

pub fn rayon(setup: &Setup, input: &Path) -> io::Result<Box<dyn Contender>> {
    let range = |line: &str| {
        let (first, end) = line.split_once(' ')?;
        Some((first.parse().ok()?, end.parse().ok()?))
    };
    let tasks: Option<Vec<_>> = fs::read_to_string(input)?.lines().map(range).collect();
    let tasks = tasks.ok_or_else(|| io::Error::other("a task is not two numbers"))?;
    let pool = ThreadPoolBuilder::new().num_threads(setup.threads).build().map_err(io::Error::other)?;
    Ok(Box::new(Primes { tasks, pool, counts: Vec::new() }))
}

impl Contender for Primes {
    fn ready(&mut self) {
        self.counts = Vec::new();
    }

    fn run(&mut self) {
        let tasks = &self.tasks;
        // One task at a time: the first ones are the longest.
        self.counts =
            self.pool.install(|| tasks.par_iter().with_max_len(1).map(|&(first, end)| count_primes(first, end)).collect());
    }

    fn output(&self) -> Vec<u8> {
        let mut text = String::new();
        for count in &self.counts {
            writeln!(text, "{count}").expect("a string takes everything");
        }
        text.into()
    }
}

/// By trial division, as the exercise's workload does.
fn count_primes(from: u64, to: u64) -> u64 {
    (from.max(2)..to).filter(|n| (2..).take_while(|d| d * d <= *n).all(|d| n % d != 0)).count() as u64
}
