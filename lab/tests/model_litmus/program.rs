//! A litmus test's program: its notation, and its execution on `lab`'s types.
//!
//! Threads are separated by `||`, statements by `;`. What is read after the join comes after `>>`.
//!
//! | statement | |
//! | --- | --- |
//! | `x=1.rel` | store |
//! | `x.acq` | load |
//! | `x+1.rlx` | `fetch_add` |
//! | `x~2.ar` | `swap` |
//! | `x?0:1.ar.acq` | `compare_exchange` |
//! | `F.sc` | fence |
//! | `*d=1`, `*d` | plain access of a cell |
//! | `x.acq==1` | the thread ends here unless it has read 1 |
//!
//! Orderings are `rlx`, `acq`, `rel`, `ar` (`AcqRel`) and `sc`. Everything is 0 in the beginning. An outcome is a digit for
//! everything that is read, in the order in which it is written down, and `-` for what a thread did not get to.

use std::collections::BTreeSet;

use lab::{
    cell::UnsafeCell,
    model::{Class, Model, Pass},
    sync::{
        Arc,
        atomic::{
            AtomicUsize,
            Ordering::{self, AcqRel, Acquire, Relaxed, Release, SeqCst},
            fence,
        },
    },
    thread,
};

const VARIABLES: [&str; 3] = ["x", "y", "z"];

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Load,
    Store(usize),
    Swap(usize),
    Add(usize),
    Exchange(usize, usize),
    Fence,
    Read,
    Write,
}

impl Access {
    /// Whether an outcome has a digit for it.
    pub fn tells(self) -> bool {
        matches!(self, Self::Load | Self::Swap(_) | Self::Add(_) | Self::Exchange(..))
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Statement {
    /// An index into [`VARIABLES`].
    pub variable: usize,
    pub access: Access,
    pub ordering: Ordering,
    /// Of a compare-exchange that fails.
    pub failure: Ordering,
    /// The thread ends unless it has read this.
    pub only_if: Option<usize>,
}

#[derive(Debug, Clone)]
pub struct Program {
    pub threads: Vec<Vec<Statement>>,
    /// The variables that are read after the join.
    pub last: Vec<usize>,
}

/// What all passes together have shown.
pub struct Explored {
    pub reached: BTreeSet<String>,
    pub executions: u64,
}

fn ordering(text: &str) -> Ordering {
    match text {
        "rlx" => Relaxed,
        "acq" => Acquire,
        "rel" => Release,
        "ar" => AcqRel,
        "sc" => SeqCst,
        _ => panic!("no ordering: {text}"),
    }
}

fn variable(text: &str) -> usize {
    VARIABLES.iter().position(|name| *name == text).unwrap_or_else(|| panic!("no variable: {text}"))
}

fn digit(text: &str) -> usize {
    text.parse().unwrap_or_else(|_| panic!("no number: {text}"))
}

fn statement(text: &str) -> Statement {
    let (text, only_if) = match text.split_once("==") {
        Some((text, value)) => (text, Some(digit(value))),
        None => (text, None),
    };
    if let Some(cell) = text.strip_prefix("*d") {
        let access = if cell.is_empty() { Access::Read } else { Access::Write };
        return Statement { variable: 0, access, ordering: Relaxed, failure: Relaxed, only_if };
    }
    let mut parts = text.split('.');
    let action = parts.next().unwrap_or_default();
    let first = ordering(parts.next().unwrap_or_default());
    let failure = parts.next().map_or(first, ordering);
    let at = action.find(['=', '~', '+', '?']).unwrap_or(action.len());
    let (name, rest) = action.split_at(at);
    let access = match rest.split_at(usize::from(!rest.is_empty())) {
        ("", "") if name == "F" => Access::Fence,
        ("", "") => Access::Load,
        ("=", value) => Access::Store(digit(value)),
        ("~", value) => Access::Swap(digit(value)),
        ("+", value) => Access::Add(digit(value)),
        (_, values) => {
            let (from, to) = values.split_once(':').unwrap_or_else(|| panic!("no pair: {values}"));
            Access::Exchange(digit(from), digit(to))
        }
    };
    let variable = if access == Access::Fence { 0 } else { variable(name) };
    Statement { variable, access, ordering: first, failure, only_if }
}

impl Program {
    pub fn parse(text: &str) -> Self {
        let (threads, last) = text.split_once(">>").unwrap_or((text, ""));
        Self {
            threads: threads.split("||").map(|thread| thread.split(';').map(|text| statement(text.trim())).collect()).collect(),
            last: last.split_whitespace().map(variable).collect(),
        }
    }

    /// Whether it asks for data races: then its only outcome is `race` or `quiet`.
    pub fn races(&self) -> bool {
        self.threads.iter().flatten().any(|statement| matches!(statement.access, Access::Read | Access::Write))
    }

    /// Explores it in all passes.
    pub fn explore(&self, passes: &[Pass]) -> Explored {
        let reached = std::sync::Arc::new(std::sync::Mutex::new(BTreeSet::new()));
        let (shared, program) = (reached.clone(), self.clone());
        // The longest has a hundred thousand executions, and the machine may be busy.
        let report = Model::new().max_seconds(600.0).passes(passes).explore(move || {
            let outcome = program.execute();
            shared.lock().unwrap().insert(outcome);
        });
        let executions = report.passes.iter().map(|searched| searched.executions).sum();
        let mut reached = std::mem::take(&mut *reached.lock().unwrap());
        let race = report.failure.as_ref().is_some_and(|failure| failure.class == Class::DataRace);
        if let Some(failure) = report.failure.filter(|failure| !matches!(failure.class, Class::Vacuous | Class::DataRace)) {
            panic!("{}", failure.text(lab::finding::WIDTH));
        }
        if self.races() {
            reached = [if race { "race" } else { "quiet" }.to_owned()].into();
        }
        Explored { reached, executions }
    }

    fn execute(&self) -> String {
        let shared = Arc::new(Shared::new());
        let start = |statements: &Vec<Statement>| {
            let (shared, statements) = (shared.clone(), statements.clone());
            thread::spawn(move || shared.run(&statements))
        };
        let others: Vec<_> = self.threads[1..].iter().map(start).collect();
        let mut outcome = shared.run(&self.threads[0]);
        outcome.extend(others.into_iter().map(|other| other.join().unwrap()));
        outcome.extend(self.last.iter().map(|&variable| shared.variables[variable].load(Relaxed).to_string()));
        outcome
    }
}

/// What the threads share.
struct Shared {
    variables: [AtomicUsize; VARIABLES.len()],
    cell: UnsafeCell<usize>,
}

// SAFETY: what the model is about to find out.
unsafe impl Sync for Shared {}

impl Shared {
    fn new() -> Self {
        Self { variables: std::array::from_fn(|_| AtomicUsize::new(0)), cell: UnsafeCell::new(0) }
    }

    /// One thread, and its part of the outcome.
    fn run(&self, statements: &[Statement]) -> String {
        let mut told = String::new();
        let mut statements = statements.iter();
        for statement in statements.by_ref() {
            let read = self.step(statement);
            if statement.access.tells() {
                told.push_str(&read.to_string());
            }
            if statement.only_if.is_some_and(|value| value != read) {
                break;
            }
        }
        told.extend(statements.filter(|statement| statement.access.tells()).map(|_| '-'));
        told
    }

    fn step(&self, &Statement { variable, access, ordering, failure, .. }: &Statement) -> usize {
        let variable = &self.variables[variable];
        match access {
            Access::Load => variable.load(ordering),
            Access::Store(value) => {
                variable.store(value, ordering);
                0
            }
            Access::Swap(value) => variable.swap(value, ordering),
            Access::Add(value) => variable.fetch_add(value, ordering),
            Access::Exchange(from, to) => variable.compare_exchange(from, to, ordering, failure).unwrap_or_else(|value| value),
            Access::Fence => {
                fence(ordering);
                0
            }
            // SAFETY: the pointer is valid; a race fails the model before the access.
            Access::Read => self.cell.with(|cell| unsafe { *cell }),
            // SAFETY: as above.
            Access::Write => self.cell.with_mut(|cell| unsafe {
                *cell = 1;
                0
            }),
        }
    }
}
