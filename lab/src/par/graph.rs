//! The series-parallel graph of a computation: its strands, in the order of the program text and not of who ran what.
//!
//! A graph is one flat list of words, as if the program were written down with brackets: no pointers to follow, nothing that
//! recursion could overflow a stack on, 48 bytes for a fork of two leaves. A spawn stands where it was spawned, with its job
//! between its brackets, and says at the end of which scope it must have ended.

use serde::{Deserialize, Serialize};

use super::Cost;

const TAG_BITS: u32 = 4;
/// The largest number that a word carries beside its tag.
const MOST: u64 = u64::MAX >> TAG_BITS;

/// One word of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A strand, or a piece of one: its units, or its number where it was clocked.
    Strand(u64),
    /// `join` begins, and its first closure.
    Fork,
    /// The second closure of the innermost open `join`.
    Other,
    /// Both have ended.
    Join,
    /// `scope` begins, and its body.
    Scope,
    /// The body and all jobs of the innermost open scope have ended.
    ScopeEnd,
    /// A job begins.
    Spawn,
    /// The innermost open job has ended. It is of the scope that so many scopes are open around; 0 is the whole computation.
    SpawnEnd(usize),
    /// A span begins, by the number of its name.
    Enter(usize),
    /// The innermost open span has ended.
    Exit,
    /// While recording: what a part of that number says stands here.
    Part(usize),
}

impl Step {
    pub(super) fn word(self) -> u64 {
        let (tag, number) = match self {
            Self::Strand(units) => (0, units),
            Self::Fork => (1, 0),
            Self::Other => (2, 0),
            Self::Join => (3, 0),
            Self::Scope => (4, 0),
            Self::ScopeEnd => (5, 0),
            Self::Spawn => (6, 0),
            Self::SpawnEnd(scope) => (7, scope as u64),
            Self::Enter(label) => (8, label as u64),
            Self::Exit => (9, 0),
            Self::Part(part) => (10, part as u64),
        };
        number.min(MOST) << TAG_BITS | tag
    }

    pub(super) fn of(word: u64) -> Self {
        let number = word >> TAG_BITS;
        // Scopes and parts are counted by `usize`, so they fit into one again.
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        match word & ((1 << TAG_BITS) - 1) {
            0 => Self::Strand(number),
            1 => Self::Fork,
            2 => Self::Other,
            3 => Self::Join,
            4 => Self::Scope,
            5 => Self::ScopeEnd,
            6 => Self::Spawn,
            7 => Self::SpawnEnd(index),
            8 => Self::Enter(index),
            9 => Self::Exit,
            _ => Self::Part(index),
        }
    }
}

/// The strands of a computation and what they wait for; made by [`record`](super::record).
///
/// The same program on the same input has the same graph, word for word, on every machine and at every number of threads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    words: Vec<u64>,
    /// The names of its spans.
    labels: Vec<&'static str>,
}

/// How much of the longest chain was done in spans of one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Absent for what is in no span.
    pub name: Option<String>,
    /// All of it together.
    pub units: u64,
    /// The most of it in one piece: no fork in between, and no span that begins or ends.
    pub longest: u64,
}

impl Graph {
    pub(super) fn new(words: Vec<u64>, labels: Vec<&'static str>) -> Self {
        Self { words, labels }
    }

    pub(super) fn labels(&self) -> &[&'static str] {
        &self.labels
    }

    pub(super) fn words(&self) -> &[u64] {
        &self.words
    }

    /// The same computation as part of a larger one, inside so many scopes of that, where its labels have these numbers.
    pub(super) fn inside(&self, scopes: usize, labels: &[usize]) -> Vec<u64> {
        let inside = |step| match step {
            Step::SpawnEnd(scope) => Step::SpawnEnd(scope + scopes),
            Step::Enter(label) => Step::Enter(labels[label]),
            step => step,
        };
        self.steps().map(|step| inside(step).word()).collect()
    }

    pub(super) fn steps(&self) -> impl Iterator<Item = Step> {
        self.words.iter().map(|word| Step::of(*word))
    }

    /// Adds a strand of so many units that comes after everything else.
    pub fn push_strand(&mut self, units: u64) {
        if units > 0 {
            self.words.push(Step::Strand(units).word());
        }
    }

    /// What it costs where every fork on a path adds `burden`: bit for bit what [`measure`](super::measure) counts.
    #[must_use]
    pub fn cost(&self, burden: u64) -> Cost {
        let mut forks = 0;
        let mut work = 0;
        let end = longest(
            self.steps(),
            [0, 0],
            |[span, burdened], units| {
                work += units;
                [span + units, burdened.saturating_add(units)]
            },
            |[span, burdened]| {
                forks += 1;
                [span, burdened.saturating_add(burden)]
            },
            |a, b| [a[0].max(b[0]), a[1].max(b[1])],
        );
        Cost { work, span: end[0], burdened_span: end[1], forks }
    }
}

impl Graph {
    /// What the longest chain consists of, by the names of spans, the most first. A strand of a child that opened no span of
    /// its own counts for the span around its fork.
    #[must_use]
    pub fn longest_chain(&self) -> Vec<Link> {
        let strands = self.labelled();
        // For each strand the one before it on its longest path.
        let mut before = vec![NOTHING; strands.len()];
        let mut number = 0;
        let strand = |(length, last): (u64, usize), units: u64| {
            before[number] = last;
            number += 1;
            (length + units, number - 1)
        };
        let (_, mut at) = longest(self.steps(), (0, NOTHING), strand, |here| here, longer);
        let mut links: Vec<Link> = Vec::new();
        while let Some(&(label, units)) = strands.get(at) {
            let name = label.map(|label| self.labels[label]);
            match links.iter_mut().find(|link| link.name.as_deref() == name) {
                Some(link) => (link.units, link.longest) = (link.units + units, link.longest.max(units)),
                None => links.push(Link { name: name.map(str::to_owned), units, longest: units }),
            }
            at = before[at];
        }
        links.sort_by(|a, b| b.units.cmp(&a.units).then_with(|| a.name.cmp(&b.name)));
        links
    }

    /// Each strand with the innermost span that is open around it.
    fn labelled(&self) -> Vec<(Option<usize>, u64)> {
        let mut open: Vec<usize> = Vec::new();
        // How many were open where the children of a fork began: whatever a child leaves open ends with it.
        let mut heights: Vec<usize> = Vec::new();
        let mut strands = Vec::new();
        for step in self.steps() {
            match step {
                Step::Strand(units) => strands.push((open.last().copied(), units)),
                Step::Enter(label) => open.push(label),
                Step::Exit => {
                    if heights.last().is_none_or(|height| open.len() > *height) {
                        open.pop();
                    }
                }
                Step::Fork | Step::Spawn => heights.push(open.len()),
                Step::Other => open.truncate(heights.last().copied().unwrap_or(0)),
                Step::Join | Step::SpawnEnd(_) => open.truncate(heights.pop().unwrap_or(0)),
                Step::Scope | Step::ScopeEnd | Step::Part(_) => {}
            }
        }
        strands
    }
}

/// No strand before this one.
pub(super) const NOTHING: usize = usize::MAX;

/// The longer of two paths, each with its last strand; the first of two that are as long.
pub(super) fn longer(a: (u64, usize), b: (u64, usize)) -> (u64, usize) {
    if b.0 > a.0 { b } else { a }
}

/// Walks a graph with a value that every path carries: what it is after a strand, what it is for the children of a fork,
/// and which of two is kept where paths meet.
///
/// Depth is kept in a list and not on the stack: a chain of a million joins is walked like any other.
pub(super) fn longest<V: Copy>(
    steps: impl Iterator<Item = Step>,
    start: V,
    mut strand: impl FnMut(V, u64) -> V,
    mut fork: impl FnMut(V) -> V,
    mut meet: impl FnMut(V, V) -> V,
) -> V {
    let mut here = start;
    // For each open join where its children began, and then where the first one ended; for each open job where its parent
    // stands.
    let mut open: Vec<V> = Vec::new();
    // For each open scope, what its ended jobs come to; the first is the whole computation.
    let mut scopes: Vec<Option<V>> = vec![None];
    for step in steps {
        match step {
            Step::Strand(units) => here = strand(here, units),
            Step::Fork => {
                here = fork(here);
                open.push(here);
            }
            Step::Other => {
                if let Some(began) = open.last_mut() {
                    std::mem::swap(began, &mut here);
                }
            }
            Step::Join => here = open.pop().map_or(here, |first| meet(first, here)),
            Step::Scope => scopes.push(None),
            Step::ScopeEnd => here = scopes.pop().flatten().map_or(here, |jobs| meet(here, jobs)),
            Step::Spawn => {
                open.push(here);
                here = fork(here);
            }
            Step::SpawnEnd(scope) => {
                let last = scopes.len() - 1;
                let jobs = &mut scopes[scope.min(last)];
                *jobs = Some(jobs.map_or(here, |jobs| meet(jobs, here)));
                here = open.pop().unwrap_or(here);
            }
            Step::Enter(_) | Step::Exit | Step::Part(_) => {}
        }
    }
    scopes.into_iter().flatten().fold(here, meet)
}
