//! A workload whose threads never sleep while it runs, so that the time that they were on a core is known: the truth that
//! effective cores are held against.

use std::{
    fs, hint,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use lab::workload::{Axis, Setup, Spec, Workload, main as serve};

use super::busy::spin_until;

/// Where this is set, the runner is this workload: a workload takes no arguments by which it could be told.
pub const VARIABLE: &str = "RACECOURSE_SPINNING";

/// One run, as its threads see it.
#[derive(Clone)]
struct Run {
    /// It is over when every thread has been on a core after this time.
    end: Instant,
    /// Threads that have not. It orders nothing but itself.
    missing: Arc<AtomicUsize>,
    /// Whoever is the last says so here.
    over: Sender<()>,
    /// Set when the run is over and has been told of: until then nobody sleeps. It orders nothing but itself.
    stop: Arc<AtomicBool>,
}

/// Threads that wait for a run, compute until it is stopped, and answer with their nanoseconds on a core.
struct Spinning {
    threads: Vec<(Sender<Run>, Receiver<u64>)>,
    length: Duration,
    stop: Arc<AtomicBool>,
}

impl Workload for Spinning {
    type Input = ();
    type Output = ();

    fn spec() -> Spec {
        Spec {
            name: "spinning".into(),
            size_unit: "milliseconds".into(),
            cost_unit: None,
            axis: Axis::Threads,
            quick: 400,
            full: 400,
        }
    }

    fn prepare(setup: &Setup) -> Self {
        let threads = (0..setup.threads).map(|_| start()).collect();
        Self { threads, length: Duration::from_millis(setup.size), stop: Arc::default() }
    }

    fn input(&self) {}

    fn baseline(&self, (): ()) {
        self.submission(());
    }

    fn submission(&self, (): ()) {
        self.stop.store(false, Ordering::Relaxed);
        let missing = Arc::new(AtomicUsize::new(self.threads.len()));
        let (over, is_over) = mpsc::channel();
        let run = Run { end: Instant::now() + self.length, missing, over, stop: Arc::clone(&self.stop) };
        for (begin, _) in &self.threads {
            // A thread that is gone answers nothing either, and the time on a core is too short: it shows.
            let _gone = begin.send(run.clone());
        }
        drop(run);
        let _none_left = is_over.recv();
    }

    /// What comes out is a number already: the nanoseconds on a core, over all threads. They are asked for only now, when the
    /// end of the run has been told: a thread that had answered before would have slept while others were still in the queue.
    fn digest(&self, (): &()) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.iter().filter_map(|(_, answer)| answer.recv().ok()).sum()
    }
}

/// The thread outlives the run, and with it what the system says about it.
fn start() -> (Sender<Run>, Receiver<u64>) {
    let (begin, runs) = mpsc::channel::<Run>();
    let (answers, answer) = mpsc::channel();
    thread::spawn(move || {
        while let Ok(run) = runs.recv() {
            let before = on_a_core();
            spin_until(run.end);
            if run.missing.fetch_sub(1, Ordering::Relaxed) == 1 {
                // Nobody waits where the process is about to end.
                let _nobody = run.over.send(());
            }
            while !run.stop.load(Ordering::Relaxed) {
                hint::spin_loop();
            }
            // The account is brought up to date where a thread gives its core away.
            thread::yield_now();
            if answers.send(on_a_core().saturating_sub(before)).is_err() {
                return;
            }
        }
    });
    (begin, answer)
}

/// Nanoseconds that this thread has been on a core so far: the first field of `schedstat`.
fn on_a_core() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|field| field.parse().ok()).unwrap_or(0)
}

/// The `main` of this workload.
pub fn main() -> ExitCode {
    serve::<Spinning>()
}
