//! Which step read what another wrote, and what happens before what.
//!
//! loom does not say which store a load has read. The list of steps is the true order of execution, and all but the loads of
//! the pass for weak memory read the newest value, so the writer is known; such a load is matched by its value, where that
//! leaves one writer. Where it leaves several, no link is told.
//!
//! What is ordered comes from vector clocks over the steps, with release sequences and fences as in C++20: a link alone says
//! only that something is handed over, not that it is enough.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::atomic::Ordering,
};

use super::{lock, value};
use crate::{
    finding::Pass,
    model::{
        engine::{MAX_THREADS, Seen},
        step::{ObjectInfo, Outcome, Step, Value},
    },
};

/// What a step depends on in another step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    /// The index of that step; `None` for an atomic's initial value, and where it is not known.
    pub(super) from: Option<usize>,
    /// Whether this step takes over something that came before that one; what exactly, the clocks tell.
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

pub(super) fn value_read(step: &Step) -> Option<Value> {
    match step.outcome {
        Some(Outcome::Gave(value) | Outcome::Succeeded(value) | Outcome::Failed(value)) => Some(value),
        _ => None,
    }
}

/// What a thread knows: of each thread, how many steps of the list may have been its own at most, its own included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Clock([usize; MAX_THREADS]);

impl Clock {
    fn join(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = (*mine).max(theirs);
        }
    }

    /// Whether the step `at` of `thread` is known.
    fn knows(&self, thread: usize, at: usize) -> bool {
        self.0[thread] > at
    }
}

/// Which write a load has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Write(usize),
    Initial,
    /// One of several.
    Unknown,
}

/// Two things that an object other than an atomic hands over apart from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gift {
    /// What writers and most others have done.
    Main,
    /// What the readers of a lock have done, which only writers take, and the receivers of a rendezvous.
    Readers,
}

/// What is handed over, while the list of steps is gone through.
#[derive(Default)]
struct Walk {
    threads: [Clock; MAX_THREADS],
    /// What each thread knew at its last fence that releases.
    fenced: [Clock; MAX_THREADS],
    /// What each thread has read, and takes over at its next fence that acquires.
    awaited: [Clock; MAX_THREADS],
    /// What `unpark` gives to each thread.
    tokens: [Clock; MAX_THREADS],
    gifts: BTreeMap<(Option<usize>, Gift), Clock>,
}

impl Walk {
    fn give(&mut self, step: &Step, object: Option<usize>, gift: Gift) {
        let mine = self.threads[step.thread];
        self.gifts.entry((object, gift)).or_default().join(&mine);
    }

    fn take(&mut self, step: &Step, object: Option<usize>, gift: Gift) {
        if let Some(given) = self.gifts.get(&(object, gift)) {
            self.threads[step.thread].join(given);
        }
    }
}

/// What the steps of an execution depend on.
pub(super) struct Order<'a> {
    steps: &'a [Step],
    objects: &'a [ObjectInfo],
    pass: Pass,
    /// For each step, what it depends on in another.
    pub(super) links: Vec<Option<Link>>,
    /// For each step, what its thread knows after it.
    clocks: Vec<Clock>,
    /// For each step, what it hands to whoever reads it and acquires.
    handed: Vec<Clock>,
    /// Some load has read one of several writes.
    pub(super) is_vague: bool,
}

impl<'a> Order<'a> {
    pub(super) fn of(seen: &'a Seen, pass: Pass) -> Self {
        let (steps, objects) = (seen.steps.as_slice(), seen.objects.as_slice());
        let mut order = Self { steps, objects, pass, links: Vec::new(), clocks: Vec::new(), handed: Vec::new(), is_vague: false };
        let mut walk = Walk::default();
        for (at, step) in steps.iter().enumerate() {
            walk.threads[step.thread].0[step.thread] = at + 1;
            order.handed.push(Clock::default());
            let link = if step.outcome.is_some() && access(step).is_some() {
                order.atomic(at, &mut walk)
            } else {
                let link = order.link(at);
                order.hand_over(at, link, &mut walk);
                link
            };
            order.links.push(link);
            order.clocks.push(walk.threads[step.thread]);
        }
        order
    }

    /// An access to an atomic: what it has read, and what it takes and gives.
    fn atomic(&mut self, at: usize, walk: &mut Walk) -> Option<Link> {
        let step = &self.steps[at];
        let me = step.thread;
        let (reading, writing) = orderings(step);
        let reads = access(step) != Some(Access::Store);
        let mut link = None;
        let mut read = Clock::default();
        if reads {
            let source = self.source(at, &walk.threads[me]);
            match source {
                Source::Write(from) => read = self.handed[from],
                Source::Initial => {}
                // Better one race that is not told than one that is none.
                Source::Unknown => writes(self.steps, at).for_each(|from| read.join(&self.handed[from])),
            }
            self.is_vague |= source == Source::Unknown;
            let from = if let Source::Write(from) = source { Some(from) } else { None };
            let synchronises = from.is_some() && read != Clock::default() && self.acquired(at);
            link = Some(Link { from, synchronises, stale: self.is_stale(at, source) });
            if acquires(reading) {
                walk.threads[me].join(&read);
            } else {
                walk.awaited[me].join(&read);
            }
        }
        if access(step) != Some(Access::Load) {
            let mut handed = if releases(writing) { walk.threads[me] } else { walk.fenced[me] };
            // A read-modify-write continues the release sequences of what it has read; that is not its own thread's doing.
            handed.join(&read);
            self.handed[at] = handed;
        }
        link
    }

    /// Whether a newer value than the one that was read was there, for certain.
    fn is_stale(&self, at: usize, source: Source) -> bool {
        let Some(newest) = writes(self.steps, at).next() else { return false };
        match source {
            Source::Write(from) => from != newest,
            Source::Initial => true,
            Source::Unknown => {
                let left = value::left(self.steps, self.objects, newest);
                self.pass == Pass::WeakMemory && left.is_some() && left != value_read(&self.steps[at])
            }
        }
    }

    /// Whether a read takes over what is handed on: by itself, or by a fence after it.
    fn acquired(&self, at: usize) -> bool {
        acquires(orderings(&self.steps[at]).0) || self.late_fence(at).is_some()
    }

    /// What an operation other than an access to an atomic takes and gives.
    fn hand_over(&self, at: usize, link: Option<Link>, walk: &mut Walk) {
        let step = &self.steps[at];
        let me = step.thread;
        if step.outcome.is_none() {
            return;
        }
        let object = step.call.object.index();
        let told = value_read(step);
        let other = if let Value::Thread(other) = step.call.arguments[0] { other } else { me };
        match step.call.operation {
            "fence" => {
                if acquires(step.call.orderings[0]) {
                    let awaited = walk.awaited[me];
                    walk.threads[me].join(&awaited);
                }
                if releases(step.call.orderings[0]) {
                    walk.fenced[me] = walk.threads[me];
                }
            }
            "spawn" => {
                let mine = walk.threads[me];
                walk.threads[other].join(&mine);
            }
            "join" => {
                let theirs = walk.threads[other];
                walk.threads[me].join(&theirs);
            }
            "unpark" => {
                let mine = walk.threads[me];
                walk.tokens[other].join(&mine);
            }
            "park" | "park_timeout" if told != Some(Value::Text("timed out")) => {
                let token = walk.tokens[me];
                walk.threads[me].join(&token);
            }
            "notify_one" | "notify_all" => walk.give(step, object, Gift::Main),
            "recv" | "try_recv" => self.receive(at, link, walk),
            "send" | "try_send" => walk.take(step, object, Gift::Readers),
            "drop sender" | "drop receiver" => walk.give(step, object, Gift::Main),
            "wait" if self.kind(step) == "Barrier" => self.meet(at, walk),
            "end" => walk.give(step, object, Gift::Main),
            _ if self.kind(step).contains("Once") || self.kind(step).contains("Lazy") => walk.take(step, object, Gift::Main),
            _ => {}
        }
        if let Some(lock) = lock::taken(step) {
            // The checker lets a notification order memory, though `std` promises nothing of the kind.
            walk.take(step, object, Gift::Main);
            walk.take(step, lock.index(), Gift::Main);
            if !matches!(step.call.operation, "read" | "try_read") {
                walk.take(step, lock.index(), Gift::Readers);
            }
        }
        if let Some(lock) = lock::freed(step) {
            let gift = if step.call.operation == "end read" { Gift::Readers } else { Gift::Main };
            walk.give(step, lock.index(), gift);
        }
    }

    fn kind(&self, step: &Step) -> &'static str {
        step.call.object.index().and_then(|index| self.objects.get(index)).map_or("", |object| object.kind)
    }

    /// What comes with a message, or with the end of all senders.
    fn receive(&self, at: usize, link: Option<Link>, walk: &mut Walk) {
        let step = &self.steps[at];
        let me = step.thread;
        if let Some(from) = link.and_then(|link| link.from) {
            walk.threads[me].join(&self.clocks[from]);
        } else if value_read(step) != Some(Value::Text("Ok")) {
            walk.take(step, step.call.object.index(), Gift::Main);
        } else {
            // A rendezvous: the sender is told to have sent once its message is taken.
            self.join_those_in(at, "send", walk);
            walk.give(step, step.call.object.index(), Gift::Readers);
        }
    }

    /// A barrier: the last one takes from all who have come, and they take from it.
    fn meet(&self, at: usize, walk: &mut Walk) {
        let step = &self.steps[at];
        let object = step.call.object.index();
        if value_read(step) == Some(Value::Text("leader")) {
            self.join_those_in(at, "wait", walk);
            walk.give(step, object, Gift::Main);
        } else {
            walk.take(step, object, Gift::Main);
        }
    }

    /// Takes from all threads that stand in that operation of the same object, or will next.
    fn join_those_in(&self, at: usize, operation: &str, walk: &mut Walk) {
        let step = &self.steps[at];
        for thread in (0..MAX_THREADS).filter(|thread| *thread != step.thread) {
            let next = self.steps[at..].iter().find(|other| other.thread == thread);
            if next.is_some_and(|next| next.call.operation == operation && next.call.object == step.call.object) {
                let theirs = walk.threads[thread];
                walk.threads[step.thread].join(&theirs);
            }
        }
    }

    /// The step that an operation other than an access to an atomic depends on.
    fn link(&self, at: usize) -> Option<Link> {
        let steps = self.steps;
        let step = &steps[at];
        let handed = |from| Some(Link { from: Some(from), synchronises: true, stale: false });
        let last = |wanted: &dyn Fn(&Step) -> bool| steps[..at].iter().rposition(wanted);
        let me = step.thread;
        // The first thing that a thread does comes after its spawn.
        if me != 0 && !steps[..at].iter().any(|other| other.thread == me) {
            let spawn = last(&|other| other.call.operation == "spawn" && other.call.arguments[0] == Value::Thread(me))?;
            return handed(spawn);
        }
        step.outcome?;
        if let Some(lock) = lock::taken(step) {
            // Readers take nothing from readers.
            let reads = matches!(step.call.operation, "read" | "try_read");
            let freed = |other: &Step| {
                lock::freed(other) == Some(lock) && other.thread != me && !(reads && other.call.operation == "end read")
            };
            return handed(last(&freed)?);
        }
        match step.call.operation {
            "join" => handed(last(&|other| Value::Thread(other.thread) == step.call.arguments[0])?),
            "park" => handed(last(&|other| other.call.operation == "unpark" && other.call.arguments[0] == Value::Thread(me))?),
            "recv" | "try_recv" => handed(self.sent(at)?),
            _ => None,
        }
    }

    /// The step that sent the message that this one received: they come in the order in which they were sent.
    fn sent(&self, at: usize) -> Option<usize> {
        let of = |index: &usize, operations: &[&str]| {
            let other = &self.steps[*index];
            other.call.object == self.steps[at].call.object
                && operations.contains(&other.call.operation)
                && value_read(other) == Some(Value::Text("Ok"))
        };
        let (receives, sends): (&[&str], &[&str]) = (&["recv", "try_recv"], &["send", "try_send"]);
        if !of(&at, receives) {
            return None;
        }
        // In a rendezvous the send is over after the receive, and they may end in another order.
        let sent_before = |end: usize| (0..end).filter(|index| of(index, sends)).count();
        let mut received = (0..self.steps.len()).filter(|index| of(index, receives)).enumerate();
        if received.any(|(number, index)| sent_before(index) <= number) {
            return None;
        }
        let number = (0..at).filter(|index| of(index, receives)).count();
        (0..at).filter(|index| of(index, sends)).nth(number)
    }

    /// The write that this step has read.
    fn source(&self, at: usize, known: &Clock) -> Source {
        let steps = self.steps;
        let step = &steps[at];
        let lent = |other: &Step| other.call.object == step.call.object && other.call.operation == "get_mut";
        if steps[..at].iter().any(lent) {
            // What is written through a `&mut` is no step.
            return Source::Unknown;
        }
        if self.pass != Pass::WeakMemory || step.call.operation != "load" {
            return writes(steps, at).next().map_or(Source::Initial, Source::Write);
        }
        let Some(read) = value_read(step) else { return Source::Unknown };
        let floor = self.floor(at, known);
        let fits = |index: &usize| value::left(steps, self.objects, *index).is_none_or(|left| left == read);
        let mut fitting = writes(steps, at).filter(|index| floor.is_none_or(|floor| *index >= floor)).filter(fits);
        let initial = floor.is_none() && value::initial(steps, at).is_some_and(|initial| initial == read);
        match (fitting.next(), fitting.next(), initial) {
            (Some(only), None, false) => Source::Write(only),
            // It must be the initial value, whatever that is.
            (None, _, _) if floor.is_none() => Source::Initial,
            _ => Source::Unknown,
        }
    }

    /// The oldest write that a load may read: the newest one that its thread knows of, by itself or by who has read it.
    fn floor(&self, at: usize, known: &Clock) -> Option<usize> {
        let steps = self.steps;
        let earlier = (0..at).filter(|&index| {
            let step = &steps[index];
            step.call.object == steps[at].call.object && step.outcome.is_some() && known.knows(step.thread, index)
        });
        earlier
            .filter_map(|index| match access(&steps[index])? {
                Access::Load => self.links[index].and_then(|link| link.from),
                Access::Store | Access::Change => Some(index),
            })
            .max()
    }

    /// Whether the step `first` happens before `second`, or is it.
    pub(super) fn is_known(&self, first: usize, second: usize) -> bool {
        self.clocks[second].knows(self.steps[first].thread, first)
    }

    /// The link that should have ordered `first` before `second` and does not: on the way back from the one along each
    /// thread's own order and along what was read, the one whose writer knows of `first`, while its reader does not. `None`
    /// if there is no way.
    pub(super) fn broken_link(&self, first: usize, second: usize) -> Option<(usize, usize)> {
        let Self { steps, links, .. } = self;
        // Ways with fewer broken links first.
        let mut best: Vec<Option<usize>> = vec![None; steps.len()];
        let mut queue = VecDeque::from([(second, 0)]);
        while let Some((at, cost)) = queue.pop_front() {
            if best[at].is_some_and(|best| best <= cost) {
                continue;
            }
            best[at] = Some(cost);
            if let Some(Link { from: Some(from), synchronises, .. }) = links[at] {
                if self.is_known(first, from) {
                    return Some((from, at));
                }
                if synchronises {
                    queue.push_front((from, cost));
                } else {
                    queue.push_back((from, cost + 1));
                }
            }
            if let Some(earlier) = steps[..at].iter().rposition(|other| other.thread == steps[at].thread) {
                queue.push_front((earlier, cost));
            }
        }
        None
    }

    /// On which sides a link fails to hand over `first`: whether the write does not give it, and whether the read takes nothing,
    /// or only by a fence that comes too late.
    pub(super) fn weak_side(&self, (from, to): (usize, usize), first: usize) -> (bool, bool) {
        let gives = self.handed[from].knows(self.steps[first].thread, first);
        (!gives, if gives { !acquires(orderings(&self.steps[to]).0) } else { !self.acquired(to) })
    }

    /// The next fence after a read that acquires.
    pub(super) fn late_fence(&self, read: usize) -> Option<usize> {
        let me = self.steps[read].thread;
        (read..self.steps.len()).find(|&at| self.fence_acquires(me, at))
    }

    fn fence_acquires(&self, thread: usize, at: usize) -> bool {
        let step = &self.steps[at];
        step.thread == thread && step.outcome.is_some() && step.call.operation == "fence" && acquires(step.call.orderings[0])
    }

    /// The last fence before a write that releases, which came too early for it.
    pub(super) fn early_fence(&self, write: usize) -> Option<usize> {
        let fence = |step: &Step| {
            step.thread == self.steps[write].thread && step.call.operation == "fence" && releases(step.call.orderings[0])
        };
        self.steps[..write].iter().rposition(fence)
    }
}

/// The writes to this step's object before it, the newest first.
pub(super) fn writes(steps: &[Step], at: usize) -> impl Iterator<Item = usize> {
    let object = steps[at].call.object;
    (0..at).rev().filter(move |&index| {
        let step = &steps[index];
        let writes = matches!(access(step), Some(Access::Store | Access::Change));
        writes && step.outcome.is_some() && step.call.object == object
    })
}
