//! What C++20 allows, by its axioms: every candidate execution of a small program is written down and judged.
//!
//! A candidate says what each read reads, from which write, and in which order each variable's writes stand. It is
//! consistent if happens-before agrees with these (coherence), if nothing falls into a read-modify-write (atomicity), and if
//! the `SeqCst` operations have one order (\[atomics.order\] 4). Nothing forbids a cycle of reads-from and program order:
//! C++20 only recommends against values out of thin air.

use std::{
    collections::BTreeSet,
    sync::atomic::Ordering::{self, AcqRel, Acquire, Relaxed, Release, SeqCst},
};

use crate::program::{Access, Program, Statement};

/// One operation that has been executed.
#[derive(Debug, Clone, Copy)]
struct Event {
    thread: usize,
    variable: usize,
    read: Option<usize>,
    write: Option<usize>,
    ordering: Ordering,
    /// A fence, or a plain access: neither is in any relation of values.
    fence: bool,
    cell: Option<Access>,
}

impl Event {
    fn acquires(&self) -> bool {
        (self.read.is_some() || self.fence) && matches!(self.ordering, Acquire | AcqRel | SeqCst)
    }

    fn releases(&self) -> bool {
        (self.write.is_some() || self.fence) && matches!(self.ordering, Release | AcqRel | SeqCst)
    }

    fn sequenced(&self) -> bool {
        self.ordering == SeqCst
    }
}

/// A relation of events, a row of bits for each.
#[derive(Clone)]
struct Relation(Vec<u32>);

impl Relation {
    fn of(events: usize, holds: impl Fn(usize, usize) -> bool) -> Self {
        Self((0..events).map(|from| (0..events).filter(|&to| holds(from, to)).fold(0, |row, to| row | 1 << to)).collect())
    }

    fn has(&self, from: usize, to: usize) -> bool {
        self.0[from] >> to & 1 == 1
    }

    fn or(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(row, other)| *row |= other);
        self
    }

    /// This, then the other.
    fn then(&self, other: &Self) -> Self {
        let events = self.0.len();
        let row = |row: &u32| (0..events).filter(|event| row >> event & 1 == 1).fold(0, |sum, event| sum | other.0[event]);
        Self(self.0.iter().map(row).collect())
    }

    /// With all pairs but those of one event with itself.
    fn maybe(mut self) -> Self {
        self.0.iter_mut().enumerate().for_each(|(event, row)| *row |= 1 << event);
        self
    }

    fn closed(mut self) -> Self {
        for middle in 0..self.0.len() {
            let through = self.0[middle];
            self.0.iter_mut().filter(|row| **row >> middle & 1 == 1).for_each(|row| *row |= through);
        }
        self
    }

    fn irreflexive(&self) -> bool {
        self.0.iter().enumerate().all(|(event, row)| row >> event & 1 == 0)
    }
}

/// What the axioms say of a program.
#[derive(Debug, Default)]
pub struct Judged {
    /// Every outcome of a candidate execution.
    pub candidates: BTreeSet<String>,
    /// Those with a consistent one.
    pub allowed: BTreeSet<String>,
    /// Those with a consistent one that runs in some order of steps in which each variable's writes take their places: no
    /// read comes before its write, and no write before one that it follows.
    pub in_order: BTreeSet<String>,
}

/// One way through a thread: its events, and its part of the outcome.
type Way = (Vec<Event>, String);

pub fn judge(program: &Program) -> Judged {
    let ways: Vec<Vec<Way>> =
        program.threads.iter().enumerate().map(|(number, thread)| ways(number, thread, most(program))).collect();
    let used = program.threads.iter().flatten().map(|statement| statement.variable);
    let variables: BTreeSet<usize> = used.chain(program.last.iter().copied()).collect();
    let initial = variables.iter().map(|&variable| Event {
        thread: usize::MAX,
        variable,
        read: None,
        write: Some(0),
        ordering: Relaxed,
        fence: false,
        cell: None,
    });
    let mut judged = Judged::default();
    choose(&ways, &mut (initial.collect(), String::new()), &mut |(events, outcome)| {
        Candidate::all(program, events, outcome, &mut judged);
    });
    // A program with a data race means nothing at all: it must be found.
    for outcomes in [&mut judged.allowed, &mut judged.in_order] {
        if outcomes.contains("race") {
            *outcomes = ["race".to_owned()].into();
        }
    }
    judged
}

/// No value is greater.
fn most(program: &Program) -> usize {
    let statements = || program.threads.iter().flatten();
    let stored = statements().map(|statement| match statement.access {
        Access::Store(value) | Access::Swap(value) | Access::Exchange(_, value) => value,
        _ => 0,
    });
    let added = statements().map(|statement| if let Access::Add(value) = statement.access { value } else { 0 });
    stored.max().unwrap_or(0) + added.sum::<usize>()
}

/// Every way through a thread, whatever it reads.
fn ways(thread: usize, statements: &[Statement], most: usize) -> Vec<Way> {
    let mut ways: Vec<(Way, bool)> = vec![(Way::default(), false)];
    for statement in statements {
        let mut next = Vec::new();
        for (way, over) in ways {
            let values = if statement.access.tells() && !over { 0..=most } else { 0..=0 };
            next.extend(values.map(|value| step(thread, statement, (way.clone(), over), value)));
        }
        ways = next;
    }
    ways.into_iter().map(|(way, _)| way).collect()
}

fn step(thread: usize, statement: &Statement, ((mut events, mut told), mut over): (Way, bool), value: usize) -> (Way, bool) {
    let Statement { variable, access, mut ordering, failure, only_if } = *statement;
    let tells = access.tells();
    if over {
        told.extend(tells.then_some('-'));
        return ((events, told), over);
    }
    let write = match access {
        Access::Store(new) | Access::Swap(new) => Some(new),
        Access::Add(more) => Some(value + more),
        Access::Exchange(from, to) if from == value => Some(to),
        Access::Exchange(..) => {
            ordering = failure;
            None
        }
        _ => None,
    };
    let cell = matches!(access, Access::Read | Access::Write).then_some(access);
    let fence = access == Access::Fence;
    events.push(Event { thread, variable, read: tells.then_some(value), write, ordering, fence, cell });
    if tells {
        told.push_str(&value.to_string());
    }
    over = only_if.is_some_and(|wanted| wanted != value);
    ((events, told), over)
}

/// Every choice of one way for each thread.
fn choose(ways: &[Vec<Way>], chosen: &mut Way, visit: &mut impl FnMut(&Way)) {
    let Some((first, rest)) = ways.split_first() else { return visit(chosen) };
    let before = (chosen.0.len(), chosen.1.len());
    for (events, told) in first {
        chosen.0.extend(events);
        chosen.1.push_str(told);
        choose(rest, chosen, visit);
        chosen.0.truncate(before.0);
        chosen.1.truncate(before.1);
    }
}

/// Events, whence each reads, and where each write stands among its variable's.
struct Candidate<'a> {
    events: &'a [Event],
    source: Vec<Option<usize>>,
    place: Vec<usize>,
}

impl Candidate<'_> {
    /// Judges every candidate with these events.
    fn all(program: &Program, events: &[Event], told: &str, judged: &mut Judged) {
        assert!(events.len() <= 32, "a row has 32 bits");
        let mut orders = vec![vec![0; events.len()]];
        for variable in 0..3 {
            let writes: Vec<usize> =
                (0..events.len()).filter(|&event| events[event].write.is_some() && events[event].variable == variable).collect();
            // The first of them is the initial one.
            let Some((_, others)) = writes.split_first() else { continue };
            let extended = |place: &Vec<usize>| {
                let place = place.clone();
                permutations(others).into_iter().map(move |order| {
                    let mut place = place.clone();
                    order.iter().enumerate().for_each(|(index, &event)| place[event] = index + 1);
                    place
                })
            };
            orders = orders.iter().flat_map(extended).collect();
        }
        let mut sources = vec![Vec::new()];
        for (event, of) in events.iter().enumerate() {
            let fits = |&from: &usize| from != event && events[from].variable == of.variable && events[from].write == of.read;
            let from: Vec<Option<usize>> =
                if of.read.is_some() { (0..events.len()).filter(fits).map(Some).collect() } else { vec![None] };
            sources = sources
                .iter()
                .flat_map(|before: &Vec<_>| from.iter().map(move |&source| before.iter().copied().chain([source]).collect()))
                .collect();
        }
        for place in &orders {
            for source in &sources {
                let candidate = Candidate { events, source: source.clone(), place: place.clone() };
                candidate.judge(program, told, judged);
            }
        }
    }

    fn judge(&self, program: &Program, told: &str, judged: &mut Judged) {
        let (consistent, in_order, race) = self.verdict();
        let outcome = if !program.races() {
            let last = |&variable: &usize| {
                let writes =
                    self.events.iter().enumerate().filter(|(_, event)| event.write.is_some() && event.variable == variable);
                let (_, newest) = writes.max_by_key(|(event, _)| self.place[*event]).expect("every variable has its first value");
                newest.write.expect("only writes are here").to_string()
            };
            format!("{told}{}", program.last.iter().map(last).collect::<String>())
        } else if consistent && race {
            "race".to_owned()
        } else {
            "quiet".to_owned()
        };
        if program.races() {
            judged.candidates.extend(["race", "quiet"].map(str::to_owned));
        }
        judged.candidates.insert(outcome.clone());
        if consistent {
            judged.allowed.insert(outcome.clone());
        }
        if consistent && in_order {
            judged.in_order.insert(outcome);
        }
    }

    /// Whether it is consistent, whether it runs in some order of steps, and whether two plain accesses race.
    fn verdict(&self) -> (bool, bool, bool) {
        let events = self.events;
        let of = |holds: &dyn Fn(usize, usize) -> bool| Relation::of(events.len(), holds);
        let initial = |event: usize| events[event].thread == usize::MAX;
        let same = |a: usize, b: usize| {
            events[a].variable == events[b].variable && [a, b].iter().all(|&e| !events[e].fence && events[e].cell.is_none())
        };
        let writes = |event: usize| events[event].write.is_some();
        // Program order; what is initial comes before everything.
        let program = of(&|a, b| (initial(a) && !initial(b)) || (events[a].thread == events[b].thread && a < b && !initial(a)));
        let reads_from = of(&|a, b| self.source[b] == Some(a));
        let modification = of(&|a, b| same(a, b) && writes(a) && writes(b) && self.place[a] < self.place[b]);
        let from_read = of(&|a, b| {
            same(a, b) && a != b && writes(b) && self.source[a].is_some_and(|source| self.place[source] < self.place[b])
        });
        let coherence = reads_from.clone().or(&modification).or(&from_read).closed();

        // A release sequence: a write, and the read-modify-writes that follow from it.
        let continued = of(&|a, b| reads_from.has(a, b) && writes(b)).closed();
        let write_sequence = of(&|a, b| writes(a) && a == b).or(&of(&|a, b| writes(a) && continued.has(a, b)));
        let fence = |event: usize| events[event].fence;
        let released = of(&|a, b| events[a].releases() && (a == b && !fence(a) || fence(a) && program.has(a, b) && writes(b)));
        let acquired = of(&|a, b| {
            events[b].acquires() && (a == b && !fence(b) || fence(b) && program.has(a, b) && events[a].read.is_some())
        });
        let synchronizes = released.then(&write_sequence).then(&reads_from).then(&acquired);
        let happens = program.clone().or(&synchronizes).closed();

        let coherent = happens.irreflexive() && happens.then(&coherence.clone().maybe()).irreflexive() && coherence.irreflexive();
        // A read-modify-write reads the write right before its own.
        let whole = (0..events.len())
            .all(|event| !writes(event) || self.source[event].is_none_or(|source| self.place[source] + 1 == self.place[event]));
        let sequenced = self.has_one_order(&program, &synchronizes, &happens, &coherence);
        let in_order = program.clone().or(&reads_from).or(&modification).closed().irreflexive();
        let race = (0..events.len()).any(|a| {
            (0..events.len()).any(|b| {
                matches!((events[a].cell, events[b].cell), (Some(Access::Write), Some(_)))
                    && events[a].thread != events[b].thread
                    && !happens.has(a, b)
                    && !happens.has(b, a)
            })
        });
        (coherent && whole && sequenced, in_order, race)
    }

    /// Whether one order of all `SeqCst` operations agrees with everything that it must.
    fn has_one_order(&self, program: &Relation, synchronizes: &Relation, happens: &Relation, coherence: &Relation) -> bool {
        let events = self.events;
        let sequenced = |event: usize| events[event].sequenced();
        let both = |relation: &Relation| Relation::of(events.len(), |a, b| sequenced(a) && sequenced(b) && relation.has(a, b));
        let strongly = program.clone().or(&both(synchronizes)).or(&program.then(happens).then(program)).closed();
        let begins = Relation::of(events.len(), |a, b| sequenced(a) && if events[a].fence { happens.has(a, b) } else { a == b });
        let ends = Relation::of(events.len(), |a, b| sequenced(b) && if events[b].fence { happens.has(a, b) } else { a == b });
        both(&strongly).or(&begins.then(coherence).then(&ends)).closed().irreflexive()
    }
}

fn permutations(of: &[usize]) -> Vec<Vec<usize>> {
    if of.is_empty() {
        return vec![Vec::new()];
    }
    let first = |index: usize| {
        let rest: Vec<usize> =
            of.iter().copied().enumerate().filter(|(other, _)| *other != index).map(|(_, event)| event).collect();
        permutations(&rest).into_iter().map(move |order| [of[index]].into_iter().chain(order).collect())
    };
    (0..of.len()).flat_map(first).collect()
}
