//! A pool of worker processes that loses no task when a worker dies, and commits none twice.
//!
//! Two sides of a pair of pipes: [`serve`] is the worker's, [`Pool`] the parent's. [`frame`] holds the messages between
//! them, ready to use.

pub mod frame;

use std::{
    any::Any,
    fmt,
    io::{self, BufReader, ErrorKind},
    panic::{AssertUnwindSafe, catch_unwind},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Mutex, PoisonError, mpsc},
    thread,
};

use frame::{Answer, Request};

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
    let mut answers = lab::workload::take_standard_output()?;
    let mut requests = BufReader::new(io::stdin().lock());
    while let Some(Request { task, attempt, payload }) = Request::read(&mut requests)? {
        let result = {
            let _span = lab::span!("task", task, attempt);
            // The handler is given nothing that it could leave half changed: each request is new.
            catch_unwind(AssertUnwindSafe(|| handler(&payload)))
                .unwrap_or_else(|panic| Err(format!("the handler panicked: {}", message_of(&*panic))))
        };
        Answer { task, result }.write(&mut answers)?;
    }
    Ok(())
}

/// `panic!("..")` carries a `&str`, and a `String` where it formats.
fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
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
    places: Vec<Place>,
    /// How workers are started, and how often a task may be sent again.
    plan: Plan,
    /// The number of the next run's first task.
    next: u64,
}

struct Plan {
    start: Box<dyn Fn() -> Command + Send + Sync>,
    retries: u32,
}

/// Where a worker works, or will: at most one process at a time.
#[derive(Default)]
struct Place(Option<Worker>);

struct Worker {
    /// Holds the worker's standard input too: `Child::wait` closes it first.
    process: Child,
    answers: BufReader<ChildStdout>,
}

impl Pool {
    /// A pool whose workers are started by the command that `worker` makes; the pool sets its standard input and output.
    /// The command runs a program that calls [`serve`].
    ///
    /// # Panics
    /// If `options.workers` is 0.
    pub fn new(worker: impl Fn() -> Command + Send + Sync + 'static, options: Options) -> Self {
        assert!(options.workers > 0, "a pool without workers does no work");
        let places = (0..options.workers).map(|_| Place::default()).collect();
        Self { places, plan: Plan { start: Box::new(worker), retries: options.retries }, next: 0 }
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
    pub fn run(&mut self, tasks: &[Vec<u8>], mut commit: impl FnMut(usize, Outcome)) {
        let first = self.next;
        self.next += tasks.len() as u64;
        // Who takes a task keeps it until its outcome is known, whatever becomes of the worker meanwhile. So no task can be
        // lost between two owners, and none can be committed by two.
        let queue = Mutex::new(tasks.iter().enumerate());
        let (send, outcomes) = mpsc::channel();
        thread::scope(|scope| {
            // No more processes than there are tasks.
            for (number, place) in self.places.iter_mut().enumerate().take(tasks.len()) {
                let (queue, plan, send) = (&queue, &self.plan, send.clone());
                let serve_place = move || {
                    loop {
                        // A statement of its own: in the head of a `while let` the guard would live as long as the body.
                        let taken = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                        let Some((index, task)) = taken else { break };
                        let outcome = place.complete(plan, first + index as u64, task);
                        if send.send((index, outcome)).is_err() {
                            // `commit` panicked: nobody waits for the rest.
                            break;
                        }
                    }
                };
                let named = thread::Builder::new().name(format!("worker-{number}"));
                named.spawn_scoped(scope, serve_place).expect("a thread can be started");
            }
            // The channel ends when the last place is done, for which this sender must be gone too.
            drop(send);
            for (index, outcome) in outcomes {
                let _span = lab::span!("commit", task = first + index as u64);
                commit(index, outcome);
            }
        });
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
        // First tell all, then wait for each: they end side by side.
        for worker in self.places.iter_mut().filter_map(|place| place.0.as_mut()) {
            drop(worker.process.stdin.take());
        }
        for worker in self.places.iter_mut().filter_map(|place| place.0.as_mut()) {
            // It fails only where the child was waited for already.
            let _ = worker.process.wait();
        }
    }
}

impl Place {
    /// Sends one task until there is an answer, or its attempts are used up.
    fn complete(&mut self, plan: &Plan, task: u64, payload: &[u8]) -> Outcome {
        let mut last = String::new();
        for attempt in 1..=plan.retries + 1 {
            match self.attempt(plan, task, attempt, payload) {
                Ok(result) => return result.map_err(TaskError::Remote),
                Err(error) => last = self.bury(&error),
            }
        }
        Err(TaskError::GaveUp { attempts: plan.retries + 1, last })
    }

    /// Sends one task once. An error means that the worker is of no use any more.
    fn attempt(&mut self, plan: &Plan, task: u64, attempt: u32, payload: &[u8]) -> io::Result<Result<Vec<u8>, String>> {
        let worker = match &mut self.0 {
            Some(worker) => worker,
            none => none.insert(Worker::start(&plan.start)?),
        };
        let _span = lab::span!("dispatch", waits = true, task, attempt, worker = worker.process.id());
        let requests = worker.process.stdin.as_mut().ok_or(ErrorKind::BrokenPipe)?;
        // This blocks while the pipe is full. The worker has no other task, so it reads.
        Request { task, attempt, payload: payload.to_vec() }.write(requests)?;
        loop {
            let answer = Answer::read(&mut worker.answers)?.ok_or(ErrorKind::UnexpectedEof)?;
            // Another number is a late answer to an earlier task.
            if answer.task == task {
                return Ok(answer.result);
            }
        }
    }

    /// Ends and reaps a worker with which something is wrong; returns how it ended.
    fn bury(&mut self, error: &io::Error) -> String {
        let Some(mut worker) = self.0.take() else { return format!("no worker could be started: {error}") };
        let _span = lab::span!("reap", reaped = worker.process.id());
        // Mostly it is dead, and this changes nothing. It may also live and talk nonsense.
        let _ = worker.process.kill();
        match worker.process.wait() {
            Ok(status) => format!("the worker ended ({status}): {error}"),
            Err(unknown) => format!("the worker ended, nobody knows how ({unknown}): {error}"),
        }
    }
}

impl Worker {
    fn start(start: impl Fn() -> Command) -> io::Result<Self> {
        let mut process = start().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let answers = process.stdout.take().ok_or(ErrorKind::BrokenPipe)?;
        Ok(Self { process, answers: BufReader::new(answers) })
    }
}
