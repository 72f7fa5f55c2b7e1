//! Explore every interleaving of a small program, and every stale value that its orderings allow.
//!
//! ```
//! use lab::{
//!     model,
//!     sync::{
//!         Arc,
//!         atomic::{AtomicUsize, Ordering::Relaxed},
//!     },
//!     thread,
//! };
//!
//! model::Model::new().must_reach(&["other first", "main first"]).check(|| {
//!     let count = Arc::new(AtomicUsize::new(0));
//!     let other = thread::spawn({
//!         let count = count.clone();
//!         move || count.fetch_add(1, Relaxed)
//!     });
//!     count.fetch_add(1, Relaxed);
//!     model::reach(if other.join().unwrap() == 0 { "other first" } else { "main first" });
//!     assert_eq!(count.load(Relaxed), 2);
//! });
//! ```
//!
//! # Passes
//!
//! Every model is searched more than once, see [`Pass`]. A bug that the first pass shows is an *interleaving* bug: some
//! order of the steps is wrong. A bug that only weak memory shows is a *memory-ordering* bug: the order of the steps is
//! right, and a thread still sees something stale. A data race is sorted by asking again with all orderings at their
//! strongest.
//!
//! # A pass that means something
//!
//! A model fails, too, if it has explored fewer than two executions, if no two threads have used one object, if an outcome
//! that it [must reach](Model::must_reach) never came up, and if a [limit](Model::max_seconds) cut the search: then nothing
//! is proven.
//!
//! # What a model must be
//!
//! Deterministic but for its threads; at most five of these, main included; everything shared made inside the closure, of
//! `lab`'s types, and shared through `std`'s `Arc`, whose counting is invisible here: join the threads before dropping what
//! they share. Only `lab`'s types are seen: `std`'s locks hang the search, and `std`'s atomics hide bugs from it.
//!
//! # Known limits
//!
//! A load never reads from a store that comes later (load buffering), and the stores of an atomic take effect in the order
//! in which they are executed. So do most `SeqCst` operations, and a model with `fence(SeqCst)` takes each `SeqCst` access
//! for a fence. A read-modify-write reads the newest value even where it fails. An `Acquire` fence synchronizes with what
//! other threads before it have read. An atomic remembers its last seven stores; there is no time; waking a parked thread
//! or a waiter orders memory. `lab/src/model/README.md` says how this is known, and lists the outcomes that are missed.

pub(crate) mod engine;
mod explain;
mod run;
pub(crate) mod step;

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use self::run::Search;

/// Checks `model` with the defaults of [`Model::new`].
///
/// # Panics
/// If the model fails; the message explains the failing execution.
#[track_caller]
pub fn model(model: impl Fn() + Send + Sync + 'static) {
    Model::new().check(model);
}

/// Notes that this execution has reached an outcome, see [`Model::must_reach`].
///
/// # Panics
/// Outside a model.
pub fn reach(outcome: &str) {
    engine::reach(outcome);
}

/// One search through a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Pass {
    /// Every load reads the newest value: all interleavings, as if memory were sequentially consistent.
    #[serde(rename = "interleavings")]
    Interleavings,
    /// Loads may read stale values, as far as the orderings allow. Left out if the model makes no plain load.
    #[serde(rename = "weak memory")]
    WeakMemory,
    /// `compare_exchange_weak` fails and `Condvar` wakes for no reason, the first time per thread and line. Left out if the
    /// model uses neither.
    #[serde(rename = "spurious")]
    Spurious,
}

impl Pass {
    /// How it is called in messages and in the evidence.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Interleavings => "interleavings",
            Self::WeakMemory => "weak memory",
            Self::Spurious => "spurious",
        }
    }
}

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Class {
    /// Two accesses to one cell that nothing orders.
    #[serde(rename = "data race")]
    DataRace,
    /// No thread can go on.
    #[serde(rename = "deadlock")]
    Deadlock,
    /// A panic of the model's code.
    #[serde(rename = "assertion")]
    Assertion,
    /// Something was never freed.
    #[serde(rename = "leak")]
    Leak,
    /// An execution that does not end.
    #[serde(rename = "livelock")]
    Livelock,
    /// The search explored nothing that could go wrong.
    #[serde(rename = "vacuous model")]
    Vacuous,
    /// An outcome that must be reachable never came up.
    #[serde(rename = "unreached outcome")]
    Unreached,
    /// A hard limit ended the search.
    #[serde(rename = "cut search")]
    Cut,
    /// The model is not one that can be explored.
    #[serde(rename = "unfit model")]
    Unfit,
}

impl Class {
    /// How it is called in messages and in the evidence.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DataRace => "data race",
            Self::Deadlock => "deadlock",
            Self::Assertion => "assertion",
            Self::Leak => "leak",
            Self::Livelock => "livelock",
            Self::Vacuous => "vacuous model",
            Self::Unreached => "unreached outcome",
            Self::Cut => "cut search",
            Self::Unfit => "unfit model",
        }
    }
}

/// What the bug is a matter of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Kind {
    /// The order of the steps.
    #[serde(rename = "interleaving")]
    Interleaving,
    /// The orderings of the atomic operations.
    #[serde(rename = "memory-ordering")]
    MemoryOrdering,
    /// An operation that failed or woke for no reason, as it may.
    #[serde(rename = "spurious")]
    Spurious,
}

impl Kind {
    /// How it is called in messages and in the evidence.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Interleaving => "interleaving",
            Self::MemoryOrdering => "memory-ordering",
            Self::Spurious => "spurious",
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Of the test.
    pub name: String,
    /// `pass` or `fail`.
    pub verdict: &'static str,
    /// The searches, in order.
    pub passes: Vec<Searched>,
    /// How often one thread may be interrupted; `None` if as often as it likes.
    pub preemption_bound: Option<usize>,
    /// Not everything was explored: a limit ended the search, or the preemption bound may have left something out.
    pub cut: bool,
    /// In how many executions each outcome was reached.
    pub reached: BTreeMap<String, u64>,
    /// Why it failed.
    pub failure: Option<Failure>,
}

/// One search that was made.
#[derive(Debug, Clone, Serialize)]
pub struct Searched {
    /// Which.
    pub name: Pass,
    /// How many executions it explored.
    pub executions: u64,
    /// How long it took.
    pub seconds: f64,
}

/// Why a model failed.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// What happened.
    pub class: Class,
    /// What it is a matter of, where that can be said.
    pub kind: Option<Kind>,
    /// In which search.
    pub pass: Option<Pass>,
    /// In which execution of that search, from 1.
    pub execution: u64,
    /// What happened, in words, without the steps.
    pub message: String,
    /// The failing execution.
    pub steps: Vec<StepTold>,
    /// What the check says: the message and a table of the steps.
    #[serde(skip)]
    pub text: String,
}

/// One step of a failing execution.
#[derive(Debug, Clone, Serialize)]
pub struct StepTold {
    /// From 1.
    pub step: usize,
    /// Main is 0.
    pub thread: usize,
    /// `AtomicUsize#1`; empty for what is no object's.
    pub object: String,
    /// `load`
    pub operation: String,
    /// What it was called with, without orderings.
    pub arguments: Vec<String>,
    /// `Acquire`; two for a compare-exchange.
    pub orderings: Vec<String>,
    /// What it gave; empty if nothing, or if it has not finished.
    pub value: String,
    /// False if the thread still stands here.
    pub finished: bool,
    /// Why this step matters; mostly empty.
    pub note: String,
    /// Where, as the compiler names the file.
    pub file: String,
    /// Where.
    pub line: u32,
}

/// How a model is checked.
#[derive(Debug, Clone)]
#[must_use]
pub struct Model {
    preemptions: Option<usize>,
    must_reach: Vec<String>,
    passes: Vec<Pass>,
    executions: u64,
    duration: Duration,
    steps: usize,
    recorded: bool,
}

impl Default for Model {
    fn default() -> Self {
        Self::new()
    }
}

impl Model {
    /// All passes, no preemption bound, at most 45 seconds.
    pub fn new() -> Self {
        Self {
            preemptions: None,
            must_reach: Vec::new(),
            passes: vec![Pass::Interleavings, Pass::WeakMemory, Pass::Spurious],
            executions: u64::MAX,
            duration: Duration::from_secs(45),
            steps: 5_000,
            recorded: true,
        }
    }

    /// Explores only executions in which threads are interrupted at most `bound` times. Most bugs need one or two; the
    /// result says that it is bounded.
    pub fn preemptions(mut self, bound: usize) -> Self {
        self.preemptions = Some(bound.min(u8::MAX.into()));
        self
    }

    /// Outcomes that must come up: each is [`reach`]ed in at least one execution, or the model fails.
    pub fn must_reach(mut self, outcomes: &[&str]) -> Self {
        self.must_reach.extend(outcomes.iter().map(|outcome| (*outcome).to_owned()));
        self
    }

    /// Makes only these passes.
    pub fn passes(mut self, passes: &[Pass]) -> Self {
        self.passes = passes.to_vec();
        self
    }

    /// Gives up after so many executions of one pass. To give up is to fail.
    pub fn max_executions(mut self, executions: u64) -> Self {
        self.executions = executions;
        self
    }

    /// Gives up after so many seconds. To give up is to fail.
    ///
    /// # Panics
    /// If `seconds` is negative or not finite.
    pub fn max_seconds(mut self, seconds: f64) -> Self {
        self.duration = Duration::from_secs_f64(seconds);
        self
    }

    /// Calls an execution of more than about so many operations a livelock.
    pub fn max_steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }

    /// Records no steps, so that a failure is not explained: for `examples/recorder.rs`, which measures what recording costs.
    #[doc(hidden)]
    pub fn unrecorded(mut self) -> Self {
        self.recorded = false;
        self
    }

    /// Checks `model` and tells the runner what was found.
    ///
    /// # Panics
    /// If the model fails; the message explains the failing execution.
    #[track_caller]
    pub fn check(&self, model: impl Fn() + Send + Sync + 'static) {
        let report = self.explore(model);
        crate::evidence::record("model", &report);
        if let Some(failure) = report.failure {
            // On a line of its own.
            panic!("\n{}", failure.text);
        }
    }

    /// Checks `model` and returns what was found, told to nobody.
    #[must_use]
    pub fn explore<F: Fn() + Send + Sync + 'static>(&self, model: F) -> Report {
        Search::new(self, name_of::<F>(), Box::new(model)).run()
    }
}

/// The test that checks a model: its thread is named for it, but where tests run one at a time; then the closure's type is.
fn name_of<F>() -> String {
    match std::thread::current().name() {
        Some(name) if name != "main" => name.to_owned(),
        _ => {
            let path = std::any::type_name::<F>();
            path.split("::").filter(|part| !part.starts_with('{')).last().unwrap_or(path).to_owned()
        }
    }
}
