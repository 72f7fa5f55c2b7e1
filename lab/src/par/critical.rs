//! The critical path of a run by the clock: the longest chain of strands of which each had to wait for the one before it.

use super::{
    graph::{Graph, NOTHING, longer, longest},
    tape::Moment,
};

/// The strands of one run, with the times at which they ran.
#[derive(Debug, Clone, Default)]
pub struct Clocked {
    pub(super) graph: Graph,
    /// By the numbers that stand in the graph for units.
    pub(super) moments: Vec<Moment>,
}

impl Clocked {
    /// Whether the run forked at all through [`lab::par`](super).
    #[must_use]
    pub fn forks(&self) -> bool {
        self.graph.cost(0).forks > 0
    }

    /// From the first strand's start to the last one's end, in nanoseconds of the trace's clock.
    #[must_use]
    pub fn bounds(&self) -> Option<(u64, u64)> {
        let start = self.moments.iter().map(|moment| moment.start).min()?;
        Some((start, self.moments.iter().map(|moment| moment.end).max()?))
    }

    /// The longest chain by summed time, in its order.
    ///
    /// A strand's time is all of it from its start to its end, so where more threads run than there are cores, what they waited
    /// for a core is in it. The time between strands, until somebody took up what was ready, is not.
    #[must_use]
    pub fn critical_path(&self) -> Vec<Moment> {
        // For each strand the one before it on its longest path.
        let mut before = vec![NOTHING; self.moments.len()];
        let strand = |(length, last): (u64, usize), number: u64| {
            let Some(at) = usize::try_from(number).ok().filter(|at| *at < before.len()) else { return (length, last) };
            before[at] = last;
            (length + self.moments[at].nanoseconds(), at)
        };
        let (_, mut at) = longest(self.graph.steps(), (0, NOTHING), strand, |here| here, longer);
        let mut path = Vec::new();
        while let Some(moment) = self.moments.get(at) {
            path.push(*moment);
            at = before[at];
        }
        path.reverse();
        path
    }
}

impl Moment {
    /// How long it took.
    #[must_use]
    pub fn nanoseconds(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}
