//! The paired comparison: the one way in which a verdict about speed is made.
//!
//! Two contenders run back to back, A B or B A by chance, on the same input; the ratio of the two times is one
//! observation, and the median of the ratios is the finding. Whatever disturbs both runs of a pair cancels; a pair in which
//! either run had to wait for a core does not count. (Identical programs, compared by the fastest of five runs each at a
//! limit of 1.2x, failed 13 % of the time on a busy machine.)

use std::time::{Duration, Instant};

use anyhow::Result;
use lab::workload::{Axis, Setup};
use rand::{Rng, SeedableRng};

use crate::{
    driver::{Fault, Workload},
    results::{Pair, Speed},
};

/// A pair is clean while each of its runs waited for a core for no more than this share of its time (summed over threads).
pub fn cores_to_lose(axis: Axis) -> f64 {
    match axis {
        Axis::Threads => 0.1,
        // The parent is one process more than the workers that are counted, and has to have a core now and then: on a quiet
        // machine with two cores the reference of process_pool had 1.86, and an event loop with reader threads 1.6 to 1.8.
        Axis::Processes => 0.3,
        // Requests in flight wait for a network, and are served, read and parsed by more threads than there are cores: that
        // these wait for one is how it is meant to be, and says nothing about what else the machine does. (Their waits were
        // seen at 0.4 to 2.8 times the wall-clock time, which itself did not change by more than 15 %.)
        Axis::InFlight => f64::INFINITY,
    }
}

/// How a comparison is made.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The ratio in question: once the interval lies on one side of it, the answer is known.
    pub threshold: f64,
    /// Clean pairs needed for a finding.
    pub least: usize,
    /// Pairs at the most, clean or not.
    pub most: usize,
    /// Time at the most.
    pub budget: Duration,
}

/// A program and whom of it to run.
#[derive(Debug)]
pub struct Contender<'a> {
    /// The process.
    pub process: &'a mut Workload,
    /// `submission`, `baseline`, or a peer's name.
    pub entry: &'a str,
}

/// Whose fault kept a comparison from its end.
#[derive(Debug)]
pub enum Blame {
    /// The program in question.
    Subject(anyhow::Error),
    /// The one it is compared with: the course's own fault.
    Opponent(anyhow::Error),
}

/// The cores that a run of `threads` had: its threads less the share of the time that they waited for one.
pub fn effective_cores(threads: f64, waited: Option<f64>, seconds: f64) -> Option<f64> {
    waited.map(|waited| (threads - waited / seconds).max(0.0))
}

/// Runs pairs until the answer is known.
///
/// # Errors
/// A [`crate::driver::Fault`] of either program, or an output whose digest is not `digest`.
pub fn compare(
    mut subject: Contender<'_>,
    mut opponent: Contender<'_>,
    against: &str,
    setup: Setup,
    digest: &str,
    plan: Plan,
) -> Result<Speed, Blame> {
    let spec = subject.process.spec.clone();
    let started = Instant::now();
    let mut order = rand_pcg::Pcg64Mcg::seed_from_u64(setup.seed);
    let threads = setup.threads as f64;
    let wanted = threads - cores_to_lose(spec.axis);
    let timed = |contender: &mut Contender<'_>| -> Result<(f64, Option<f64>)> {
        let run = contender.process.run(contender.entry, setup)?;
        if run.digest != digest {
            return Err(Fault::wrong_output(&run.digest, digest).into());
        }
        Ok((run.seconds, effective_cores(threads, run.waited, run.seconds)))
    };

    // The first pair warms caches, pools and pages up, and is thrown away.
    let mut subject = || timed(&mut subject).map_err(Blame::Subject);
    let mut opponent = || timed(&mut opponent).map_err(Blame::Opponent);
    subject()?;
    opponent()?;
    let mut pairs: Vec<Pair> = Vec::new();
    let mut finding = None;
    while pairs.len() < plan.most && started.elapsed() < plan.budget {
        // A B, then B A: neither always has the warm place, whichever the first is by chance.
        let subject_first = order.next_u32() & 1 == 0;
        for subject_first in [subject_first, !subject_first] {
            let (own, other) = if subject_first {
                let own = subject()?;
                (own, opponent()?)
            } else {
                let other = opponent()?;
                (subject()?, other)
            };
            let effective_cores = own.1.zip(other.1).map(|(own, other)| [own, other]);
            pairs.push(Pair { subject: own.0, opponent: other.0, effective_cores, clean: true });
        }
        judge(&mut pairs, wanted);
        finding = median_interval(ratios(&pairs));
        if let Some((_, [low, high], _)) = finding
            && ratios(&pairs).len() >= plan.least
            && (high <= plan.threshold || low > plan.threshold)
        {
            break;
        }
    }
    let enough = ratios(&pairs).len() >= plan.least;
    let finding = finding.filter(|_| enough);
    Ok(Speed {
        against: against.to_owned(),
        size: setup.size,
        size_unit: spec.size_unit,
        threads: setup.threads,
        ratio: finding.map(|(median, ..)| median),
        interval: finding.map(|(_, interval, _)| interval),
        confidence: finding.map_or(0.0, |(.., confidence)| confidence),
        pairs,
    })
}

/// Says which pairs count: those in which both runs had their cores. Where the system does not tell, every pair counts: the
/// pairing is all that is left.
///
/// A program with more threads than it asks cores for makes its own threads wait, on the quietest machine. It shows in that
/// the opponent, at the same time, hardly ever waits; then the opponent alone tells how quiet the machine was. (Otherwise a
/// submission with a thread that spins would never be measurable, and so never lose a point.) `wanted` is in cores.
fn judge(pairs: &mut [Pair], wanted: f64) {
    let had_them = |cores: f64| cores >= wanted;
    let told: Vec<[bool; 2]> = pairs.iter().filter_map(|pair| pair.effective_cores).map(|cores| cores.map(had_them)).collect();
    let share = |whose: usize| told.iter().filter(|had| had[whose]).count() as f64 / told.len() as f64;
    let waits_for_itself = told.len() >= 10 && share(1) >= 0.8 && share(0) <= 0.4;
    for pair in pairs {
        pair.clean = pair.effective_cores.is_none_or(|[own, other]| had_them(other) && (waits_for_itself || had_them(own)));
    }
}

fn ratios(pairs: &[Pair]) -> Vec<f64> {
    pairs.iter().filter(|pair| pair.clean).map(|pair| pair.subject / pair.opponent).collect()
}

/// The median of `values`, its distribution-free interval between two order statistics, and how sure that is: at least
/// 95 % from six values on. `None` below six.
///
/// The interval from the k-th smallest to the k-th largest of n misses the median with probability
/// `2 * P(Binomial(n, 1/2) < k)` (for instance Conover, Practical Nonparametric Statistics, section 3.2).
pub fn median_interval(mut values: Vec<f64>) -> Option<(f64, [f64; 2], f64)> {
    let n = values.len();
    values.sort_by(f64::total_cmp);
    let (mut below, mut term) = (0.0, 0.5_f64.powi(i32::try_from(n).ok()?));
    let mut best = None;
    for k in 1..=n / 2 {
        below += term;
        term *= (n - k + 1) as f64 / k as f64;
        let sure = 1.0 - 2.0 * below;
        if sure < 0.95 {
            break;
        }
        best = Some((median_of_sorted(&values), [values[k - 1], values[n - k]], sure));
    }
    best
}

fn median_of_sorted(values: &[f64]) -> f64 {
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

/// The share of the points for a ratio of run times: all up to `full_at`, none from `zero_at` on, linear between.
pub fn share_for_ratio(ratio: f64, full_at: f64, zero_at: f64) -> f64 {
    ((zero_at - ratio) / (zero_at - full_at)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(cores: &[[f64; 2]]) -> Vec<Pair> {
        cores.iter().map(|cores| Pair { subject: 1.0, opponent: 1.0, effective_cores: Some(*cores), clean: false }).collect()
    }

    fn clean(mut pairs: Vec<Pair>) -> usize {
        judge(&mut pairs, 1.9);
        pairs.iter().filter(|pair| pair.clean).count()
    }

    #[test]
    fn a_pair_counts_where_both_had_their_cores() {
        assert_eq!(clean(pairs(&[[2.0, 1.95], [1.5, 2.0], [2.0, 1.2]])), 1);
    }

    #[test]
    fn a_busy_machine_makes_neither_count() {
        assert_eq!(clean(pairs(&[[1.3, 1.4]; 20])), 0);
    }

    #[test]
    fn who_only_waits_for_its_own_threads_is_measured_all_the_same() {
        assert_eq!(clean(pairs(&[[1.3, 2.0]; 20])), 20);
    }

    #[test]
    fn where_nothing_is_told_every_pair_counts() {
        let mut pairs = pairs(&[[0.0, 0.0]; 3]);
        pairs.iter_mut().for_each(|pair| pair.effective_cores = None);
        assert_eq!(clean(pairs), 3);
    }

    #[test]
    fn fifteen_pairs_give_the_fourth_to_the_twelfth() {
        let (median, interval, sure) = median_interval((1..=15).map(f64::from).collect()).unwrap();
        assert_eq!((median, interval), (8.0, [4.0, 12.0]));
        assert!((sure - 0.9648).abs() < 1e-4, "{sure}");
    }

    #[test]
    fn five_values_are_too_few_for_an_interval() {
        assert_eq!(median_interval(vec![1.0; 5]), None);
        assert!(median_interval(vec![1.0; 6]).is_some());
    }

    #[test]
    fn points_fall_linearly_between_the_two_ratios() {
        assert_eq!(share_for_ratio(1.2, 1.2, 3.0), 1.0);
        assert_eq!(share_for_ratio(0.8, 1.2, 3.0), 1.0);
        assert!((share_for_ratio(2.1, 1.2, 3.0) - 0.5).abs() < 1e-9);
        assert_eq!(share_for_ratio(9.0, 1.2, 3.0), 0.0);
    }
}
