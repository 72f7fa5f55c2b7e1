//! The three merge sorts of the study: a serial merge, a parallel one, and a parallel one that forks too often.
//!
//! On two cores their times can hardly be told apart; their parallelism differs by factors of sixty and more. So they are
//! what the counting of work and span is proved on. All three halve the keys, sort the halves in parallel and merge them from
//! one array into another; they differ in whether a merge is cut in two as well (by co-ranking: C. Siebert and J. L. Träff,
//! *Perfectly load-balanced, optimal, stable, parallel merge*, arXiv:1303.4312), and in the keys of one strand.

use lab::{
    data::{self, Keys},
    par::{self, Cost, Counted, Pool},
};

/// What a fork is charged in the study's burdened span, in comparisons and copies. A fixed number and not this machine's own,
/// so that the study's table is the same everywhere.
pub const BURDEN: u64 = 20_000;

/// One of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Serial merges, a grain of 8192 keys: the classic mistake.
    SerialMerge,
    /// Parallel merges, a grain of 8192 keys.
    ParallelMerge,
    /// Parallel merges, and no more than 64 keys a strand: forks that cost more than they bring.
    TooFine,
}

impl Which {
    /// All of them, in the order of the study.
    pub const ALL: [Self; 3] = [Self::SerialMerge, Self::ParallelMerge, Self::TooFine];

    /// As a label of a table or a chart.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SerialMerge => "serial merge, grain 8192",
            Self::ParallelMerge => "parallel merge, grain 8192",
            Self::TooFine => "parallel merge, grain 64",
        }
    }

    /// Keys that one strand sorts or merges without a fork.
    fn grain(self) -> usize {
        match self {
            Self::SerialMerge | Self::ParallelMerge => 8192,
            Self::TooFine => 64,
        }
    }

    fn merge_forks(self) -> bool {
        self != Self::SerialMerge
    }
}

/// Sorts the keys in the pool of this thread. Stable. Needs room for a second copy of them.
///
/// # Panics
/// If a comparison or a clone panics.
pub fn sort<T: Ord + Clone + Send + Sync>(which: Which, keys: &mut [T]) {
    let mut copy = par::tabulate(keys.len(), which.grain(), |index| keys[index].clone());
    sort_into(which, keys, &mut copy);
}

/// What sorting so many uniform keys costs, in comparisons and copies, counted on that many threads.
///
/// # Panics
/// If `threads` is 0.
#[must_use]
pub fn cost(which: Which, keys: usize, seed: u64, threads: usize) -> Cost {
    let mut keys: Vec<_> = data::keys(Keys::Uniform, keys, seed).into_iter().map(Counted).collect();
    Pool::new(threads).install(|| par::measure(BURDEN, || sort(which, &mut keys))).1
}

/// Sorts `keys`; `other` begins as a copy of them and ends as whatever was left there.
fn sort_into<T: Ord + Clone + Send + Sync>(which: Which, keys: &mut [T], other: &mut [T]) {
    if keys.len() <= which.grain() {
        keys.sort();
        return;
    }
    let middle = keys.len() / 2;
    let (keys_left, keys_right) = keys.split_at_mut(middle);
    let (other_left, other_right) = other.split_at_mut(middle);
    // The roles change: the halves are sorted over there, so that they can be merged into here without a copy back.
    par::join(|| sort_into(which, other_left, keys_left), || sort_into(which, other_right, keys_right));
    merge(which, other_left, other_right, keys);
}

/// Merges two sorted runs into `out`, which is as long as both; of equal keys, those of `left` come first.
fn merge<T: Ord + Clone + Send + Sync>(which: Which, left: &[T], right: &[T], out: &mut [T]) {
    if !which.merge_forks() || out.len() <= which.grain() {
        merge_serially(left, right, out);
        return;
    }
    let middle = out.len() / 2;
    let from_left = co_rank(middle, left, right);
    let (left_low, left_high) = left.split_at(from_left);
    let (right_low, right_high) = right.split_at(middle - from_left);
    let (out_low, out_high) = out.split_at_mut(middle);
    par::join(|| merge(which, left_low, right_low, out_low), || merge(which, left_high, right_high, out_high));
}

/// How many of the first `count` keys of the merged output are from `left`; the others are from `right`.
fn co_rank<T: Ord>(count: usize, left: &[T], right: &[T]) -> usize {
    let (mut low, mut high) = (count.saturating_sub(right.len()), count.min(left.len()));
    while low < high {
        let middle = low + (high - low) / 2;
        // `<=` and not `<`: of equal keys the left one goes first.
        if left[middle] <= right[count - 1 - middle] {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

fn merge_serially<'a, T: Ord + Clone>(mut left: &'a [T], mut right: &'a [T], out: &mut [T]) {
    for place in out {
        let from = match (left.first(), right.first()) {
            (Some(l), Some(r)) if r < l => &mut right,
            (Some(_), _) => &mut left,
            _ => &mut right,
        };
        let Some((key, rest)) = from.split_first() else { unreachable!("the output is as long as both runs") };
        *place = key.clone();
        *from = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_sort_and_keep_equal_keys_in_order() {
        for which in Which::ALL {
            // Of keys and places, only the keys are compared: a place out of order is an equal key out of order.
            let mut keys: Vec<Placed> = data::keys(Keys::FewDistinct, 1 << 14, 1)
                .into_iter()
                .enumerate()
                .map(|(place, key)| Placed(key, place))
                .collect();
            Pool::new(2).install(|| sort(which, &mut keys));
            assert!(
                keys.windows(2).all(|pair| (pair[0].0, pair[0].1) < (pair[1].0, pair[1].1)),
                "{which:?} does not sort stably"
            );
        }
    }

    #[test]
    fn the_cost_is_the_same_on_one_thread_and_on_three() {
        let costs = Which::ALL.map(|which| cost(which, 1 << 15, 1, 1));
        assert_eq!(Which::ALL.map(|which| cost(which, 1 << 15, 1, 3)), costs);
        let [serial, parallel, fine] = costs.map(|cost| cost.parallelism());
        assert!(serial < parallel && parallel < fine, "{serial} {parallel} {fine}");
        assert!(costs[2].burdened_parallelism() < costs[1].burdened_parallelism(), "too fine a grain must show in the burden");
    }

    #[derive(Clone, Copy, Debug)]
    struct Placed(u64, usize);

    impl PartialEq for Placed {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }

    impl Eq for Placed {}

    impl PartialOrd for Placed {
        fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
            Some(self.cmp(other))
        }
    }

    impl Ord for Placed {
        fn cmp(&self, other: &Self) -> std::cmp::Ordering {
            self.0.cmp(&other.0)
        }
    }
}
