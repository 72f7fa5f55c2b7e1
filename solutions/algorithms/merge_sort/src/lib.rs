//! Merge sort whose merges are split as well: the longest chain is a few grains long, and not as long as the input.
//!
//! The keys travel between two arrays, the caller's and a copy: what has been sorted in one is merged into the other, so
//! that no merge needs a copy back. Each merge is cut into two independent merges at a place found by binary search
//! (C. Siebert and J. L. Träff, *Perfectly load-balanced, optimal, stable, parallel merge*, arXiv:1303.4312).

#![forbid(unsafe_code)]

use lab::par;

/// Keys that one strand sorts or merges without a fork: a quarter of a millisecond to sort and 15 microseconds to merge,
/// against well under a microsecond for a fork that nobody steals and some ten for one that is stolen.
const GRAIN: usize = 16_384;

/// Sorts the keys, in parallel. Stable: equal keys keep their order. Needs room for a second copy of them.
///
/// # Panics
/// If a comparison or a clone panics, with its message; then some keys may stand twice and others be lost.
pub fn sort<T: Ord + Clone + Send + Sync>(keys: &mut [T]) {
    if keys.len() <= GRAIN {
        keys.sort();
        return;
    }
    // `keys.to_vec()` would do, but one thread would make all n copies while the others wait: as long as the last merge
    // that this exercise is about.
    let mut copy = par::tabulate(keys.len(), GRAIN, |index| keys[index].clone());
    sort_into(keys, &mut copy);
}

/// Sorts `keys`; `other` begins as a copy of them and ends as whatever was left there.
fn sort_into<T: Ord + Clone + Send + Sync>(keys: &mut [T], other: &mut [T]) {
    if keys.len() <= GRAIN {
        let _span = lab::span!("sort", keys = keys.len());
        // Whichever of the two arrays the merge above reads from: both hold the same keys still.
        keys.sort();
        return;
    }
    let middle = keys.len() / 2;
    let (keys_left, keys_right) = keys.split_at_mut(middle);
    let (other_left, other_right) = other.split_at_mut(middle);
    // The roles change: the halves are sorted over there, so that they can be merged into here.
    par::join(|| sort_into(other_left, keys_left), || sort_into(other_right, keys_right));
    merge(other_left, other_right, keys);
}

/// Merges two sorted runs into `out`, which is as long as both; of equal keys, those of `left` come first.
fn merge<T: Ord + Clone + Send + Sync>(left: &[T], right: &[T], out: &mut [T]) {
    if out.len() <= GRAIN {
        merge_serially(left, right, out);
        return;
    }
    // Cut the output into halves and ask which keys belong into the first: the two are then merges of their own, and
    // of the same length however the keys are distributed.
    let middle = out.len() / 2;
    let from_left = co_rank(middle, left, right);
    let (left_low, left_high) = left.split_at(from_left);
    let (right_low, right_high) = right.split_at(middle - from_left);
    let (out_low, out_high) = out.split_at_mut(middle);
    par::join(|| merge(left_low, right_low, out_low), || merge(left_high, right_high, out_high));
}

/// How many of the first `count` keys of the merged output are from `left`; the others are from `right`.
///
/// `left[i]` is among them exactly if it goes before `right[count - 1 - i]`: then at most `i` keys of `left` and
/// `count - 1 - i` of `right` go before it. That holds up to some `i` and never after, so it can be searched by halves.
fn co_rank<T: Ord>(count: usize, left: &[T], right: &[T]) -> usize {
    let (mut low, mut high) = (count.saturating_sub(right.len()), count.min(left.len()));
    while low < high {
        let i = low + (high - low) / 2;
        // `<=` and not `<`: of equal keys the left one goes first.
        if left[i] <= right[count - 1 - i] {
            low = i + 1;
        } else {
            high = i;
        }
    }
    low
}

/// Merges from both ends at once.
///
/// A merge's next step depends on its last comparison, so a processor that could do four things at a time does one. The
/// front and the back do not depend on each other, which halves the time. `if` picks a reference and the flag is added as a
/// number: no branch whose direction only the keys know.
fn merge_serially<T: Ord + Clone>(mut left: &[T], mut right: &[T], mut out: &mut [T]) {
    let _span = lab::span!("merge", keys = out.len());
    // In so many steps of two keys each neither run can be used up, so the loop inside need not ask.
    while let steps @ 1.. = left.len().min(right.len()) / 2 {
        let (mut left_start, mut left_end) = (0, left.len());
        let (mut right_start, mut right_end) = (0, right.len());
        let length = out.len();
        for step in 0..steps {
            let (l, r) = (&left[left_start], &right[right_start]);
            let take_right = r < l;
            out[step] = if take_right { r } else { l }.clone();
            left_start += usize::from(!take_right);
            right_start += usize::from(take_right);

            let (l, r) = (&left[left_end - 1], &right[right_end - 1]);
            let take_left = r < l;
            out[length - 1 - step] = if take_left { l } else { r }.clone();
            left_end -= usize::from(take_left);
            right_end -= usize::from(!take_left);
        }
        left = &left[left_start..left_end];
        right = &right[right_start..right_end];
        out = &mut out[steps..length - steps];
    }
    // At most one key is left in one of the runs. It goes behind those of `left` that are not greater, or, being from `left`
    // itself, behind those of `right` that are smaller.
    let (one, many, at) = match (left, right) {
        ([], many) | (many, []) => (None, many, 0),
        ([one], many) => (Some(one), many, many.partition_point(|key| key < one)),
        (many, [one, ..]) => (Some(one), many, many.partition_point(|key| key <= one)),
    };
    let (before, after) = many.split_at(at);
    let (out_before, out_after) = out.split_at_mut(at);
    out_before.clone_from_slice(before);
    let out_after = match (one, out_after) {
        (Some(one), [place, rest @ ..]) => {
            *place = one.clone();
            rest
        }
        (_, rest) => rest,
    };
    out_after.clone_from_slice(after);
}
