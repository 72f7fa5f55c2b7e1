//! What a steal costs on this machine: from a fork to the first instruction of its stolen closure.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::Pool;

/// How often a steal is waited for.
const ROUNDS: usize = 300;
/// Fewer steals than this say nothing.
const LEAST: usize = 30;
/// How long the forking worker works on its own before each fork.
const PAUSE: Duration = Duration::from_micros(200);
/// How long a steal is waited for; a busy machine may never give the thief a core.
const PATIENCE: Duration = Duration::from_millis(5);
/// All rounds together take no longer.
const LIMIT: Duration = Duration::from_secs(1);

/// What a steal costs where none can be seen: some ten microseconds, as on most machines whose thieves sleep.
pub const ASSUMED_NANOSECONDS: u64 = 10_000;

/// What a steal costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steal {
    /// The median of those seen, in nanoseconds; assumed where `seen` is 0.
    pub nanoseconds: u64,
    /// How many steals were seen.
    pub seen: usize,
}

/// Measures what a steal costs: the median over some hundred forks of the time from just before the fork to the first
/// instruction of its second closure on the other worker.
///
/// The thief may have gone to sleep: the forking worker works on its own for longer than rayon's workers look around before
/// they do. That is the state of a worker for which there was nothing to do so far, as there is at the forks that decide about
/// a speedup, the first ones and those after a serial stretch; a thief that is just awake is some times faster. A busy machine
/// makes it dearer, since the thief then waits for a core; the median forgives that to less than half of the rounds.
///
/// On one core, or where hardly any closure is stolen, nothing is measured and ten microseconds are assumed.
#[must_use]
pub fn steal() -> Steal {
    let mut seen = if thread::available_parallelism().is_ok_and(|cores| cores.get() > 1) { steals() } else { Vec::new() };
    if seen.len() < LEAST {
        return Steal { nanoseconds: ASSUMED_NANOSECONDS, seen: 0 };
    }
    seen.sort_unstable();
    Steal { nanoseconds: seen[seen.len() / 2], seen: seen.len() }
}

/// Nanoseconds of each steal that came.
fn steals() -> Vec<u64> {
    let pool = Pool::new(2);
    let began = Instant::now();
    let rounds = || (0..ROUNDS).take_while(|_| began.elapsed() < LIMIT).filter_map(|_| one_steal()).collect();
    pool.install(rounds)
}

/// Forks and waits for the thief; `None` where nobody came.
fn one_steal() -> Option<u64> {
    let started = AtomicBool::new(false);
    spin_until(PAUSE, || false);
    let forked = Instant::now();
    let first = |_: rayon::FnContext| spin_until(PATIENCE, || started.load(Ordering::Relaxed));
    let second = |context: rayon::FnContext| {
        let arrived = Instant::now();
        started.store(true, Ordering::Relaxed);
        context.migrated().then(|| arrived.duration_since(forked))
    };
    let ((), taken) = rayon::join_context(first, second);
    taken.map(|taken| u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX))
}

fn spin_until(most: Duration, stop: impl Fn() -> bool) {
    let began = Instant::now();
    while !stop() && began.elapsed() < most {
        std::hint::spin_loop();
    }
}
