//! What the sort must keep while you make it faster: the order, every key, the places of equal keys, and its count.

use std::{
    cmp::Ordering,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use lab::{
    data::{Keys, keys},
    par::{Counted, Pool, measure},
};
use merge_sort::sort;

/// Around nothing, around usual grains, odd and even, and well above.
const SIZES: [usize; 18] = [0, 1, 2, 3, 5, 255, 257, 1023, 1025, 4095, 4097, 8191, 8193, 16_385, 32_769, 40_001, 65_537, 100_000];

/// Sorts keys of all [`SIZES`] and compares with the standard library's sort.
fn check(distribution: Keys) {
    for size in SIZES {
        let input = keys(distribution, size, size as u64);
        let mut expected = input.clone();
        expected.sort_unstable();
        let mut sorted = input;
        sort(&mut sorted);
        if let Some(place) = sorted.iter().zip(&expected).position(|(key, expected)| key != expected) {
            let neighbours = place.saturating_sub(1)..(place + 2).min(size);
            panic!(
                "{size} keys ({distribution:?}): from place {place} on, your keys are wrong\n  yours, around it: {:?}\n  expected:         {:?}",
                &sorted[neighbours.clone()],
                &expected[neighbours]
            );
        }
    }
}

#[test]
fn sorts_uniform_keys() {
    check(Keys::Uniform);
}

#[test]
fn sorts_keys_that_are_sorted_already() {
    check(Keys::Sorted);
}

#[test]
fn sorts_reversed_keys() {
    check(Keys::Reversed);
}

#[test]
fn sorts_few_distinct_keys() {
    check(Keys::FewDistinct);
}

#[test]
fn sorts_exponential_keys() {
    check(Keys::Exponential);
}

#[test]
fn sorts_almost_sorted_keys() {
    check(Keys::AlmostSorted);
}

#[test]
fn sorts_every_short_length() {
    for size in 0..200 {
        let mut sorted = keys(Keys::FewDistinct, size, 1);
        sort(&mut sorted);
        assert!(sorted.is_sorted(), "{size} keys are not in order");
    }
}

/// A key that is compared by `key` alone and remembers where it stood.
#[derive(Debug, Clone)]
struct Placed {
    key: u64,
    place: usize,
}

impl PartialEq for Placed {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Placed {}

impl PartialOrd for Placed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Placed {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

/// Sorts and looks at every two neighbours with equal keys.
fn check_stable(distribution: Keys, modulus: u64) {
    for size in SIZES {
        let placed = keys(distribution, size, 7).into_iter().enumerate().map(|(place, key)| Placed { key: key % modulus, place });
        let mut sorted: Vec<Placed> = placed.collect();
        sort(&mut sorted);
        for (place, pair) in sorted.windows(2).enumerate() {
            assert!(
                pair[0].key < pair[1].key || (pair[0].key == pair[1].key && pair[0].place < pair[1].place),
                "{size} keys, {distribution:?}: {:?} came out before {:?}, at place {place}. Equal keys must keep their order: in a \
                 merge the left run's go first, and the search that splits a merge must agree with the merge about that",
                pair[0],
                pair[1]
            );
        }
    }
}

#[test]
fn equal_keys_keep_their_order() {
    check_stable(Keys::FewDistinct, u64::MAX);
    check_stable(Keys::Exponential, u64::MAX);
}

#[test]
fn keys_that_are_all_equal_stay_where_they_are() {
    check_stable(Keys::Uniform, 1);
}

#[test]
fn keys_may_own_memory() {
    let strings: Vec<String> = keys(Keys::Exponential, 50_000, 3).into_iter().map(|key| format!("key {key:020}")).collect();
    let mut expected = strings.clone();
    expected.sort_unstable();
    let mut sorted = strings;
    sort(&mut sorted);
    assert!(sorted == expected, "strings do not sort as numbers do");
}

#[test]
fn no_key_is_lost_and_no_copy_is_left_over() {
    let originals: Vec<Arc<u64>> = keys(Keys::FewDistinct, 50_001, 3).into_iter().map(Arc::new).collect();
    let mut sorted = originals.clone();
    sort(&mut sorted);
    for original in &originals {
        let copies = Arc::strong_count(original);
        assert_eq!(
            copies, 2,
            "a key is held {copies} times after the sort: once by this test, once by the sorted slice is right"
        );
    }
}

/// A key whose comparison panics when the fuse has burnt down.
#[derive(Clone)]
struct Fused<'a> {
    key: Arc<u64>,
    fuse: &'a AtomicUsize,
}

impl PartialEq for Fused<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Fused<'_> {}

impl PartialOrd for Fused<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Fused<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        assert!(self.fuse.fetch_add(1, Relaxed) != 300_000, "the fuse has burnt down");
        self.key.cmp(&other.key)
    }
}

#[test]
fn a_comparison_that_panics_reaches_the_caller_and_spoils_no_memory() {
    let fuse = AtomicUsize::new(0);
    let originals: Vec<Arc<u64>> = keys(Keys::Uniform, 50_001, 3).into_iter().map(Arc::new).collect();
    let mut fused: Vec<Fused<'_>> = originals.iter().map(|key| Fused { key: Arc::clone(key), fuse: &fuse }).collect();
    let caught = catch_unwind(AssertUnwindSafe(|| sort(&mut fused)));
    let message = caught.err().and_then(|panic| panic.downcast::<&str>().ok());
    assert_eq!(message.as_deref(), Some(&"the fuse has burnt down"), "the panic must come out of `sort`, with its message");
    // More would be a leak, which is a pity and no danger; fewer, and somebody holds what has been freed.
    let held: usize = originals.iter().map(|original| Arc::strong_count(original) - 1).sum();
    assert!(held >= fused.len(), "{} places hold {held} keys: some were freed and are still there", fused.len());
}

#[test]
fn work_and_span_are_the_same_at_every_number_of_threads() {
    let count = |threads| {
        let mut counted: Vec<_> = keys(Keys::Uniform, 100_000, 5).into_iter().map(Counted).collect();
        Pool::new(threads).install(|| measure(0, || sort(&mut counted))).1
    };
    let alone = count(1);
    assert!(
        alone.work > 1_500_000,
        "{alone:?}: 100,000 keys take 1.5 million comparisons at least, so some ran where nothing is counted"
    );
    for threads in [2, 3, 5] {
        assert_eq!(
            count(threads),
            alone,
            "{threads} threads do other work than one. Fork through `lab::par` alone: what rayon's `par_iter` leaves to another \
             thread is not counted. And choose the grain by the keys, not by the number of threads"
        );
    }
}
