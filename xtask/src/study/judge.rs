//! What a study shows: shares with exact intervals, and whether each property holds.

use std::collections::BTreeMap;

use super::{
    Grading, Load, PAIRS, RawPair, SortRun, Study, Which,
    rules::Rule,
    statistics::{clopper_pearson, correlation, median, most_by_chance},
};
use crate::{chart::number, measure::median_interval, results::Verdict};

/// At the most this share of right programs may lose points.
pub const WRONG_FAILS: f64 = 0.005;

/// At the most this share of programs that work 1.5 times as much may keep all points.
pub const MISSES: f64 = 0.01;

/// How often a study of few gradings may fail by chance alone.
const FALSE_ALARM: f64 = 1e-4;

/// Fewer gradings than this in which something could be measured show nothing.
const LEAST_MEASURABLE: usize = 8;

/// Effective cores may differ from the truth by so much in the middle of all rounds: half of what makes a pair unclean.
const NEAR: f64 = 0.05;

/// The same for a quick study, which is made on machines that others keep busy: all of what makes a pair unclean. Whoever waits
/// at the end of a run is not told of, and there waits are long (on a machine with a load of 10 it was 0.03 in the middle).
const QUICK_NEAR: f64 = 0.1;

/// So many out of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Those.
    pub hits: usize,
    /// Of so many.
    pub of: usize,
}

impl Count {
    /// Counts those for which `hit` says yes; those for which it says nothing do not count.
    pub fn over<T>(all: impl IntoIterator<Item = T>, hit: impl Fn(T) -> Option<bool>) -> Self {
        let told: Vec<bool> = all.into_iter().filter_map(hit).collect();
        Self { hits: told.iter().filter(|hit| **hit).count(), of: told.len() }
    }

    /// The share seen; 0 of nothing.
    pub fn share(self) -> f64 {
        self.hits as f64 / self.of.max(1) as f64
    }

    /// The exact 95 % interval of the share.
    pub fn interval(self) -> [f64; 2] {
        clopper_pearson(self.hits, self.of)
    }

    /// `3 of 250, 1.2 % (0.25 % to 3.5 %)`.
    pub fn told(self) -> String {
        let [low, high] = self.interval();
        let (hits, of) = (number::count(self.hits as u64), number::count(self.of as u64));
        if self.of == 0 {
            return "0 of 0".into();
        }
        format!("{hits} of {of}, {} ({} to {})", percent(self.share()), percent(low), percent(high))
    }
}

/// `0.37 %`, `3.5 %`, `27 %`: the shares of a study are small, and two digits of them count.
pub fn percent(share: f64) -> String {
    match share * 100.0 {
        p if p == 0.0 || p == 100.0 => format!("{p:.0} %"),
        p if !(1.0..99.0).contains(&p) => format!("{p:.2} %"),
        p if !(10.0..90.0).contains(&p) => format!("{p:.1} %"),
        p => format!("{p:.0} %"),
    }
}

/// One of the things that a study is made to show.
#[derive(Debug, Clone, PartialEq)]
pub struct Property {
    /// What must hold.
    pub name: &'static str,
    /// Whether it does; not measurable where too little could be measured to say.
    pub verdict: Verdict,
    /// What was seen.
    pub says: String,
}

impl Study {
    /// The gradings of programs that do so many times the work, under that load or any.
    pub fn of(&self, nominal: f64, load: Option<Load>) -> impl Iterator<Item = &Grading> {
        self.gradings.iter().filter(move |grading| grading.nominal == nominal && load.is_none_or(|load| grading.load == load))
    }

    /// How many times the work the study has programs for, the reference itself first.
    pub fn nominals(&self) -> Vec<f64> {
        std::iter::once(1.0).chain(self.extent.slower.iter().map(|(nominal, _)| *nominal)).collect()
    }

    /// Of right programs, those that would have lost points by a rule.
    pub fn wrong_fails(&self, rule: Rule, load: Option<Load>) -> Count {
        Count::over(self.of(1.0, load), |grading| rule.fails(grading))
    }

    /// Of programs that do so many times the work, those that lost points, among those that could be measured.
    pub fn failed(&self, nominal: f64, load: Option<Load>) -> Count {
        Count::over(self.of(nominal, load), |grading| match grading.verdict {
            Verdict::Pass => Some(false),
            Verdict::Fail => Some(true),
            Verdict::NotMeasurable | Verdict::Error => None,
        })
    }

    /// Of programs that do so many times the work, those that could not be measured.
    pub fn not_measurable(&self, nominal: f64, load: Option<Load>) -> Count {
        Count::over(self.of(nominal, load), |grading| match grading.verdict {
            Verdict::Error => None,
            verdict => Some(verdict == Verdict::NotMeasurable),
        })
    }

    /// The mean share of the points that the measurable gradings lost.
    pub fn mean_lost(&self, nominal: f64) -> Option<f64> {
        let measured = |grading: &&Grading| matches!(grading.verdict, Verdict::Pass | Verdict::Fail);
        let lost: Vec<f64> = self.of(nominal, None).filter(measured).map(|grading| 1.0 - grading.share).collect();
        (!lost.is_empty()).then(|| lost.iter().sum::<f64>() / lost.len() as f64)
    }

    /// How many times as long a version really takes: the median over gradings on a machine without load, each with the median
    /// of its clean pairs; its interval; and the number of gradings. A grading is two processes, and its pairs are no more
    /// independent of each other than those.
    pub fn true_ratio(&self, nominal: f64) -> Option<(f64, [f64; 2], usize)> {
        let of_one = |grading: &Grading| median(grading.pairs.iter().filter(|pair| pair.3).map(RawPair::ratio).collect());
        let ratios: Vec<f64> = self.of(nominal, Some(Load::None)).filter_map(of_one).collect();
        let count = ratios.len();
        // Beyond a thousand values the interval's own sums run out of digits, and it is narrower than anybody can use.
        let (ratio, interval, _) = median_interval(ratios.into_iter().take(1000).collect())?;
        Some((ratio, interval, count.min(1000)))
    }

    /// Everything that it was made to show.
    pub fn properties(&self) -> Vec<Property> {
        vec![self.no_errors(), self.right_programs(), self.slow_programs(), self.same_counts(), self.near_the_truth()]
    }

    fn no_errors(&self) -> Property {
        let faults: Vec<&str> = self.gradings.iter().filter_map(|grading| grading.fault.as_deref()).collect();
        let (verdict, says) = match faults.first() {
            _ if !self.complete() => (Verdict::Error, "it was interrupted; the same command goes on with it".into()),
            None if self.has_no_time() => {
                let budget = self.extent.budget;
                let says = format!("most gradings without load ended within {budget} s before there were {} pairs", PAIRS[0]);
                (Verdict::NotMeasurable, format!("{says}: this machine is too slow for it, or its time is too short"))
            }
            None => (Verdict::Pass, format!("all {} gradings came to their end", number::count(self.gradings.len() as u64))),
            Some(first) => (Verdict::Error, format!("{} did not, the first: {first}", faults.len())),
        };
        Property { name: "the study was made", verdict, says }
    }

    /// Whether nothing could have been measured on the quietest of machines.
    pub fn has_no_time(&self) -> bool {
        let short = Count::over(&self.gradings, |grading| {
            (grading.load == Load::None).then_some(grading.verdict == Verdict::NotMeasurable && grading.pairs.len() < PAIRS[0])
        });
        2 * short.hits > short.of
    }

    fn right_programs(&self) -> Property {
        let (wrong, measured) = (self.wrong_fails(Rule::Paired, None), self.failed(1.0, None));
        let says = format!(
            "{} of all gradings of a program against itself lost points; {} of those that could be measured",
            wrong.told(),
            measured.told()
        );
        let by_chance = most_by_chance(measured.of, WRONG_FAILS, FALSE_ALARM);
        // Among few, a single one is more than the share; what a few show is only that it is no multiple of that.
        let holds = measured.hits <= by_chance && (self.extent.quick || wrong.share() <= WRONG_FAILS);
        self.judged("a right program keeps its points", measured, holds, says)
    }

    fn slow_programs(&self) -> Property {
        let failed = self.failed(1.5, None);
        let misses = failed.of - failed.hits;
        let lost = self.mean_lost(1.5).map_or(String::new(), |lost| format!("; on average {} of the points", percent(lost)));
        let says = format!("{} of the measurable gradings of 1.5 times the work lost points{lost}", failed.told());
        let by_chance = most_by_chance(failed.of, MISSES, FALSE_ALARM);
        let share = misses as f64 / failed.of.max(1) as f64;
        let holds = misses <= by_chance && (self.extent.quick || share <= MISSES);
        self.judged("a program that works 1.5 times as much loses some", failed, holds, says)
    }

    fn judged(&self, name: &'static str, measured: Count, holds: bool, says: String) -> Property {
        let verdict = match (holds, measured.of >= LEAST_MEASURABLE) {
            (false, _) => Verdict::Fail,
            (true, true) => Verdict::Pass,
            (true, false) => Verdict::NotMeasurable,
        };
        Property { name, verdict, says }
    }

    /// The runs of each sort, in the order of the study.
    pub fn sorts_by_name(&self) -> Vec<(&'static str, Vec<&SortRun>)> {
        let of = |which: Which| self.sorts.iter().filter(|run| run.sort == which.name()).collect();
        Which::ALL.into_iter().map(|which| (which.name(), of(which))).collect()
    }

    fn same_counts(&self) -> Property {
        let mut different: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, runs) in self.sorts_by_name() {
            let odd = runs.iter().filter(|run| run.cost != runs[0].cost).count();
            if odd > 0 {
                different.insert(name, odd);
            }
        }
        let says = match different.iter().next() {
            Some((name, odd)) => format!("{odd} runs of {name} counted something else than its first"),
            None => format!("work, span and forks of three merge sorts, the same in {} runs each", self.extent.runs),
        };
        let verdict = match (different.is_empty(), self.counted()) {
            (false, _) => Verdict::Fail,
            (true, true) => Verdict::Pass,
            (true, false) => Verdict::NotMeasurable,
        };
        Property { name: "work and span are counts and not measurements", verdict, says }
    }

    /// The median and the largest difference of effective cores to the truth, and their correlation with it.
    pub fn nearness(&self) -> Option<(f64, f64, Option<f64>)> {
        let far: Vec<f64> = self.rounds.iter().map(|round| (round.effective - round.truth).abs()).collect();
        let largest = far.iter().copied().fold(0.0, f64::max);
        let points: Vec<_> = self.rounds.iter().map(|round| (round.truth, round.effective)).collect();
        Some((median(far)?, largest, correlation(&points)))
    }

    fn near_the_truth(&self) -> Property {
        let name = "effective cores are the cores that were had";
        let Some((middle, largest, correlation)) = self.nearness() else {
            let says = "this system does not tell how long a thread waits for a core".into();
            return Property { name, verdict: Verdict::NotMeasurable, says };
        };
        let correlation = correlation.map_or("none".into(), |correlation| format!("{correlation:.3}"));
        let rounds = number::counted(self.rounds.len(), "round", "rounds");
        let says = format!(
            "within {middle:.3} of the time on a core in half of {rounds}, {largest:.2} at the most, correlation {correlation}"
        );
        let near = if self.extent.quick { QUICK_NEAR } else { NEAR };
        Property { name, verdict: if middle <= near { Verdict::Pass } else { Verdict::Fail }, says }
    }
}
