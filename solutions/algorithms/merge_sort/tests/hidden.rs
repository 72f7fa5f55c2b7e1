//! What a learner does not see: the same promises as the public tests, kept for keys and lengths that those do not name.

use std::cmp::Ordering;

use lab::data::{Keys, keys};
use merge_sort::sort;

/// Equal by the word alone; of a type that no other test of the course has.
#[derive(Clone)]
struct Pair {
    word: String,
    place: usize,
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.word == other.word
    }
}

impl Eq for Pair {}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        self.word.cmp(&other.word)
    }
}

/// Lengths that nobody writes by hand, from a seed that no public test has.
fn lengths(seed: u64) -> impl Iterator<Item = usize> {
    keys(Keys::Uniform, 12, seed).into_iter().map(|key| (key % 70_000) as usize)
}

#[test]
fn sizes_that_no_public_test_names() {
    for size in lengths(411) {
        let input = keys(Keys::Uniform, size, 97);
        let mut expected = input.clone();
        expected.sort_unstable();
        let mut sorted = input;
        sort(&mut sorted);
        assert!(sorted == expected, "{size} keys are not sorted");
    }
}

#[test]
fn equal_keys_keep_their_order_at_any_length() {
    for size in lengths(412) {
        let mut pairs: Vec<Pair> = keys(Keys::FewDistinct, size, 98)
            .into_iter()
            .enumerate()
            .map(|(place, key)| Pair { word: format!("{:06}", key % 50), place })
            .collect();
        let mut expected = pairs.clone();
        expected.sort();
        sort(&mut pairs);
        let first: Option<usize> = pairs.iter().zip(&expected).position(|(yours, right)| yours.place != right.place);
        assert_eq!(first, None, "of {size} pairs, the first that is out of place");
    }
}

#[test]
fn what_was_sorted_stays_what_it_was() {
    for size in lengths(413) {
        let input = keys(Keys::AlmostSorted, size, 99);
        let mut words: Vec<String> = input.iter().map(u64::to_string).collect();
        let mut expected = words.clone();
        expected.sort();
        sort(&mut words);
        sort(&mut words);
        assert!(words == expected, "{size} words, sorted twice, are not what they were");
    }
}
