//! The paired comparison on made-up pairs: how often it is wrong, by noise, with the looks in between that end it early.
//!
//! The table in `measure`'s own documentation is what this prints: `cargo test -p xtask --test measure -- --nocapture`.

use std::{convert::Infallible, time::Duration};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use xtask::{
    measure::{Finding, Plan, median_interval, until_known},
    results::Pair,
};

/// Of so many series is every share that is told here.
const SERIES: usize = 2_000;

/// As a verdict is made: 15 clean pairs at least, 60 pairs at most, and 1.2x the opponent's time is in question.
const PLAN: Plan = Plan { threshold: 1.2, least: 15, most: 60, budget: Duration::from_secs(3_600), patience: Duration::ZERO };

/// By what one run's time is off, as a factor.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Noise {
    /// Log-normal with this deviation: 5 % is a quiet machine; 13 % was seen without any wait for a core.
    LogNormal(f64),
    /// Half of the runs take 1.4 times as long: a mutex that was met in two regimes.
    Bimodal,
    /// Never faster than it can be, now and then much slower: exponential, 13 % on average.
    Skewed,
}

const NOISES: [Noise; 4] = [Noise::LogNormal(0.05), Noise::LogNormal(0.13), Noise::Bimodal, Noise::Skewed];

impl Noise {
    fn factor(self, chance: &mut Pcg64Mcg) -> f64 {
        let mut uniform = || 1.0 - chance.random::<f64>();
        // Box and Muller (1958): a normal number of two uniform ones.
        let mut normal = || (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
        match self {
            Self::LogNormal(deviation) => (deviation * normal()).exp(),
            Self::Bimodal => {
                let spread = (0.03 * normal()).exp();
                if chance.random() { spread } else { 1.4 * spread }
            }
            Self::Skewed => 1.0 - 0.13 * uniform().ln(),
        }
    }
}

/// Two runs of 0.1 s and `ratio` times that, but for the noise.
fn pair(ratio: f64, noise: Noise, chance: &mut Pcg64Mcg, effective_cores: Option<[f64; 2]>) -> Pair {
    let [own, other] = [ratio, 1.0].map(|time| 0.1 * time * noise.factor(chance));
    Pair { subject: own, opponent: other, effective_cores, clean: true, subject_first: None, at: None, seed: None }
}

/// Runs made-up pairs until the answer is known.
fn series(seed: u64, mut next: impl FnMut(&mut Pcg64Mcg) -> Pair) -> (Vec<Pair>, Option<Finding>) {
    let mut chance = Pcg64Mcg::seed_from_u64(seed);
    let Ok(found) = until_known(PLAN, 1.9, seed, |_| Ok::<_, Infallible>(next(&mut chance)));
    found
}

/// What the findings of many series come to.
struct Shares {
    /// Whose interval is above the threshold as a whole: what [`xtask::check`] calls a failure.
    failed: f64,
    /// Whose interval holds the true ratio.
    covered: f64,
    /// Pairs of a series, on average.
    pairs: f64,
}

fn shares(ratio: f64, noise: Noise) -> Shares {
    let of_all = |count: usize| count as f64 / SERIES as f64;
    let found: Vec<_> = (0..SERIES as u64).map(|seed| series(seed, |chance| pair(ratio, noise, chance, None))).collect();
    let intervals = || found.iter().map(|(_, finding)| finding.expect("every pair is clean").interval);
    Shares {
        failed: of_all(intervals().filter(|[low, _]| *low > PLAN.threshold).count()),
        covered: of_all(intervals().filter(|[low, high]| (*low..=*high).contains(&ratio)).count()),
        pairs: of_all(found.iter().map(|(pairs, _)| pairs.len()).sum()),
    }
}

/// What a share of [`SERIES`] may be off by, and not once in a thousand is: three standard deviations and a bit.
fn chance_of(share: f64) -> f64 {
    3.3 * (share * (1.0 - share) / SERIES as f64).sqrt()
}

#[test]
fn the_interval_holds_the_median_as_often_as_it_says() {
    let mut chance = Pcg64Mcg::seed_from_u64(2026);
    for noise in NOISES {
        for n in [6, 9, 15, 60] {
            let mut sure = 0.0;
            let covers = |_: &usize| {
                let ratios: Vec<f64> =
                    (0..n).map(|_| pair(1.0, noise, &mut chance, None)).map(|p| p.subject / p.opponent).collect();
                let (_, [low, high], confidence) = median_interval(ratios).expect("six are enough");
                sure = confidence;
                (low..=high).contains(&1.0)
            };
            let covered = (0..SERIES).filter(covers).count() as f64 / SERIES as f64;
            assert!(sure >= 0.95);
            assert!((covered - sure).abs() <= chance_of(sure), "{noise:?}, {n} values: {covered} and not {sure}");
        }
    }
}

#[test]
fn looking_again_and_again_makes_no_verdict_wrong() {
    for noise in NOISES {
        let [same, border, slower] = [1.0, 1.2, 1.5].map(|ratio| shares(ratio, noise));
        let told = |share: f64| format!("{:.2} %", share * 100.0);
        println!(
            "{noise:?} | {} ({:.0} pairs) | {} ({:.0}) | {} ({:.0}), {} fail",
            told(same.failed),
            same.pairs,
            told(slower.failed),
            slower.pairs,
            told(border.covered),
            border.pairs,
            told(border.failed),
        );
        // Wrong fails are to be at most 0.5 %, and a program that is 1.5 times slower is to fail in at least 99 %.
        assert!(same.failed <= 0.005, "{noise:?}: {} of identical programs fail", told(same.failed));
        // A run that takes 1.4 times as long by the toss of a coin hides a factor of 1.5 from 60 pairs now and then.
        let aim = if noise == Noise::Bimodal { 0.96 } else { 0.99 };
        assert!(slower.failed >= aim, "{noise:?}: only {} of those 1.5 times slower fail", told(slower.failed));
        for shares in [same, border, slower] {
            assert!(shares.covered >= 0.95 - chance_of(0.95), "{noise:?}: {} hold the ratio", told(shares.covered));
        }
    }
}

#[test]
fn a_series_ends_when_the_answer_is_known_and_not_before_it_has_its_pairs() {
    let (pairs, finding) = series(1, |_| pair(1.0, Noise::LogNormal(0.0), &mut Pcg64Mcg::seed_from_u64(1), None));
    assert_eq!((pairs.len(), finding.unwrap().ratio), (16, 1.0));
    // On the threshold itself, nothing is ever known.
    let (pairs, _) = series(1, |chance| pair(1.2, Noise::LogNormal(0.05), chance, None));
    assert_eq!(pairs.len(), 60);
}

#[test]
fn what_waited_for_a_core_does_not_count() {
    let mut run = 0;
    let (pairs, finding) = series(3, |chance| {
        run += 1;
        let disturbed = run % 3 == 0;
        let noise = Noise::LogNormal(0.05);
        if disturbed { pair(4.0, noise, chance, Some([1.2, 1.5])) } else { pair(1.0, noise, chance, Some([2.0, 1.95])) }
    });
    assert!(pairs.iter().all(|pair| pair.clean == (pair.subject / pair.opponent < 2.0)));
    assert!(finding.unwrap().interval[1] < 1.2);
}

#[test]
fn a_busy_machine_gives_no_finding() {
    // Ten clean pairs would be enough for an interval, and are too few for a verdict.
    let mut run = 0;
    let (pairs, finding) = series(4, |chance| {
        run += 1;
        let cores = if run % 6 == 0 { [2.0; 2] } else { [1.4; 2] };
        pair(1.0, Noise::LogNormal(0.05), chance, Some(cores))
    });
    assert_eq!((pairs.len(), finding), (60, None));
    assert_eq!(pairs.iter().filter(|pair| pair.clean).count(), 10);
}

#[test]
fn who_runs_first_is_as_good_as_balanced_and_depends_on_the_seed() {
    let order = |seed: u64| {
        let mut order = Vec::new();
        let made = until_known(PLAN, 0.0, seed, |subject_first| {
            order.push(subject_first);
            Ok::<_, Infallible>(pair(1.2, Noise::LogNormal(0.1), &mut Pcg64Mcg::seed_from_u64(order.len() as u64), None))
        });
        assert!(made.is_ok());
        order
    };
    let [one, again, other] = [order(1), order(1), order(2)];
    assert_eq!(one, again);
    assert_ne!(one, other);
    assert_eq!(one.iter().filter(|first| **first).count() * 2, one.len());
    assert!(one.chunks(2).any(|couple| couple[0]) && one.chunks(2).any(|couple| !couple[0]));
}
