//! The paired comparison: the one way in which a verdict about speed is made.
//!
//! Two contenders run back to back, A B or B A by chance, on the same input; the ratio of the two times is one
//! observation, and the median of the ratios is the finding. Whatever disturbs both runs of a pair cancels; a pair in which
//! either run had to wait for a core does not count. (Identical programs, compared by the fastest of five runs each at a
//! limit of 1.2x, failed 13 % of the time on a busy machine.)
//!
//! Pairs are run until the answer is known, and to look again and again is to be wrong more often than each look is: with
//! the 95 % interval and a look at every second pair from the 16th to the 60th, the interval at the end held a ratio that is
//! the threshold itself in only 85 % of 2,000 simulated series. So a look ends the series only by the 99 % interval, and
//! what is told is the 95 % one. `tests/measure.rs` simulates this, 2,000 series each; the noise is that of one run, of which
//! a ratio has two:
//!
//! | noise of a run | ratio 1.0 fails at 1.2 | ratio 1.5 fails | ratio 1.2, the hardest: interval holds it, fails |
//! | --- | --- | --- | --- |
//! | log-normal, 5 % | 0.00 % (16 pairs) | 100.00 % (16 pairs) | 95.70 %, 2.00 % (59 pairs) |
//! | log-normal, 13 % | 0.00 % (20) | 100.00 % (17) | 95.70 %, 2.00 % (59) |
//! | every other run takes 1.4 times as long, by chance | 0.00 % (30) | 97.15 % (30) | 95.70 %, 1.90 % (59) |
//! | exponential above the fastest, 13 % | 0.00 % (17) | 100.00 % (16) | 95.45 %, 2.55 % (59) |
//!
//! Every pair is run on an input of its own: its seed follows from that of the comparison and the pair's number. On one input
//! for all of them a program that keeps its last answer would be told as the fastest there is. What an output has to be is told
//! by the opponent, which is the course's program, on the same input; where the two differ, by the baseline.
//!
//! The third is what this does not tell well: two regimes that are 1.4 apart hide a factor of 1.5 now and then.

use std::time::{Duration, Instant};

use lab::workload::{Axis, Setup, Spec};
use rand::{Rng, SeedableRng};

use crate::{
    driver::{Fault, Workload},
    load,
    results::{Pair, Speed},
};

pub use caveats::{SHORTEST, caveats};

mod caveats;

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
    /// How long to wait for the machine to become idle before; zero: not even to look.
    pub patience: Duration,
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

/// The median of the ratios of clean pairs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finding {
    /// It.
    pub ratio: f64,
    /// Its distribution-free interval.
    pub interval: [f64; 2],
    /// How sure the interval is.
    pub confidence: f64,
}

/// One contender of a comparison.
struct Side<'a> {
    contender: Contender<'a>,
    /// Seconds from `done` to the digest, by run.
    digesting: Vec<f64>,
}

/// One run of one contender.
struct Ran {
    seconds: f64,
    /// The cores that it had.
    cores: Option<f64>,
    digest: String,
}

impl Side<'_> {
    fn prepare(&mut self, setup: Setup) -> anyhow::Result<()> {
        self.contender.process.prepare(self.contender.entry, setup)
    }

    /// Runs what was prepared.
    fn go(&mut self, setup: Setup) -> anyhow::Result<Ran> {
        let run = self.contender.process.go()?;
        self.digesting.push(run.digesting);
        let cores = effective_cores(setup.threads as f64, run.waited, run.seconds);
        Ok(Ran { seconds: run.seconds, cores, digest: run.digest })
    }

    /// Both at once.
    fn run(&mut self, setup: Setup) -> anyhow::Result<Ran> {
        self.prepare(setup)?;
        self.go(setup)
    }
}

/// Two contenders at work.
struct Match<'a> {
    subject: Side<'a>,
    opponent: Side<'a>,
    idle: Idle,
}

/// How many cores the subject kept busy while it had nothing to do, by pair. By when it was: half of the pairs show nothing
/// where it works only before its runs, or only after them.
#[derive(Default)]
struct Idle {
    /// While its opponent ran, its own run being over.
    after: Vec<f64>,
    /// While its opponent ran, its own run being prepared and not asked for yet.
    before: Vec<f64>,
    /// The same while its opponent was prepared. That may be too short for a count of cores to mean anything: in seconds on a
    /// core, and how long it was.
    ahead: Vec<[f64; 2]>,
}

impl Match<'_> {
    /// Runs both on the same input, each of which is there before either is timed; in seconds, and the cores that each had.
    fn pair(&mut self, setup: Setup, subject_first: bool) -> Result<(Ran, Ran), Blame> {
        // In the order in which they are timed, so that neither always finds its input where it was just put.
        if subject_first {
            self.subject.prepare(setup).map_err(Blame::Subject)?;
            let (prepared, busy, time) = self.beside(|opponent| opponent.prepare(setup));
            prepared.map_err(Blame::Opponent)?;
            self.idle.ahead.push([busy, time]);
            let own = self.subject.go(setup).map_err(Blame::Subject)?;
            let (other, busy, time) = self.beside(|opponent| opponent.go(setup));
            self.idle.after.push(busy / time);
            self.judged(setup, own, other.map_err(Blame::Opponent)?)
        } else {
            self.opponent.prepare(setup).map_err(Blame::Opponent)?;
            self.subject.prepare(setup).map_err(Blame::Subject)?;
            let (other, busy, time) = self.beside(|opponent| opponent.go(setup));
            self.idle.before.push(busy / time);
            let own = self.subject.go(setup).map_err(Blame::Subject)?;
            self.judged(setup, own, other.map_err(Blame::Opponent)?)
        }
    }

    /// Has the opponent do something, and looks what the subject does meanwhile, with nothing to do: how many seconds it was on
    /// a core, of how many.
    fn beside<T>(&mut self, does: impl FnOnce(&mut Side<'_>) -> T) -> (T, f64, f64) {
        let (before, started) = (self.subject.contender.process.on_cores(), Instant::now());
        let done = does(&mut self.opponent);
        let busy = self.subject.contender.process.on_cores() - before;
        (done, busy, started.elapsed().as_secs_f64())
    }

    /// Both, if they made the same. Where they did not, the baseline tells who is wrong.
    fn judged(&mut self, setup: Setup, own: Ran, other: Ran) -> Result<(Ran, Ran), Blame> {
        if own.digest == other.digest {
            return Ok((own, other));
        }
        let baseline = self.opponent.contender.process.run("baseline", setup).map_err(Blame::Opponent)?;
        right(&other, &baseline.digest).map_err(Blame::Opponent)?;
        Err(Blame::Subject(Fault::wrong_output(&own.digest, &baseline.digest).into()))
    }
}

fn right(ran: &Ran, digest: &str) -> anyhow::Result<()> {
    if ran.digest == digest { Ok(()) } else { Err(Fault::wrong_output(&ran.digest, digest).into()) }
}

/// The seed of the pair of this number, which nobody knows who does not know the comparison's: the output of SplitMix64
/// (G. Steele, D. Lea and C. Flood, *Fast Splittable Pseudorandom Number Generators*, OOPSLA 2014).
pub fn seed_of_pair(seed: u64, pair: u64) -> u64 {
    let state = seed.wrapping_add((pair + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Waits for an idle machine, runs pairs until the answer is known, and says what came of them. `digest` is that of the
/// baseline's output on `setup`, on which both run once before anything counts.
///
/// # Errors
/// A [`crate::driver::Fault`] of either program, a wrong output, a subject that is not the workload that its opponent is, or
/// one that works on when it has said that it is done.
pub fn compare(
    subject: Contender<'_>,
    opponent: Contender<'_>,
    against: &str,
    setup: Setup,
    digest: &str,
    plan: Plan,
) -> Result<Speed, Blame> {
    let spec = opponent.process.spec.clone();
    same_workload(&subject.process.spec, &spec).map_err(|fault| Blame::Subject(fault.into()))?;
    let [subject, opponent] = [subject, opponent].map(|contender| Side { contender, digesting: Vec::new() });
    let mut both = Match { subject, opponent, idle: Idle::default() };
    let load = load::wait_until_idle(plan.patience);
    // The first pair warms caches, pools and pages up, and is thrown away.
    both.subject.run(setup).and_then(|own| right(&own, digest)).map_err(Blame::Subject)?;
    both.opponent.run(setup).and_then(|other| right(&other, digest)).map_err(Blame::Opponent)?;
    let started = Instant::now();
    let wanted = setup.threads as f64 - cores_to_lose(spec.axis);
    let mut number = 0;
    let (pairs, finding) = until_known(plan, wanted, setup.seed, |subject_first| {
        let at = started.elapsed();
        let setup = Setup { seed: seed_of_pair(setup.seed, number), ..setup };
        number += 1;
        let (own, other) = both.pair(setup, subject_first)?;
        Ok(Pair {
            subject: own.seconds,
            opponent: other.seconds,
            effective_cores: own.cores.zip(other.cores).map(|(own, other)| [own, other]),
            clean: true,
            subject_first: Some(subject_first),
            at: Some(at.as_secs_f64()),
            seed: Some(setup.seed),
        })
    })?;
    done_means_done(&both.subject.digesting, &both.opponent.digesting, &pairs)
        .and_then(|()| both.idle.is_rest(&pairs))
        .map_err(|fault| Blame::Subject(fault.into()))?;
    let mut speed = Speed {
        against: against.to_owned(),
        size: setup.size,
        size_unit: spec.size_unit,
        threads: setup.threads,
        at: None,
        ratio: finding.map(|finding| finding.ratio),
        interval: finding.map(|finding| finding.interval),
        confidence: finding.map_or(0.0, |finding| finding.confidence),
        pairs,
        load,
        full_at: Some(plan.threshold),
        caveats: Vec::new(),
    };
    speed.caveats = caveats(&speed, spec.axis);
    Ok(speed)
}

/// Runs pairs, A B and then B A, until the answer is known or the plan is at its end: all pairs, and what the clean ones
/// come to, if they are enough. `pair` is told whether the subject is to run first; `wanted` is in cores.
///
/// # Errors
/// Those of `pair`.
pub fn until_known<E>(
    plan: Plan,
    wanted: f64,
    seed: u64,
    mut pair: impl FnMut(bool) -> Result<Pair, E>,
) -> Result<(Vec<Pair>, Option<Finding>), E> {
    let mut order = rand_pcg::Pcg64Mcg::seed_from_u64(seed);
    let started = Instant::now();
    let mut pairs = Vec::new();
    while pairs.len() < plan.most && started.elapsed() < plan.budget {
        // A B, then B A: neither always has the warm place, whichever the first is by chance.
        let subject_first = order.next_u32() & 1 == 0;
        for subject_first in [subject_first, !subject_first] {
            pairs.push(pair(subject_first)?);
        }
        judge(&mut pairs, wanted);
        let ratios = ratios(&pairs);
        if ratios.len() >= plan.least && is_known(ratios, plan.threshold) {
            break;
        }
    }
    let clean = ratios(&pairs);
    let finding = if clean.len() >= plan.least { median_interval(clean) } else { None };
    Ok((pairs, finding.map(|(ratio, interval, confidence)| Finding { ratio, interval, confidence })))
}

/// Whether a look in between may end the series; see the top of this file.
fn is_known(ratios: Vec<f64>, threshold: f64) -> bool {
    interval(ratios, 0.99).is_some_and(|(_, [low, high], _)| high <= threshold || low > threshold)
}

/// A program that is another workload would be timed at other work.
fn same_workload(own: &Spec, courses: &Spec) -> Result<(), Fault> {
    let told = |spec: &Spec| format!("{} in {}, {:?}", spec.name, spec.size_unit, spec.axis);
    if (&own.name, &own.size_unit, own.axis) == (&courses.name, &courses.size_unit, courses.axis) {
        return Ok(());
    }
    let what = format!("it says that it is the workload {}, and the course's is {}", told(own), told(courses));
    Err(Fault { what, stderr: String::new() })
}

/// Who says `done` and goes on working has stopped the clock and not the work. Between `done` and the digest there is only
/// the suite's own work on an output that is the same for both: where it takes the subject longer than twice its opponent's
/// time, and a quarter of a run of the opponent besides, something else was done in it.
fn done_means_done(own: &[f64], other: &[f64], pairs: &[Pair]) -> Result<(), Fault> {
    let run = median(pairs.iter().map(|pair| pair.opponent).collect());
    // Digests wait for cores, too: it has to be sure, and not only so in the middle.
    let longer = own.iter().zip(other).map(|(own, other)| own - 2.0 * other).collect();
    if interval(longer, 0.99).is_none_or(|(_, [low, _], _)| low <= 0.25 * run) {
        return Ok(());
    }
    let (own, other) = (median(own.to_vec()), median(other.to_vec()));
    let [own, other] = [own, other].map(|seconds| format!("{:.1} ms", seconds * 1e3));
    let what =
        format!("it goes on working after it has said that it is done: its output is there {own} later, its opponent's {other}");
    Err(Fault { what, stderr: String::new() })
}

impl Idle {
    /// Whose threads go on between its runs takes cores from its opponent: the opponent seems slow, or no pair is ever clean,
    /// and the machine would be blamed for it. And who works before it is asked to is timed at less than its work.
    fn is_rest(&self, pairs: &[Pair]) -> Result<(), Fault> {
        let run = median(pairs.iter().map(|pair| pair.opponent).collect());
        let [busy, time] = [0, 1].map(|which| median(self.ahead.iter().map(|ahead| ahead[which]).collect()));
        // In a time that is short beside a run nothing is gained.
        let ahead = if busy > 0.05 * run && time > 0.0 { busy / time } else { 0.0 };
        let busy = [median(self.after.clone()), median(self.before.clone()), ahead].into_iter().fold(0.0, f64::max);
        if busy <= 0.25 {
            return Ok(());
        }
        let what =
            format!("it keeps {busy:.1} cores busy while it has nothing to do: threads of it work before or after its runs");
        Err(Fault { what, stderr: String::new() })
    }
}

/// Says which pairs count: those in which both runs had their cores. Where the system does not tell, every pair counts: the
/// pairing is all that is left. `wanted` is in cores.
fn judge(pairs: &mut [Pair], wanted: f64) {
    let had_them = |cores: f64| cores >= wanted;
    let for_itself = waits_for_itself(pairs, wanted);
    for pair in pairs {
        pair.clean = pair.effective_cores.is_none_or(|[own, other]| had_them(other) && (for_itself || had_them(own)));
    }
}

/// Whether the subject has to wait for cores by its own doing.
///
/// A program with more threads than it asks cores for makes its own threads wait, on the quietest machine. It shows in that
/// the opponent, at the same time, hardly ever waits; then the opponent alone tells how quiet the machine was. (Otherwise a
/// submission with a thread that spins would never be measurable, and so never lose a point.)
fn waits_for_itself(pairs: &[Pair], wanted: f64) -> bool {
    let told: Vec<[f64; 2]> = pairs.iter().filter_map(|pair| pair.effective_cores).collect();
    let share = |whose: usize| told.iter().filter(|cores| cores[whose] >= wanted).count() as f64 / told.len() as f64;
    told.len() >= 10 && share(1) >= 0.8 && share(0) <= 0.4
}

fn ratios(pairs: &[Pair]) -> Vec<f64> {
    pairs.iter().filter(|pair| pair.clean).map(|pair| pair.subject / pair.opponent).collect()
}

/// The median of `values`, its distribution-free interval between two order statistics, and how sure that is: at least
/// 95 % from six values on. `None` below six.
///
/// The interval from the k-th smallest to the k-th largest of n misses the median with probability
/// `2 * P(Binomial(n, 1/2) < k)` (for instance Conover, Practical Nonparametric Statistics, section 3.2).
pub fn median_interval(values: Vec<f64>) -> Option<(f64, [f64; 2], f64)> {
    interval(values, 0.95)
}

/// The same, at least as sure as `least`; `None` where that takes more values.
fn interval(mut values: Vec<f64>, least: f64) -> Option<(f64, [f64; 2], f64)> {
    let n = values.len();
    values.sort_by(f64::total_cmp);
    let (mut below, mut term) = (0.0, 0.5_f64.powi(i32::try_from(n).ok()?));
    let mut best = None;
    for k in 1..=n / 2 {
        below += term;
        term *= (n - k + 1) as f64 / k as f64;
        let sure = 1.0 - 2.0 * below;
        if sure < least {
            break;
        }
        best = Some((median_of_sorted(&values), [values[k - 1], values[n - k]], sure));
    }
    best
}

/// 0 of nothing.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    if values.is_empty() { 0.0 } else { median_of_sorted(&values) }
}

/// The middle value, or the mean of the two middle ones; of at least one.
pub fn median_of_sorted(values: &[f64]) -> f64 {
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

    fn pair(subject: f64, opponent: f64) -> Pair {
        Pair { subject, opponent, effective_cores: None, clean: false, subject_first: None, at: None, seed: None }
    }

    fn pairs(cores: &[[f64; 2]]) -> Vec<Pair> {
        cores.iter().map(|cores| Pair { effective_cores: Some(*cores), ..pair(1.0, 1.0) }).collect()
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
    fn a_look_in_between_is_to_be_surer_than_the_finding() {
        // Of twelve, the 95 % interval is the third to the tenth, and the 99 % interval the second to the eleventh.
        let ratios = |second: f64| [vec![1.1, second], vec![1.3; 10]].concat();
        assert!(!is_known(ratios(1.15), 1.2));
        assert!(is_known(ratios(1.25), 1.2));
    }

    #[test]
    fn who_works_on_after_done_is_found_out() {
        let pairs = vec![pair(0.05, 0.1); 10];
        assert!(done_means_done(&[0.030; 10], &[0.004; 10], &pairs).is_ok());
        let fault = done_means_done(&[0.050; 10], &[0.004; 10], &pairs).unwrap_err().to_string();
        assert!(fault.ends_with("its output is there 50.0 ms later, its opponent's 4.0 ms"), "{fault}");
    }

    #[test]
    fn who_goes_on_between_its_runs_is_found_out() {
        let is_rest = |idle: Idle| idle.is_rest(&vec![pair(0.05, 0.1); 5]);
        assert!(is_rest(Idle::default()).is_ok());
        let now_and_then = vec![0.9, 0.2, 0.0, 0.2, 0.9];
        assert!(is_rest(Idle { after: now_and_then.clone(), before: now_and_then, ahead: Vec::new() }).is_ok());
        for idle in [
            Idle { after: vec![0.9, 1.0, 0.1, 0.95], ..Idle::default() },
            Idle { before: vec![0.9, 1.0, 0.1, 0.95], after: vec![0.0; 4], ..Idle::default() },
            Idle { ahead: vec![[0.018, 0.02]; 4], after: vec![0.0; 4], before: vec![0.0; 4] },
        ] {
            let fault = is_rest(idle).unwrap_err().to_string();
            assert!(fault.starts_with("it keeps 0.9 cores busy while it has nothing to do"), "{fault}");
        }
        assert!(is_rest(Idle { ahead: vec![[0.002, 0.002]; 4], ..Idle::default() }).is_ok(), "too short to gain by");
    }

    #[test]
    fn points_fall_linearly_between_the_two_ratios() {
        assert_eq!(share_for_ratio(1.2, 1.2, 3.0), 1.0);
        assert_eq!(share_for_ratio(0.8, 1.2, 3.0), 1.0);
        assert!((share_for_ratio(2.1, 1.2, 3.0) - 0.5).abs() < 1e-9);
        assert_eq!(share_for_ratio(9.0, 1.2, 3.0), 0.0);
    }
}
