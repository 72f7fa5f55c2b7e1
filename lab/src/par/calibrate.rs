//! What a steal costs on this machine: from a fork to the first instruction of its stolen closure.

use std::{
    cell::Cell,
    fs,
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
/// Whoever waited so long for a core during a round was kept from it by something else, and the round says nothing.
const WAITED: Duration = Duration::from_micros(100);
/// All rounds together take no longer.
const LIMIT: Duration = Duration::from_secs(2);

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
/// a speedup, the first ones and those after a serial stretch; a thief that is just awake is some times faster.
///
/// On a busy machine a thief waits for a core, which is no part of a steal. Where the system tells how long (schedstat), such
/// rounds do not count. On one core, or where hardly any round counts, ten microseconds are assumed.
#[must_use]
pub fn steal() -> Steal {
    let several = thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
    median(if several { steals() } else { Vec::new() })
}

fn median(mut seen: Vec<u64>) -> Steal {
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

/// Forks and waits for the thief; `None` where nobody came, or one of the two had to wait for a core.
fn one_steal() -> Option<u64> {
    spin_until(PAUSE, || false);
    let started = AtomicBool::new(false);
    let waited = waited_for_a_core();
    let forked = Instant::now();
    let first = |_: rayon::FnContext| spin_until(PATIENCE, || started.load(Ordering::Relaxed));
    let second = |context: rayon::FnContext| {
        let arrived = Instant::now();
        started.store(true, Ordering::Relaxed);
        (context.migrated() && !thief_was_kept_away()).then(|| arrived.duration_since(forked))
    };
    let ((), taken) = rayon::join_context(first, second);
    let taken = taken.filter(|_| waited_for_a_core().saturating_sub(waited) < WAITED)?;
    u64::try_from(taken.as_nanos()).ok()
}

/// Whether this worker has waited for a core since it was last asked.
fn thief_was_kept_away() -> bool {
    thread_local! { static BEFORE: Cell<Duration> = const { Cell::new(Duration::ZERO) } }
    let now = waited_for_a_core();
    now.saturating_sub(BEFORE.replace(now)) >= WAITED
}

/// How long this thread has been ready to run and had no core, so far; nothing where the system does not tell.
fn waited_for_a_core() -> Duration {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = told.split_whitespace().nth(1).and_then(|field| field.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

fn spin_until(most: Duration, stop: impl Fn() -> bool) {
    let began = Instant::now();
    while !stop() && began.elapsed() < most {
        std::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_steals_say_nothing_and_many_say_their_median() {
        assert_eq!(median(vec![5; LEAST - 1]), Steal { nanoseconds: ASSUMED_NANOSECONDS, seen: 0 });
        assert_eq!(median((0..31).rev().collect()), Steal { nanoseconds: 15, seen: 31 });
    }

    #[test]
    fn the_only_worker_steals_from_nobody() {
        assert_eq!(Pool::new(1).install(one_steal), None);
    }
}
