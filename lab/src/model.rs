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
//! - A load never reads from a store that comes later (load buffering), and the stores of an atomic take effect in the order
//!   in which they are executed. So do most `SeqCst` operations, and a model with `fence(SeqCst)` takes each `SeqCst` access
//!   for one with a fence before it, and then for one with a fence after it. A read-modify-write reads the newest value even where it fails. An atomic remembers its last seven stores.
//!   `lab/src/model/README.md` says how this is known, and lists the outcomes that are missed.
//! - There is no time. A timed wait gives up in the pass for spurious wake-ups, the first time per thread and line, and in
//!   every pass when no other thread can run. In that case it knows all that the last thread to stop has done, and of several
//!   timed waits the oldest is over first.
//! - `park` never returns for no reason. A `Condvar` does so only after another thread has run a step: where that step is the
//!   notification itself, an `if` in the place of a `while` is not found, so give the notifier a step before it.
//! - A thread that is woken knows all that the one who has woken it has done, since loom has no other way to wake. Only for
//!   a `Condvar` is that more than `std` promises: there the pass for spurious wake-ups shows what relies on it.
//! - `fence(Acquire)` also acquires from stores that a thread has read whose doings this one knows already; C11 asks that it
//!   has read them itself.
//! - A destructor that panics while a panic unwinds aborts the process, as it aborts a program, and the tests after it.
//! - A poison is seen as soon as it is there: `is_poisoned` gives no stale answer.
//! - `std`'s `thread::panicking` is true of all threads of a model at once; ask `lab::thread::panicking`.

pub(crate) mod engine;
mod explain;
mod run;
pub(crate) mod step;

use std::time::Duration;

use self::run::Search;
pub use crate::finding::{Class, Failure, Kind, ObjectTold, Pass, Repair, Report, Searched, StepTold};

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
        crate::evidence::record_model(&report);
        if let Some(failure) = report.failure {
            // On a line of its own.
            panic!("\n{}", failure.text(crate::finding::WIDTH));
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
