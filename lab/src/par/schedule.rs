//! How long a graph takes on so many processors: a simulated work-stealing scheduler.
//!
//! A processor goes on with the first closure of a fork and leaves the second one to be stolen; after a spawn it goes on with
//! the parent and leaves the job. Who has nothing to do steals the oldest thing that anybody has left, and pays the burden
//! before it begins. Who takes back what he left himself pays nothing. At a join, and at the end of a scope, the last to
//! arrive goes on and the others look for something else (R. Blumofe and C. Leiserson, *Scheduling multithreaded
//! computations by work stealing*, JACM 1999).
//!
//! No processor is idle while something is left to take, so without a burden the schedule is greedy, and
//! `T_P <= T_1 / P + (1 - 1 / P) T_inf` holds (R. Graham 1966, R. Brent 1974). A real scheduler chooses its victims at random
//! and steals less well, and in rayon only the owner of a join goes on behind it, which may be busy with something stolen.
//! Memory and its bandwidth are not in the model at all. All numbers are whole, and the same graph gives the same answer
//! everywhere.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap, VecDeque},
};

use serde::{Deserialize, Serialize};

use super::graph::{Graph, Step};

/// The numbers of processors that a schedule is made for, unless others are asked for.
pub const PROCESSORS: [usize; 12] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];

/// How long a computation takes on so many processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheduled {
    /// Processors.
    pub processors: usize,
    /// From the first unit to the last, in the workload's cost units.
    pub units: u64,
}

impl Graph {
    /// Simulates the computation on each of these numbers of processors (at least 1), where a steal costs `burden` units.
    ///
    /// Takes about a tenth of a microsecond for each strand and number.
    #[must_use]
    pub fn schedule(&self, processors: &[usize], burden: u64) -> Vec<Scheduled> {
        let plan = Plan::new(self);
        let units = |processors| Machine::new(&plan, processors, burden).run();
        processors.iter().map(|&processors| Scheduled { processors, units: units(processors.max(1)) }).collect()
    }
}

/// A graph with its brackets matched.
struct Plan<'a> {
    words: &'a [u64],
    /// For each bracket its partner: of `Fork` its `Other`, of `Other` its `Join` and the other way round, of `Spawn` its
    /// `SpawnEnd`, of `SpawnEnd` the `ScopeEnd` that waits for it, or the end of the graph.
    partner: Vec<usize>,
}

impl<'a> Plan<'a> {
    fn new(graph: &'a Graph) -> Self {
        let mut partner = vec![0; graph.words().len() + 1];
        let mut open: Vec<usize> = Vec::new();
        // For each open scope, the ends of its jobs.
        let mut scopes: Vec<Vec<usize>> = vec![Vec::new()];
        for (place, step) in graph.steps().chain([Step::ScopeEnd]).enumerate() {
            match step {
                Step::Fork | Step::Spawn => open.push(place),
                Step::Other => {
                    if let Some(fork) = open.last_mut() {
                        partner[*fork] = place;
                        *fork = place;
                    }
                }
                Step::Join => {
                    if let Some(other) = open.pop() {
                        (partner[other], partner[place]) = (place, other);
                    }
                }
                Step::SpawnEnd(scope) => {
                    if let Some(spawn) = open.pop() {
                        partner[spawn] = place;
                    }
                    let last = scopes.len() - 1;
                    scopes[scope.min(last)].push(place);
                }
                Step::Scope => scopes.push(Vec::new()),
                Step::ScopeEnd => {
                    for job in scopes.pop().unwrap_or_default() {
                        partner[job] = place;
                    }
                }
                Step::Strand(_) | Step::Enter(_) | Step::Exit | Step::Part(_) => {}
            }
        }
        Self { words: graph.words(), partner }
    }

    fn len(&self) -> usize {
        self.partner.len()
    }

    /// Behind the last word stands a bracket for the whole computation, which waits for jobs that no scope of it waits for.
    fn step(&self, place: usize) -> Step {
        self.words.get(place).map_or(Step::ScopeEnd, |word| Step::of(*word))
    }
}

/// What has been left to be taken: where it begins, and a number that grows with time.
#[derive(Debug, Clone, Copy)]
struct Left {
    place: usize,
    age: u64,
}

/// The processors at work on a plan.
struct Machine<'a> {
    plan: &'a Plan<'a>,
    burden: u64,
    /// What each processor has left, the oldest first.
    left: Vec<VecDeque<Left>>,
    /// How much was left so far.
    ages: u64,
    /// Who looks for something to do.
    idle: BTreeSet<usize>,
    /// Who goes on when, and where.
    events: BinaryHeap<Reverse<(u64, usize, usize)>>,
    /// At each `Other`: whether it was stolen, and whether one side has arrived. At each `ScopeEnd`: jobs that have not ended,
    /// and one for the body.
    waiting: Vec<u32>,
}

/// At an `Other`: both sides have still to arrive, each in its processor's time.
const STOLEN: u32 = 2;

impl<'a> Machine<'a> {
    fn new(plan: &'a Plan<'a>, processors: usize, burden: u64) -> Self {
        let mut waiting = vec![0; plan.len()];
        for place in 0..plan.len() {
            match plan.step(place) {
                Step::SpawnEnd(_) => waiting[plan.partner[place]] += 1,
                Step::ScopeEnd => waiting[place] += 1,
                _ => {}
            }
        }
        Self {
            plan,
            burden,
            left: vec![VecDeque::new(); processors],
            ages: 0,
            idle: (1..processors).collect(),
            events: BinaryHeap::from([Reverse((0, 0, 0))]),
            waiting,
        }
    }

    /// The time at which the computation ends.
    fn run(mut self) -> u64 {
        let mut end = 0;
        while let Some(Reverse((now, processor, place))) = self.events.pop() {
            end = end.max(self.work(processor, place, now));
        }
        end
    }

    /// Lets a processor work from a place on until somebody else's turn comes or it has nothing to do; until when it worked.
    fn work(&mut self, processor: usize, mut place: usize, mut now: u64) -> u64 {
        loop {
            let next = match self.plan.step(place) {
                Step::Strand(units) => {
                    now = now.saturating_add(units);
                    let first = self.events.peek().is_none_or(|Reverse(next)| (now, processor) < (next.0, next.1));
                    if !first {
                        self.events.push(Reverse((now, processor, place + 1)));
                        return now;
                    }
                    Some(place + 1)
                }
                Step::Fork => {
                    self.leave(processor, self.plan.partner[place], now);
                    Some(place + 1)
                }
                Step::Spawn => {
                    self.leave(processor, place, now);
                    Some(self.plan.partner[place] + 1)
                }
                Step::Other => self.take_back(processor, place).or_else(|| self.arrive(place, self.plan.partner[place])),
                Step::Join => match self.waiting[self.plan.partner[place]] {
                    0 => Some(place + 1),
                    _ => self.arrive(self.plan.partner[place], place),
                },
                Step::SpawnEnd(_) => self.arrive(self.plan.partner[place], self.plan.partner[place]),
                Step::ScopeEnd => self.arrive(place, place),
                Step::Scope | Step::Enter(_) | Step::Exit | Step::Part(_) => Some(place + 1),
            };
            match next.or_else(|| self.take_own(processor)) {
                Some(next) if next < self.plan.len() => place = next,
                Some(_) => return now,
                None => {
                    self.steal(processor, now);
                    return now;
                }
            }
        }
    }

    /// One of those who meet at `place` is there: the last one goes on behind `then`.
    fn arrive(&mut self, place: usize, then: usize) -> Option<usize> {
        self.waiting[place] -= 1;
        (self.waiting[place] == 0).then_some(then + 1)
    }

    /// Leaves something to be taken: whoever is idle takes it at once.
    fn leave(&mut self, processor: usize, place: usize, now: u64) {
        match self.idle.pop_first() {
            Some(thief) => self.begin_stolen(thief, place, now),
            None => {
                self.left[processor].push_back(Left { place, age: self.ages });
                self.ages += 1;
            }
        }
    }

    /// The second closure of its fork, where nobody has stolen it.
    fn take_back(&mut self, processor: usize, other: usize) -> Option<usize> {
        if self.waiting[other] != 0 {
            return None;
        }
        // The newest but for jobs that the first closure spawned.
        let at = self.left[processor].iter().rposition(|left| left.place == other)?;
        self.left[processor].remove(at);
        Some(other + 1)
    }

    /// The newest of what it has left itself.
    fn take_own(&mut self, processor: usize) -> Option<usize> {
        let Left { place, .. } = self.left[processor].pop_back()?;
        self.mark_taken(place);
        Some(place + 1)
    }

    /// The oldest of what anybody has left; idle where there is nothing.
    fn steal(&mut self, thief: usize, now: u64) {
        let oldest = self.left.iter_mut().filter(|left| !left.is_empty()).min_by_key(|left| left[0].age);
        match oldest.and_then(VecDeque::pop_front) {
            Some(Left { place, .. }) => self.begin_stolen(thief, place, now),
            None => {
                self.idle.insert(thief);
            }
        }
    }

    fn begin_stolen(&mut self, thief: usize, place: usize, now: u64) {
        self.mark_taken(place);
        self.events.push(Reverse((now.saturating_add(self.burden), thief, place + 1)));
    }

    /// The second closure of a fork is now on its own: whoever comes to the join last goes on there.
    fn mark_taken(&mut self, place: usize) {
        if self.plan.step(place) == Step::Other {
            self.waiting[place] = STOLEN;
        }
    }
}
