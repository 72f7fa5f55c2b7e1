//! How busy the cores of this process are, and the wait until they are idle.
//!
//! What is counted is `/proc/stat`, of the cores that this process may use: what runs on others disturbs nobody here. To wait
//! is a courtesy to the measurement and no proof: whether a pair counts is told by the waits of its own threads. So a quarter
//! of a second without anything at work ends the look, and only a machine that is not that quiet is watched for the full
//! second: a check on an idle machine is a quarter of a second longer for it, and not a whole one.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use crate::results::Load;

/// Idle is a machine whose cores are busy for no more than this share of a second.
const BUSY: f64 = 0.05;

/// In a quarter of a second two cores tick 50 times: a single tick, this look's own for instance, is still nothing at work.
const NOTHING: f64 = 0.021;

/// How long one slice of a look is, and how many of them are a whole one.
const SLICE: Duration = Duration::from_millis(250);
const SLICES: usize = 4;

/// Clock ticks of some cores since the system has started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ticks {
    busy: u64,
    all: u64,
}

/// Waits until the cores of this process are idle, but no longer than `most`; `None` where the system does not tell, and
/// where there is no time to look.
pub fn wait_until_idle(most: Duration) -> Option<Load> {
    if most.is_zero() {
        return None;
    }
    let cores = allowed(&fs::read_to_string("/proc/self/status").ok()?)?;
    let now = || ticks(&fs::read_to_string("/proc/stat").ok()?, &cores);
    let begun = Instant::now();
    let mut readings = vec![now()?];
    loop {
        thread::sleep(SLICE);
        readings.push(now()?);
        let (busy, idle) = look(&readings);
        let waited = begun.elapsed();
        if idle || waited + SLICE > most {
            return Some(Load { busy, waited: waited.as_secs_f64(), idle });
        }
    }
}

/// The busy share over the last second of some readings, or over all of them where they are fewer, and whether that is idle.
fn look(readings: &[Ticks]) -> (f64, bool) {
    let share = |slices: usize| {
        let [first, .., last] = &readings[readings.len().saturating_sub(slices + 1)..] else { return 0.0 };
        last.busy.saturating_sub(first.busy) as f64 / last.all.saturating_sub(first.all).max(1) as f64
    };
    let (slice, second) = (share(1), share(SLICES));
    if slice <= NOTHING { (slice, true) } else { (second, readings.len() > SLICES && second <= BUSY) }
}

/// The ticks of `cores`, by the text of `/proc/stat`: `cpu0 user nice system idle iowait irq softirq steal guest guest_nice`.
/// A core that waits for a disk is idle; one that another machine has is not.
fn ticks(stat: &str, cores: &[usize]) -> Option<Ticks> {
    let mut sum = Ticks { busy: 0, all: 0 };
    let mut found = false;
    for line in stat.lines() {
        let mut fields = line.split_ascii_whitespace();
        let core = fields.next().and_then(|name| name.strip_prefix("cpu")?.parse::<usize>().ok());
        if !core.is_some_and(|core| cores.contains(&core)) {
            continue;
        }
        // The time of guests is in the user's already.
        let counts: Vec<u64> = fields.take(8).map_while(|field| field.parse().ok()).collect();
        let [_, _, _, idle, waits_for_disk, ..] = counts[..] else { return None };
        let all: u64 = counts.iter().sum();
        found = true;
        sum = Ticks { busy: sum.busy + all - idle - waits_for_disk, all: sum.all + all };
    }
    found.then_some(sum)
}

/// The cores that a process may use, by the text of `/proc/<pid>/status`: a `Cpus_allowed_list` such as `0-3,8`.
fn allowed(status: &str) -> Option<Vec<usize>> {
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let mut cores = Vec::new();
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        cores.extend(first.parse::<usize>().ok()?..=last.parse().ok()?);
    }
    Some(cores)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  900 0 100 9000 0 0 0 0 0 0\ncpu0 10 1 5 80 20 2 3 4 7 0\ncpu1 100 0 0 200 0 0 0 0 0 0\nintr 5\n";

    #[test]
    fn only_the_cores_of_this_process_count_and_a_disk_keeps_none_busy() {
        assert_eq!(ticks(STAT, &[0]), Some(Ticks { busy: 25, all: 125 }));
        assert_eq!(ticks(STAT, &[0, 1]), Some(Ticks { busy: 125, all: 425 }));
        assert_eq!(ticks(STAT, &[7]), None);
        assert_eq!(ticks("cpu0 1 2\n", &[0]), None);
    }

    #[test]
    fn the_list_of_cores_is_read_with_its_ranges() {
        assert_eq!(allowed("Name:\tx\nCpus_allowed_list:\t0-2,8\n"), Some(vec![0, 1, 2, 8]));
        assert_eq!(allowed("Cpus_allowed_list:\t5\n"), Some(vec![5]));
        assert_eq!(allowed("Name:\tx\n"), None);
    }

    /// Readings of two cores in which so many of the 50 ticks of each quarter of a second were busy.
    fn readings(busy: &[u64]) -> Vec<Ticks> {
        let mut readings = vec![Ticks { busy: 7, all: 1_000 }];
        for busy in busy {
            let Ticks { busy: before, all } = readings[readings.len() - 1];
            readings.push(Ticks { busy: before + busy, all: all + 50 });
        }
        readings
    }

    #[test]
    fn a_quarter_of_a_second_with_nothing_at_work_is_enough() {
        assert_eq!(look(&readings(&[1])), (0.02, true));
        assert_eq!(look(&readings(&[50, 50, 0])), (0.0, true));
    }

    #[test]
    fn a_little_at_work_is_idle_only_over_a_full_second() {
        assert!(!look(&readings(&[2])).1);
        assert!(!look(&readings(&[2, 2, 2])).1);
        assert_eq!(look(&readings(&[2, 2, 2, 2])), (0.04, true));
        // The second is the last one: what was before it is over.
        assert_eq!(look(&readings(&[50, 2, 2, 2, 2])), (0.04, true));
    }

    #[test]
    fn a_busy_machine_is_told_by_how_much() {
        assert_eq!(look(&readings(&[25, 25, 25, 25, 25])), (0.5, false));
        assert_eq!(look(&readings(&[5, 2, 2, 2])), (0.055, false));
    }
}
