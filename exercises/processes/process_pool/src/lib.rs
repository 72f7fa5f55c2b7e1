//! A pool of worker processes that loses no task when a worker dies, and commits none twice.
//!
//! Two sides of a pair of pipes: [`serve`] is the worker's, [`Pool`] the parent's. [`frame`] holds the messages between
//! them, ready to use.

pub mod frame;

use std::{fmt, io, process::Command};

/// The worker's side: answers requests from standard input on standard output until the input ends.
///
/// - Each request is answered once, under its own number, with what `handler` returned.
/// - A panic of `handler` is an error as well, whose text contains the panic's message; the worker lives on.
/// - What `handler` prints with `println!` must not get between the answers: [`lab::workload::take_standard_output`]
///   returns the real standard output and lets `println!` write to standard error from then on.
/// - Each run of `handler` is a span `task` with the arguments `task` and `attempt`: `lab::span!("task", task, attempt)`.
///
/// # Errors
/// If a pipe breaks or a request is none.
pub fn serve(handler: impl Fn(&[u8]) -> Result<Vec<u8>, String>) -> io::Result<()> {
    let _ = handler;
    // Read a request, run the handler, write the answer; `None` is the end.
    todo!("the worker's loop")
}

/// How a [`Pool`] works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Worker processes at a time; at least 1.
    pub workers: usize,
    /// How often a task is sent again after a worker died of it. 0: one attempt and no more.
    pub retries: u32,
}

/// What became of a task.
pub type Outcome = Result<Vec<u8>, TaskError>;

/// Why a task has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskError {
    /// The handler returned this error, or panicked with this message. The worker is well, and the task is not sent again.
    Remote(String),
    /// Every attempt ended with the end of its worker.
    GaveUp {
        /// How often the task was sent: `retries + 1`.
        attempts: u32,
        /// How the last worker ended, as its `ExitStatus` tells it (`signal: 9 (SIGKILL)`), or why none could be started.
        last: String,
    },
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(error) => write!(f, "the task failed in its worker: {error}"),
            Self::GaveUp { attempts, last } => write!(f, "given up after {attempts} attempts: {last}"),
        }
    }
}

impl std::error::Error for TaskError {}

/// Worker processes that run tasks.
///
/// Workers are started when there is work for them, kept from one run to the next, and replaced when they die. Dropping the
/// pool closes their standard input, by which they end, and waits for each of them.
pub struct Pool {
    // What does a pool know of a worker that lives? Of one that is not there?
}

impl Pool {
    /// A pool whose workers are started by the command that `worker` makes; the pool sets its standard input and output.
    /// The command runs a program that calls [`serve`].
    ///
    /// # Panics
    /// If `options.workers` is 0.
    pub fn new(worker: impl Fn() -> Command + Send + Sync + 'static, options: Options) -> Self {
        let _ = (worker, options);
        todo!("keep what it takes to start workers")
    }

    /// Runs all tasks, each worker one at a time, and calls `commit` with the index and the outcome of each, once, as soon as
    /// it is known and on the thread that called `run`.
    ///
    /// A worker that dies is waited for and replaced, and its task is sent again. The numbers in the requests are never used
    /// twice in the life of a pool, and an answer with another number than the one expected is a late one and is dropped.
    ///
    /// Spans: `dispatch` around each attempt, with the arguments `task`, `attempt` and `worker`, the pid; `reap` around the
    /// wait for a dead worker, with the argument `reaped`, the pid; `commit` around each call of `commit`, with the argument
    /// `task`. `task` is the number in the request.
    pub fn run(&mut self, tasks: &[Vec<u8>], commit: impl FnMut(usize, Outcome)) {
        let _ = (tasks, commit);
        // Who takes a task? Who reads its answer? Who knows that its worker died, and what happens to the task then?
        todo!("send the tasks, collect the answers")
    }

    /// Runs all tasks and returns their outcomes in the order of the tasks.
    ///
    /// # Panics
    /// If [`run`](Self::run) commits a task twice or never.
    pub fn map(&mut self, tasks: &[Vec<u8>]) -> Vec<Outcome> {
        let mut outcomes: Vec<Option<Outcome>> = tasks.iter().map(|_| None).collect();
        self.run(tasks, |index, outcome| {
            let before = outcomes[index].replace(outcome);
            assert!(before.is_none(), "task {index} was committed twice");
        });
        let committed = |(index, outcome): (usize, Option<Outcome>)| {
            outcome.unwrap_or_else(|| panic!("task {index} was never committed: it is lost"))
        };
        outcomes.into_iter().enumerate().map(committed).collect()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Which order lets all workers end at the same time?
        // A child that nobody waits for stays in the process table as a zombie.
    }
}
