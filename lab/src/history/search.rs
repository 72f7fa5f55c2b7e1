//! The search for an order that explains a history: Wing and Gong's, with Lowe's memory of what was tried.
//!
//! The operations of a lane follow one another, so a set of operations that have taken place, with all that must come before
//! them, is a *cut*: so many of each lane. Which cut and which state of the object is all that the rest depends on.

use std::collections::HashSet;

use super::{Entry, Specification};

/// A beginning of a history, and how hard to look.
pub(super) struct Problem<'a, S: Specification> {
    initial: &'a S,
    entries: &'a [Entry<S>],
    /// The entries of each lane.
    lanes: Vec<Vec<usize>>,
    /// The moment at which it ends: what returns then or later is still running.
    end: usize,
    /// How many states may be looked at.
    states: usize,
}

/// What came of a search.
pub(super) enum Found {
    Order(Vec<usize>),
    Nothing,
    Cut,
}

/// Where the search stands: what could be done next, and how much of that was tried.
struct Frame<S> {
    state: S,
    /// The outcome of the entry that is left open, by number, if it has taken place.
    given: Option<usize>,
    lanes: Vec<usize>,
    next: usize,
}

impl<'a, S: Specification> Problem<'a, S> {
    pub(super) fn new(initial: &'a S, entries: &'a [Entry<S>], end: usize, states: usize) -> Self {
        let count = entries.iter().map(|entry| entry.lane + 1).max().unwrap_or(0);
        let mut lanes = vec![Vec::new(); count];
        for (index, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.called < end) {
            lanes[entry.lane].push(index);
        }
        Self { initial, entries, lanes, end, states }
    }

    /// An order that explains everything.
    pub(super) fn order(&self) -> Found {
        let mut order = None;
        let whole = self.walk(None, &mut Vec::new(), |found| {
            order = Some(found.to_vec());
            true
        });
        match order {
            Some(order) => Found::Order(order),
            None if whole => Found::Nothing,
            None => Found::Cut,
        }
    }

    /// What the entry `open` could have returned, so that some order explains everything.
    pub(super) fn outcomes_of(&self, open: usize) -> Vec<S::Outcome> {
        let mut outcomes = Vec::new();
        self.walk(Some(open), &mut outcomes, |_| false);
        let fitting: Vec<S::Outcome> = outcomes.into_iter().filter_map(|(outcome, fits)| fits.then_some(outcome)).collect();
        fitting
    }

    /// Tries every order, until `complete` has enough of those that explain everything; true if all were tried, or it had. The
    /// entry `open` may return anything: what it could is noted, and whether an order explains the others then.
    fn walk(
        &self,
        open: Option<usize>,
        outcomes: &mut Vec<(S::Outcome, bool)>,
        mut complete: impl FnMut(&[usize]) -> bool,
    ) -> bool {
        let mut left = self.lanes.iter().flatten().filter(|index| self.has_returned(**index)).count();
        let mut cut = vec![0; self.lanes.len()];
        let mut order: Vec<usize> = Vec::new();
        let mut tried = HashSet::new();
        let mut frames = vec![Frame { state: self.initial.clone(), given: None, lanes: self.next(&cut), next: 0 }];
        while let Some(frame) = frames.last_mut() {
            if left == 0 && frame.next == 0 {
                if let Some(given) = frame.given {
                    outcomes[given].1 = true;
                }
                if complete(&order) {
                    return true;
                }
            }
            let Some(&lane) = frame.lanes.get(frame.next).filter(|_| left > 0) else {
                frames.pop();
                if let Some(undone) = order.pop() {
                    cut[self.entries[undone].lane] -= 1;
                    left += usize::from(self.has_returned(undone));
                }
                continue;
            };
            frame.next += 1;
            let index = self.lanes[lane][cut[lane]];
            let mut given = frame.given;
            let mut state = frame.state.clone();
            let outcome = state.apply(&self.entries[index].operation);
            if open == Some(index) {
                let known = outcomes.iter().position(|(other, _)| *other == outcome);
                given = Some(known.unwrap_or(outcomes.len()));
                if known.is_none() {
                    outcomes.push((outcome, false));
                }
            } else if self.has_returned(index) && self.entries[index].outcome.as_ref() != Some(&outcome) {
                continue;
            }
            cut[lane] += 1;
            if !tried.insert((cut.clone().into_boxed_slice(), state.clone(), given)) {
                cut[lane] -= 1;
                continue;
            }
            if tried.len() > self.states {
                return false;
            }
            order.push(index);
            left -= usize::from(self.has_returned(index));
            frames.push(Frame { state, given, lanes: self.next(&cut), next: 0 });
        }
        true
    }

    fn has_returned(&self, index: usize) -> bool {
        self.entries[index].returned.is_some_and(|moment| moment < self.end)
    }

    /// The lanes whose next entry may take place, the one that returns first first: it is the likeliest.
    fn next(&self, cut: &[usize]) -> Vec<usize> {
        let next = |lane: &usize| self.lanes[*lane].get(cut[*lane]).copied();
        let may = |lane: &usize| {
            next(lane).is_some_and(|index| self.entries[index].after.iter().zip(cut).all(|(needed, done)| done >= needed))
        };
        let mut lanes: Vec<usize> = (0..cut.len()).filter(may).collect();
        lanes.sort_by_key(|lane| next(lane).and_then(|index| self.entries[index].returned).unwrap_or(usize::MAX));
        lanes
    }
}
