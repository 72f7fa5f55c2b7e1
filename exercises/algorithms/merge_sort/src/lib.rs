//! Make a parallel merge sort scale.
//!
//! What stands here is right, and it is parallel: the two halves are sorted at the same time. But every merge runs alone,
//! and the last one, over all the keys, runs while every other core waits. With n keys no machine can be more than about
//! `log2(n) / 2` times as fast as one core, however many cores it has.
//!
//! Make the merge parallel. [`sort`] must keep its signature and stay stable; everything else is yours.
//!
//! 1. Given two sorted runs and the middle of their output, find which keys of each run go before that middle: by binary
//!    search, not by merging. Mind equal keys.
//! 2. Merge the parts before and the parts after in parallel ([`par::join`]), each in the same way, down to a grain.
//! 3. Look for what else runs alone: who makes the copies? ([`par::tabulate`] makes a vector in parallel.)
//!
//! `cargo xtask span merge_sort` counts comparisons and copies, and tells how long the longest chain of them is. The spans
//! (`lab::span!`) are what `cargo xtask trace merge_sort` shows: see how long the last merge runs alone.

use lab::par;

/// Keys that one strand sorts without a fork.
const GRAIN: usize = 8192;

/// Sorts the keys, in parallel. Stable: equal keys keep their order.
///
/// # Panics
/// If a comparison or a clone panics, with its message; then some keys may stand twice and others be lost.
pub fn sort<T: Ord + Clone + Send + Sync>(keys: &mut [T]) {
    if keys.len() <= GRAIN {
        let _span = lab::span!("sort", keys = keys.len());
        keys.sort();
        return;
    }
    let (left, right) = keys.split_at_mut(keys.len() / 2);
    par::join(|| sort(left), || sort(right));
    // TODO: the merge and the copy back run alone.
    let merged = merge(left, right);
    keys.clone_from_slice(&merged);
}

/// Merges two sorted runs; of equal keys, those of `left` come first.
fn merge<T: Ord + Clone>(mut left: &[T], mut right: &[T]) -> Vec<T> {
    let _span = lab::span!("merge", keys = left.len() + right.len());
    let mut merged = Vec::with_capacity(left.len() + right.len());
    while let ([l, left_rest @ ..], [r, right_rest @ ..]) = (left, right) {
        if r < l {
            merged.push(r.clone());
            right = right_rest;
        } else {
            merged.push(l.clone());
            left = left_rest;
        }
    }
    merged.extend_from_slice(left);
    merged.extend_from_slice(right);
    merged
}
