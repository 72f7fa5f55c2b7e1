//! Whether what threads saw of an object could have been seen by one thread after the other.
//!
//! An object is *linearizable* (Herlihy and Wing, 1990) if every history of it can be explained by an order of its
//! operations in which each takes place at one moment between its call and its return. A test that only counts what came out
//! of a queue does not see a `pop` that says "empty" while something is there; a history does.
//!
//! ```
//! use std::collections::VecDeque;
//!
//! use lab::history::{History, Specification};
//!
//! /// What a queue does when one thread uses it.
//! #[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
//! struct Queue(VecDeque<u32>);
//!
//! #[derive(Debug, Clone)]
//! enum Operation {
//!     Push(u32),
//!     Pop,
//! }
//!
//! impl Specification for Queue {
//!     type Operation = Operation;
//!     type Outcome = Option<u32>;
//!
//!     fn apply(&mut self, operation: &Operation) -> Option<u32> {
//!         match operation {
//!             Operation::Push(value) => {
//!                 self.0.push_back(*value);
//!                 None
//!             }
//!             Operation::Pop => self.0.pop_front(),
//!         }
//!     }
//! }
//!
//! let queue = std::sync::Mutex::new(VecDeque::new());
//! let history = History::new(Queue::default());
//! std::thread::scope(|scope| {
//!     scope.spawn(|| {
//!         history.of(Operation::Push(1), || {
//!             queue.lock().unwrap().push_back(1);
//!             None
//!         })
//!     });
//!     scope.spawn(|| history.of(Operation::Pop, || queue.lock().unwrap().pop_front()));
//! });
//! history.assert_linearizable();
//! ```
//!
//! # What comes before what
//!
//! | where | an operation comes before another if |
//! | --- | --- |
//! | on real threads | it has returned before the other was called, by a lock that each call and each return takes for a moment |
//! | in a model | the same, in the execution that is explored: no step of another thread falls between an operation and its record |
//! | in a model's pass for weak memory | its return *happens before* the other's call, see below |
//!
//! The lock orders memory: on real threads a recorded operation sees all that came before it, so a history shows no ordering
//! that is too weak. That is the business of models. There, recording orders nothing, and hides no data race; but calls and
//! returns are steps that the search puts in every order, or it would take "one after the other" for "both at once" wherever
//! two operations touch nothing in common, and leave one of them out.
//!
//! Under weak memory a thread may rightly read what is no longer so, as long as nothing has told it. Neither C++20 nor Rust
//! knows a time that all threads share: what has returned "before" on another thread without a happens-before might as well
//! be running still. So there the order asked for is happens-before, and each thread's own.
//!
//! # What it costs
//!
//! The search (Wing and Gong, 1993) tries orders depth first, and never twice the same operations with the same object left
//! (Lowe, 2017). It is quick where few operations overlap at a time, which is what threads that take turns on a few cores
//! do; in the worst case it is exponential in the number of threads, so it [gives up](Verdict::TooLong) after a million
//! different ones.

mod search;
mod told;

use std::{
    fmt::Debug,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
    thread::ThreadId,
};

use self::search::{Found, Problem};
#[cfg(feature = "model")]
use crate::checked::history::Clock;

/// How many different states a search looks at before it gives up.
const STATES: usize = 1_000_000;

/// An object as one thread after the other sees it: the value is its state.
pub trait Specification: Debug + Clone + Eq + Hash {
    /// What can be asked of it.
    type Operation: Debug + Clone;
    /// What it answers: one type for all operations.
    type Outcome: Debug + Clone + PartialEq;

    /// Does `operation`, all at once, and says what comes of it.
    fn apply(&mut self, operation: &Self::Operation) -> Self::Outcome;
}

/// One operation of a history.
#[derive(Debug, Clone)]
pub struct Entry<S: Specification> {
    /// Who has called it: a number for each thread. In a model they are the model's, elsewhere in the order of first calls.
    pub thread: usize,
    /// What was called.
    pub operation: S::Operation,
    /// What it has returned; `None` if it has not, and then it may have taken place, or may not.
    pub outcome: Option<S::Outcome>,
    /// When it was called, in numbers of events.
    pub called: usize,
    /// When it has returned.
    pub returned: Option<usize>,
    /// In which row of operations it stands: each ends before the next of its row begins. A thread has one, and one more for each
    /// operation of which it has not waited for the return.
    lane: usize,
    /// How many operations of each lane come before it for certain.
    after: Vec<usize>,
}

/// What has been called and returned so far.
#[derive(Debug)]
struct Log<S: Specification> {
    /// How many calls and returns there were.
    events: usize,
    entries: Vec<Entry<S>>,
    lanes: Vec<Lane>,
    /// For each thread, the lanes of its operations in the order of their returns.
    returns: Vec<Vec<usize>>,
    /// The threads of the operating system, in the order of their first calls.
    threads: Vec<ThreadId>,
}

#[derive(Debug)]
struct Lane {
    thread: usize,
    /// An operation has not returned.
    open: bool,
}

/// Records what threads ask of an object and what they are told, and checks whether that can be explained.
///
/// In a model it is made inside the closure, before the threads are.
#[derive(Debug)]
pub struct History<S: Specification> {
    initial: S,
    log: Mutex<Log<S>>,
    /// What makes calls and returns steps of the model that it was made in.
    #[cfg(feature = "model")]
    clock: Option<Clock>,
}

/// What a check has found.
#[derive(Debug, Clone)]
pub enum Verdict<S: Specification> {
    /// There is an order that explains everything: these entries, one after the other. One that has not returned is among them
    /// only if it must have taken place.
    Linearizable(Vec<usize>),
    /// There is none.
    Unexplained(Unexplained<S>),
    /// The search was given up after so many states. Nothing is known.
    TooLong(usize),
}

/// The beginning of a history that no order explains, as short as can be: without its last return it could be explained.
///
/// `to_string` tells it in sentences and as a table, a column a thread.
#[derive(Debug, Clone)]
pub struct Unexplained<S: Specification> {
    /// What was called until then. What has returned later counts as running.
    pub entries: Vec<Entry<S>>,
    /// The entry that returned last, and should have returned something else.
    pub culprit: usize,
    /// What it could have returned instead: one for each way to explain all the others.
    pub instead: Vec<S::Outcome>,
    /// What comes before what is a matter of happens-before, and not of when it was.
    pub weak: bool,
}

impl<S: Specification> History<S> {
    /// An empty history of an object that begins as `initial`.
    pub fn new(initial: S) -> Self {
        let log = Log { events: 0, entries: Vec::new(), lanes: Vec::new(), returns: Vec::new(), threads: Vec::new() };
        Self {
            initial,
            log: Mutex::new(log),
            #[cfg(feature = "model")]
            clock: Clock::new(),
        }
    }

    /// Does `run`, which is `operation`, and records when that began, when it ended and what came of it.
    #[track_caller]
    pub fn of(&self, operation: S::Operation, run: impl FnOnce() -> S::Outcome) -> S::Outcome {
        let call = self.call(operation);
        let outcome = run();
        call.returns(outcome.clone());
        outcome
    }

    /// Records that this thread calls `operation` now. If the [`Call`] never [`returns`](Call::returns), the operation may take
    /// place at any later time, or never.
    ///
    /// # Panics
    /// In a model, if the history was made outside of it.
    #[track_caller]
    pub fn call(&self, operation: S::Operation) -> Call<'_, S> {
        #[cfg(feature = "model")]
        if let Some(clock) = &self.clock {
            let (thread, known) = clock.call(&format!("{operation:?}"));
            return self.begin(thread, operation, known.as_deref());
        }
        #[cfg(feature = "model")]
        assert!(!crate::model::engine::inside(), "make the history inside the model's closure, before the threads");
        let me = std::thread::current().id();
        let thread = self.log().number_of(me);
        self.begin(thread, operation, None)
    }

    /// Records that `operation` is called now by a thread of that number, for histories that come from elsewhere.
    pub fn call_as(&self, thread: usize, operation: S::Operation) -> Call<'_, S> {
        self.begin(thread, operation, None)
    }

    /// A call by `thread`, who knows of so many returns of each thread, or of all.
    fn begin(&self, thread: usize, operation: S::Operation, known: Option<&[usize]>) -> Call<'_, S> {
        let mut log = self.log();
        let lane = log.lane_of(thread);
        let after = log.after(thread, known);
        let called = log.tick();
        log.entries.push(Entry { thread, operation, outcome: None, called, returned: None, lane, after });
        Call { history: self, entry: log.entries.len() - 1 }
    }

    /// The operations in the order of their calls.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry<S>> {
        self.log().entries.clone()
    }

    /// Looks for an order that explains all that was recorded.
    #[must_use]
    pub fn check(&self) -> Verdict<S> {
        self.check_within(STATES)
    }

    /// The same, but gives up after so many states.
    #[must_use]
    pub fn check_within(&self, states: usize) -> Verdict<S> {
        let log = self.log();
        let until = |end| Problem::new(&self.initial, &log.entries, end, states);
        match until(log.events).order() {
            Found::Order(order) => Verdict::Linearizable(order),
            Found::Cut => Verdict::TooLong(states),
            Found::Nothing => {
                // A beginning of what can be explained can be explained, so the shortest that cannot is found by halves. One
                // that takes too long is taken for explained: what is found is at worst too long.
                let (mut explained, mut unexplained) = (0, log.events);
                while unexplained - explained > 1 {
                    let middle = explained.midpoint(unexplained);
                    if matches!(until(middle).order(), Found::Nothing) {
                        unexplained = middle;
                    } else {
                        explained = middle;
                    }
                }
                Verdict::Unexplained(self.unexplained(&log, unexplained, states))
            }
        }
    }

    fn unexplained(&self, log: &Log<S>, end: usize, states: usize) -> Unexplained<S> {
        let mut entries: Vec<Entry<S>> = log.entries.iter().filter(|entry| entry.called < end).cloned().collect();
        for entry in &mut entries {
            if entry.returned.is_some_and(|moment| moment >= end) {
                (entry.returned, entry.outcome) = (None, None);
            }
        }
        let culprit = entries.iter().position(|entry| entry.returned == Some(end - 1)).unwrap_or(entries.len() - 1);
        let instead = Problem::new(&self.initial, &entries, end, states).outcomes_of(culprit);
        Unexplained { entries, culprit, instead, weak: self.is_weak() }
    }

    /// Fails unless some order explains all that was recorded.
    ///
    /// # Panics
    /// If there is none; the message tells which operation cannot be explained, what it overlapped and what it should have
    /// returned. Also if the search for one was given up.
    #[track_caller]
    pub fn assert_linearizable(&self) {
        match self.check() {
            Verdict::Linearizable(_) => {}
            Verdict::Unexplained(unexplained) => panic!("{unexplained}"),
            Verdict::TooLong(states) => panic!(
                "the history is too long to be checked: after {states} states no order was found, and not all were tried. \
                 Record fewer operations, or fewer at a time"
            ),
        }
    }

    fn is_weak(&self) -> bool {
        #[cfg(feature = "model")]
        return self.clock.as_ref().is_some_and(Clock::is_weak);
        #[cfg(not(feature = "model"))]
        false
    }

    fn log(&self) -> MutexGuard<'_, Log<S>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Specification> Log<S> {
    fn tick(&mut self) -> usize {
        self.events += 1;
        self.events - 1
    }

    fn number_of(&mut self, thread: ThreadId) -> usize {
        self.threads.iter().position(|other| *other == thread).unwrap_or_else(|| {
            self.threads.push(thread);
            self.threads.len() - 1
        })
    }

    /// A lane of this thread in which nothing is running.
    fn lane_of(&mut self, thread: usize) -> usize {
        let lane = self.lanes.iter().position(|lane| lane.thread == thread && !lane.open).unwrap_or_else(|| {
            self.lanes.push(Lane { thread, open: false });
            self.lanes.len() - 1
        });
        self.lanes[lane].open = true;
        lane
    }

    /// How many operations of each lane come before one that `thread` calls now.
    fn after(&self, thread: usize, known: Option<&[usize]>) -> Vec<usize> {
        let mut after = vec![0; self.lanes.len()];
        for (other, returns) in self.returns.iter().enumerate() {
            let count = known.filter(|_| other != thread).map_or(returns.len(), |known| known[other]);
            returns[..count].iter().for_each(|lane| after[*lane] += 1);
        }
        after
    }
}

/// An operation that has been called, and has not returned yet.
#[derive(Debug)]
#[must_use = "an operation returns, or it may take place at any later time"]
pub struct Call<'a, S: Specification> {
    history: &'a History<S>,
    entry: usize,
}

impl<S: Specification> Call<'_, S> {
    /// Records that it returns now, and what.
    #[track_caller]
    pub fn returns(self, outcome: S::Outcome) {
        #[cfg(feature = "model")]
        if let Some(clock) = &self.history.clock {
            let operation = format!("{:?}", self.history.log().entries[self.entry].operation);
            clock.returns(&operation, &format!("{outcome:?}"));
        }
        let mut log = self.history.log();
        let now = log.tick();
        let entry = &mut log.entries[self.entry];
        (entry.outcome, entry.returned) = (Some(outcome), Some(now));
        let (thread, lane) = (entry.thread, entry.lane);
        log.lanes[lane].open = false;
        if log.returns.len() <= thread {
            log.returns.resize(thread + 1, Vec::new());
        }
        log.returns[thread].push(lane);
    }
}
