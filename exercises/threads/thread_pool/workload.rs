//! The pool as a measurable program: a sum over a million items that forks down to each one of them.
//!
//! Nobody would fork for so little; that is the point. What is left of a fork, where hardly any is stolen, is its price.

use std::{fs, io, num::NonZero, path::Path, process::ExitCode};

use lab::{
    par,
    workload::{Axis, Counted, Peer, Setup, Spec, Workload, digest_of, main as serve},
};
use thread_pool::Pool;

/// The items, and everybody's threads: started before the clock.
struct Sum {
    items: Vec<u64>,
    pool: Pool,
    rayon: par::Pool,
    chili: chili::ThreadPool,
}

/// What is done for one item: some 20 ns on one core, so that there is something to gain by a second one.
fn value(item: &u64) -> u64 {
    (0..ROUNDS).fold(*item, |value, round| {
        let value = (value ^ (value >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        value ^ (value >> 27) ^ round
    })
}

const ROUNDS: u64 = 8;

impl Workload for Sum {
    type Input = ();
    type Output = u64;

    fn spec() -> Spec {
        Spec {
            name: "thread_pool".into(),
            size_unit: "items".into(),
            cost_unit: Some("items and sums".into()),
            axis: Axis::Threads,
            quick: 1 << 19,
            full: 1 << 21,
        }
    }

    fn prepare(setup: &Setup) -> Self {
        let threads = setup.threads.max(1);
        // The thread that asks is one of chili's.
        let config = chili::Config { thread_count: NonZero::new(threads), ..chili::Config::default() };
        Self {
            items: (0..setup.size).map(|index| setup.seed.wrapping_add(index)).collect(),
            pool: Pool::new(threads),
            rayon: par::Pool::new(threads),
            chili: chili::ThreadPool::with_config(config),
        }
    }

    fn input(&self) {}

    /// One item after the other, without a fork.
    fn baseline(&self, (): ()) -> u64 {
        self.items.iter().map(value).fold(0, u64::wrapping_add)
    }

    fn submission(&self, (): ()) -> u64 {
        self.pool.install(|worker| worker.map_reduce(&self.items, 1, &value, &u64::wrapping_add))
    }

    fn peers() -> Vec<Peer<Self>> {
        vec![
            ("rayon", |sum, ()| sum.rayon.install(|| rayon_sum(&sum.items))),
            ("chili", |sum, ()| chili_sum(&mut sum.chili.scope(), &sum.items)),
        ]
    }

    fn digest(&self, output: &u64) -> u64 {
        digest_of(output)
    }

    /// One unit for each item and one for each sum of two.
    fn cost(&self) -> Option<Counted> {
        let count = |item: &u64| {
            par::tick(1);
            value(item)
        };
        let add = |a: u64, b: u64| {
            par::tick(1);
            a.wrapping_add(b)
        };
        // What is missing was computed where nothing is counted; more than this there is not to do.
        let all = 2 * self.items.len() as u64 - 1;
        let mut sum = 0;
        // Counted on a worker: what it forks is counted wherever it runs.
        let counted = Counted::of(all..=all, || {
            self.pool.install(|worker| par::record(|| sum = worker.map_reduce(&self.items, 1, &count, &add)))
        });
        assert_eq!(sum, self.baseline(()), "the sum is wrong where work and span are counted");
        Some(counted)
    }

    /// One number, as text: the sum of the items' values, modulo `2^64`. There is no input beside the setup: item `i` of `size`
    /// is `seed + i`, and its value is as [`value`] says.
    fn import(&self, file: &Path, _threads: usize) -> io::Result<u64> {
        fs::read_to_string(file)?.trim().parse().map_err(|error| io::Error::other(format!("it does not hold a number: {error}")))
    }
}

fn rayon_sum(items: &[u64]) -> u64 {
    if let [item] = items {
        return value(item);
    }
    let (left, right) = items.split_at(items.len() / 2);
    let (left, right) = rayon::join(|| rayon_sum(left), || rayon_sum(right));
    left.wrapping_add(right)
}

fn chili_sum(scope: &mut chili::Scope<'_>, items: &[u64]) -> u64 {
    if let [item] = items {
        return value(item);
    }
    let (left, right) = items.split_at(items.len() / 2);
    let (left, right) = scope.join(|scope| chili_sum(scope, left), |scope| chili_sum(scope, right));
    left.wrapping_add(right)
}

fn main() -> ExitCode {
    serve::<Sum>()
}
