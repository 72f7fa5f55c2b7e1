//! chili's join under a merge sort that also splits its merges.

use std::{fs, io, num::NonZero, path::Path};

use chili::{Config, Scope, ThreadPool};
use lab::workload::Setup;

use crate::Contender;

/// Fewer keys are sorted, or merged, by one thread alone.
const GRAIN: usize = 1 << 14;

struct Chili {
    input: Vec<u64>,
    keys: Vec<u64>,
    spare: Vec<u64>,
    pool: ThreadPool,
}

pub fn chili(setup: &Setup, input: &Path) -> io::Result<Box<dyn Contender>> {
    let bytes = fs::read(input)?;
    let input: Vec<u64> = bytes.as_chunks().0.iter().map(|key| u64::from_le_bytes(*key)).collect();
    // The thread that asks is one of them.
    let pool = ThreadPool::with_config(Config { thread_count: NonZero::new(setup.threads), ..Config::default() });
    Ok(Box::new(Chili { spare: vec![0; input.len()], keys: Vec::new(), input, pool }))
}

impl Contender for Chili {
    fn ready(&mut self) {
        self.keys.clone_from(&self.input);
    }

    fn run(&mut self) {
        sort(&mut self.pool.scope(), &mut self.keys, &mut self.spare, false);
    }

    fn output(&self) -> Vec<u8> {
        self.keys.iter().flat_map(|key| key.to_le_bytes()).collect()
    }
}

/// Sorts `keys`; the result is in `spare` where it is wanted there, and else in `keys`.
fn sort(scope: &mut Scope<'_>, keys: &mut [u64], spare: &mut [u64], in_spare: bool) {
    if keys.len() <= GRAIN {
        keys.sort_unstable();
        if in_spare {
            spare.copy_from_slice(keys);
        }
        return;
    }
    let middle = keys.len() / 2;
    {
        let (left, right) = keys.split_at_mut(middle);
        let (left_spare, right_spare) = spare.split_at_mut(middle);
        // The halves end up where the whole does not, and the merge brings them over.
        scope.join(|scope| sort(scope, left, left_spare, !in_spare), |scope| sort(scope, right, right_spare, !in_spare));
    }
    let (from, to) = if in_spare { (keys, spare) } else { (spare, keys) };
    let (left, right) = from.split_at(middle);
    merge(scope, left, right, to);
}

/// Merges two sorted slices: the longer one's middle says where the other is cut (Cormen et al., 26.3).
fn merge(scope: &mut Scope<'_>, left: &[u64], right: &[u64], to: &mut [u64]) {
    if left.len() < right.len() {
        return merge(scope, right, left, to);
    }
    if to.len() <= GRAIN {
        return merge_alone(left, right, to);
    }
    let (low, high) = left.split_at(left.len() / 2);
    let (below, above) = right.split_at(right.partition_point(|key| *key < high[0]));
    let (first, second) = to.split_at_mut(low.len() + below.len());
    scope.join(|scope| merge(scope, low, below, first), |scope| merge(scope, high, above, second));
}

/// Without a branch that depends on a key: on random keys every other one would be guessed wrong.
fn merge_alone(left: &[u64], right: &[u64], to: &mut [u64]) {
    let (mut l, mut r, mut next) = (0, 0, 0);
    while l < left.len() && r < right.len() {
        let (a, b) = (left[l], right[r]);
        let take_right = b < a;
        to[next] = if take_right { b } else { a };
        r += usize::from(take_right);
        l += usize::from(!take_right);
        next += 1;
    }
    let rest = if l < left.len() { &left[l..] } else { &right[r..] };
    to[next..].copy_from_slice(rest);
}
