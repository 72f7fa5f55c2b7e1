//! Who would have lost points: the rule of this course, and three that course graders are known to use, on the same runs.

use std::fmt;

use super::{FULL_AT, Grading};
use crate::results::Verdict;

/// A rule that says whether a program is too slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The median of clean pairs, with its interval.
    Paired,
    /// The fastest of five runs each, taken in turns.
    BestOfFive,
    /// The fastest of five runs of the one, then of five of the other.
    FiveThenFive,
    /// One run each.
    Single,
}

impl Rule {
    /// All of them, ours first.
    pub const ALL: [Self; 4] = [Self::Paired, Self::BestOfFive, Self::FiveThenFive, Self::Single];

    /// Whether the program loses points by this rule; `None` where there were too few runs for it.
    ///
    /// The naive rules see the runs of a grading's first pairs, and all of them, clean or not: they know no better. Of each
    /// ten pairs, five then five is the one program's runs of the first five and the other's of the last five.
    pub fn fails(self, grading: &Grading) -> Option<bool> {
        let pairs = &grading.pairs;
        let ratio = match self {
            Self::Paired => return (grading.verdict != Verdict::Error).then_some(grading.verdict == Verdict::Fail),
            Self::BestOfFive => fastest(pairs.get(..5)?.iter().map(|pair| pair.0), pairs[..5].iter().map(|pair| pair.1)),
            Self::FiveThenFive => fastest(pairs.get(..5)?.iter().map(|pair| pair.0), pairs.get(5..10)?.iter().map(|pair| pair.1)),
            Self::Single => pairs.first()?.ratio(),
        };
        Some(ratio > FULL_AT)
    }
}

fn fastest(own: impl Iterator<Item = f64>, other: impl Iterator<Item = f64>) -> f64 {
    own.fold(f64::INFINITY, f64::min) / other.fold(f64::INFINITY, f64::min)
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Paired => "clean pairs",
            Self::BestOfFive => "best of 5",
            Self::FiveThenFive => "5, then 5",
            Self::Single => "a single run",
        })
    }
}
