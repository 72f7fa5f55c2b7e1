//! A workload whose threads never sleep while it runs, so that the time that they were on a core is known: the truth that
//! effective cores are held against.

use std::{
    fs, hint,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use lab::workload::{Axis, Setup, Spec, Workload, main as serve};

use super::busy::spin_until;

/// Where this is set, the runner is this workload: a workload takes no arguments by which it could be told.
pub const VARIABLE: &str = "RACECOURSE_SPINNING";

/// When a run ends: all threads are past this time. Whoever is there first computes on until the last has been on a core.
#[derive(Clone)]
struct End {
    time: Instant,
    /// Threads that are not there yet. It orders nothing but itself.
    missing: Arc<AtomicUsize>,
}

/// Threads that wait for the end of a run to be named, compute until then, and answer with their nanoseconds on a core.
struct Spinning {
    threads: Vec<(Sender<End>, Receiver<u64>)>,
    length: Duration,
}

impl Workload for Spinning {
    type Input = ();
    type Output = u64;

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
        Self { threads: (0..setup.threads).map(|_| start()).collect(), length: Duration::from_millis(setup.size) }
    }

    fn input(&self) {}

    fn baseline(&self, (): ()) -> u64 {
        0
    }

    fn submission(&self, (): ()) -> u64 {
        let missing = Arc::new(AtomicUsize::new(self.threads.len()));
        let end = End { time: Instant::now() + self.length, missing };
        for (begin, _) in &self.threads {
            // A thread that is gone answers nothing either, and the time on a core is too short: it shows.
            let _gone = begin.send(end.clone());
        }
        self.threads.iter().filter_map(|(_, answer)| answer.recv().ok()).sum()
    }

    /// What came out is a number already: the nanoseconds on a core, over all threads.
    fn digest(&self, nanoseconds: &u64) -> u64 {
        *nanoseconds
    }
}

/// The thread outlives the run, and with it what the system says about it.
fn start() -> (Sender<End>, Receiver<u64>) {
    let (begin, ends) = mpsc::channel::<End>();
    let (answers, answer) = mpsc::channel();
    thread::spawn(move || {
        while let Ok(end) = ends.recv() {
            let before = on_a_core();
            spin_until(end.time);
            end.missing.fetch_sub(1, Ordering::Relaxed);
            while end.missing.load(Ordering::Relaxed) > 0 {
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
