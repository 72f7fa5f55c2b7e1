//! Which step read what another wrote, and whether that orders the two.
//!
//! loom does not say which store a load has read. The list of steps is the true order of execution, and all but the loads of
//! the pass for weak memory read the newest value, so the writer is known; such a load is matched by its value, and by the
//! newest of those that fit.

use std::{collections::VecDeque, sync::atomic::Ordering};

use crate::{
    finding::Pass,
    model::{
        engine::Seen,
        step::{Outcome, Step, Value},
    },
};

/// What a step depends on in another step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    /// The index of that step; `None` for an atomic's initial value.
    pub(super) from: Option<usize>,
    /// Whether what came before that step happens before what comes after this one.
    pub(super) synchronises: bool,
    /// A newer value was there.
    pub(super) stale: bool,
}

/// How an operation touches an atomic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Load,
    Store,
    /// A read-modify-write.
    Change,
}

/// How a step touches an atomic, if it does.
pub(super) fn access(step: &Step) -> Option<Access> {
    match (step.call.operation, step.outcome) {
        ("load", _) => Some(Access::Load),
        ("store", _) => Some(Access::Store),
        ("compare_exchange" | "compare_exchange_weak", Some(Outcome::Failed(_))) => Some(Access::Load),
        (operation, _) if operation == "swap" || operation.starts_with("compare_exchange") || operation.starts_with("fetch_") => {
            Some(Access::Change)
        }
        _ => None,
    }
}

/// The ordering with which a step reads, and the one with which it writes.
fn orderings(step: &Step) -> (Option<Ordering>, Option<Ordering>) {
    let [first, second] = step.call.orderings;
    match (access(step), step.outcome) {
        (Some(Access::Load), Some(Outcome::Failed(_))) => (second, None),
        (Some(Access::Load), _) => (first, None),
        (Some(Access::Store), _) => (None, first),
        (Some(Access::Change), _) => (first, first),
        (None, _) => (None, None),
    }
}

pub(super) fn acquires(ordering: Option<Ordering>) -> bool {
    matches!(ordering, Some(Ordering::Acquire | Ordering::AcqRel | Ordering::SeqCst))
}

pub(super) fn releases(ordering: Option<Ordering>) -> bool {
    matches!(ordering, Some(Ordering::Release | Ordering::AcqRel | Ordering::SeqCst))
}

fn value_read(step: &Step) -> Option<Value> {
    match step.outcome {
        Some(Outcome::Gave(value) | Outcome::Succeeded(value) | Outcome::Failed(value)) => Some(value),
        _ => None,
    }
}

/// What a step leaves behind; `None` where that is not known.
fn value_written(step: &Step) -> Option<Value> {
    let [first, second] = step.call.arguments;
    match (step.call.operation, value_read(step)) {
        ("store" | "swap", _) => Some(first),
        ("compare_exchange" | "compare_exchange_weak", _) => Some(second),
        ("fetch_add", Some(Value::Unsigned(old))) => plus(old, first).map(Value::Unsigned),
        _ => None,
    }
}

fn plus(old: u64, more: Value) -> Option<u64> {
    if let Value::Unsigned(more) = more { old.checked_add(more) } else { None }
}

/// What the steps of an execution depend on.
pub(super) struct Order<'a> {
    steps: &'a [Step],
    /// For each step, what it depends on in another.
    pub(super) links: Vec<Option<Link>>,
    /// For each step, whether its write hands on what its thread did before: by itself, by a fence before it, or because it
    /// continues the release sequence of a write that does.
    released: Vec<bool>,
}

impl<'a> Order<'a> {
    pub(super) fn of(seen: &'a Seen, pass: Pass) -> Self {
        let mut order = Self { steps: &seen.steps, links: Vec::new(), released: Vec::new() };
        let mut fenced = vec![false; seen.threads];
        for (at, step) in seen.steps.iter().enumerate() {
            let link = order.link(at, pass);
            let continues = || {
                let from = link.and_then(|link| link.from);
                access(step) == Some(Access::Change) && from.is_some_and(|from| order.released[from])
            };
            let fence = step.call.operation == "fence" && releases(step.call.orderings[0]);
            fenced[step.thread] |= fence;
            let released = releases(orderings(step).1) || fenced[step.thread] || continues();
            order.links.push(link);
            order.released.push(released);
        }
        order
    }

    /// Whether a read takes over what is handed on: by itself, or by a fence after it.
    fn acquired(&self, at: usize) -> bool {
        let step = &self.steps[at];
        let fence =
            |other: &Step| other.thread == step.thread && other.call.operation == "fence" && acquires(other.call.orderings[0]);
        acquires(orderings(step).0) || self.steps[at..].iter().any(fence)
    }

    fn link(&self, at: usize, pass: Pass) -> Option<Link> {
        let steps = self.steps;
        let step = &steps[at];
        if step.outcome.is_some() && matches!(access(step), Some(Access::Load | Access::Change)) {
            let from = source(steps, at, pass);
            let newest = writes(steps, at).next();
            let synchronises = from.is_some_and(|from| self.released[from]) && self.acquired(at);
            return Some(Link { from, synchronises, stale: newest != from });
        }
        let handed = |from, synchronises| Some(Link { from: Some(from), synchronises, stale: false });
        let last = |wanted: &dyn Fn(&Step) -> bool| steps[..at].iter().rposition(wanted);
        let me = step.thread;
        // The first thing that a thread does comes after its spawn.
        if me != 0 && !steps[..at].iter().any(|other| other.thread == me) {
            let spawn = last(&|other| other.call.operation == "spawn" && other.call.arguments[0] == Value::Thread(me))?;
            return handed(spawn, true);
        }
        step.outcome?;
        match step.call.operation {
            "join" => handed(last(&|other| Value::Thread(other.thread) == step.call.arguments[0])?, true),
            "park" => {
                handed(last(&|other| other.call.operation == "unpark" && other.call.arguments[0] == Value::Thread(me))?, true)
            }
            // A notification orders nothing by itself; the lock that is taken again does.
            "wake" if matches!(value_read(step), Some(Value::Text("notified"))) => {
                let notified = |other: &Step| {
                    other.call.object == step.call.object
                        && other.call.operation.starts_with("notify")
                        && !matches!(value_read(other), Some(Value::Text("nobody")))
                };
                handed(last(&notified)?, false)
            }
            "lock" | "try_lock" | "read" | "try_read" | "write" | "try_write" => {
                if matches!(value_read(step), Some(Value::Text("WouldBlock"))) {
                    return None;
                }
                let freed = |other: &Step| {
                    let ends = ["unlock", "end read", "end write"].contains(&other.call.operation);
                    ends && other.call.object == step.call.object && other.thread != me
                };
                handed(last(&freed)?, true)
            }
            "recv" | "try_recv" => {
                let of = |other: &&Step, operations: &[&str]| {
                    other.call.object == step.call.object && operations.contains(&other.call.operation)
                };
                // Messages come in the order in which they were sent.
                let received = steps[..at].iter().filter(|other| of(other, &["recv", "try_recv"])).count();
                let sent = steps[..at].iter().enumerate().filter(|(_, other)| of(other, &["send", "try_send"]));
                handed(sent.map(|(index, _)| index).nth(received)?, true)
            }
            _ => None,
        }
    }

    /// The link that should have ordered `first` before `second` and does not: on the way from one to the other along each
    /// thread's own order and along what was read, the first that does not synchronise. `None` if there is no way.
    pub(super) fn broken_link(&self, first: usize, second: usize) -> Option<(usize, usize)> {
        let Self { steps, links, .. } = self;
        // Backwards from the second access; ways with fewer broken links first.
        let mut best: Vec<Option<usize>> = vec![None; steps.len()];
        let mut queue = VecDeque::from([(second, 0, None)]);
        while let Some((at, cost, broken)) = queue.pop_front() {
            if best[at].is_some_and(|best| best <= cost) {
                continue;
            }
            best[at] = Some(cost);
            if at >= first && steps[at].thread == steps[first].thread {
                return broken;
            }
            if let Some(earlier) = steps[..at].iter().rposition(|other| other.thread == steps[at].thread) {
                queue.push_front((earlier, cost, broken));
            }
            match links[at] {
                Some(Link { from: Some(from), synchronises: true, .. }) => queue.push_front((from, cost, broken)),
                Some(Link { from: Some(from), .. }) => queue.push_back((from, cost + 1, Some((from, at)))),
                _ => {}
            }
        }
        None
    }

    /// Why a link does not synchronise, with which ordering on which side.
    pub(super) fn weak_side(&self, (from, to): (usize, usize)) -> (bool, bool) {
        (!self.released[from], !self.acquired(to))
    }
}

/// The writes to this step's object before it, the newest first.
fn writes(steps: &[Step], at: usize) -> impl Iterator<Item = usize> {
    let object = steps[at].call.object;
    (0..at).rev().filter(move |&index| {
        let step = &steps[index];
        let writes = matches!(access(step), Some(Access::Store | Access::Change));
        writes && step.outcome.is_some() && step.call.object == object
    })
}

/// The write that this step has read; `None` where it is the initial value.
fn source(steps: &[Step], at: usize, pass: Pass) -> Option<usize> {
    let step = &steps[at];
    if pass != Pass::WeakMemory || step.call.operation != "load" {
        return writes(steps, at).next();
    }
    let read = value_read(step)?;
    writes(steps, at).find(|&index| value_written(&steps[index]).is_none_or(|written| written == read))
}
