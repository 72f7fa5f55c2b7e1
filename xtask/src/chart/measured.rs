//! Speedups out of raw samples: medians, and intervals that assume nothing about the distribution.

use std::collections::BTreeMap;

use crate::{
    fits,
    measure::median_of_sorted,
    results::{Curves, Point},
};

/// How sure an interval is at the least.
pub const CONFIDENCE: f64 = 0.95;

/// The time of one contender at one place of the axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Time {
    /// The median, in seconds; of the processes' own medians where it is known who ran what, of all samples elsewhere.
    pub median: f64,
    /// The finite samples above 0, in order of size.
    pub samples: Vec<f64>,
    /// Samples left out because no run can take 0, less, or no number of seconds.
    pub dropped: usize,
    /// From how many processes they come, where that is known.
    pub processes: Option<usize>,
    /// What is drawn at random and counts as one in an interval, in order of size: the median of each process, for the runs
    /// of one process resemble each other; every sample where the processes are not known.
    units: Vec<f64>,
}

/// One contender at one place of the axis, against the sequential baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Threads, processes or requests in flight.
    pub threads: usize,
    /// Its time.
    pub time: Time,
    /// `S = T_seq / T_p`, by medians.
    pub speedup: f64,
    /// The interval of `S` at [`CONFIDENCE`]; absent where there are too few samples for one.
    pub interval: Option<[f64; 2]>,
}

/// One contender.
#[derive(Debug, Clone, PartialEq)]
pub struct Contender {
    /// `reference`, `yours`, or a peer's name.
    pub name: String,
    /// By rising threads; not empty.
    pub points: Vec<Measured>,
}

/// All curves of an exercise.
#[derive(Debug, Clone, PartialEq)]
pub struct Speedups {
    /// The sequential program: `T_seq`.
    pub baseline: Time,
    /// Peers by name, then the reference, then the learner: the order in which they are drawn, the most important on top.
    pub contenders: Vec<Contender>,
}

/// Why there is nothing to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The sequential program has no usable sample, so there is no speedup.
    Baseline,
    /// Nobody but the sequential program was run.
    Contenders,
}

impl Speedups {
    /// Speedups over the median of all samples of the baseline: it ignores the number of threads.
    ///
    /// # Errors
    /// If a part is missing without which there is no speedup.
    pub fn new(curves: &Curves) -> Result<Self, Missing> {
        Self::of(&curves.contenders, |_| 1.0)
    }

    /// Scaled speedups (Gustafson, Reevaluating Amdahl's law, 1988): `p T_seq(n) / T_p(p n)`, how many times the work of
    /// sequential was done in the same time. Their efficiency is `T_seq(n) / T_p(p n)`.
    ///
    /// # Errors
    /// If nothing was measured, or a part is missing without which there is no speedup.
    pub fn weak(curves: &Curves) -> Result<Self, Missing> {
        let weak = curves.weak.as_ref().ok_or(Missing::Contenders)?;
        Self::of(&weak.contenders, |threads| threads as f64)
    }

    /// `times` the work of the baseline is done at so many threads.
    fn of(points: &BTreeMap<String, Vec<Point>>, times: impl Fn(usize) -> f64) -> Result<Self, Missing> {
        let baseline = Time::new(points.get("baseline").into_iter().flatten()).ok_or(Missing::Baseline)?;
        let mut contenders: Vec<_> = points
            .iter()
            .filter(|(name, _)| *name != "baseline")
            .filter_map(|(name, points)| Contender::new(name, points, &baseline, &times))
            .collect();
        contenders.sort_by_key(|contender| (rank(&contender.name), contender.name.clone()));
        if contenders.is_empty() { Err(Missing::Contenders) } else { Ok(Self { baseline, contenders }) }
    }

    /// The contender of that name.
    pub fn contender(&self, name: &str) -> Option<&Contender> {
        self.contenders.iter().find(|contender| contender.name == name)
    }

    /// Whom a finding is about: the learner where there is one, else the reference, else the first peer.
    pub fn subject(&self) -> &Contender {
        self.contenders.last().expect("`new` lets no empty list through")
    }

    /// Every place of the axis that anybody was measured at, rising.
    pub fn places(&self) -> Vec<usize> {
        let mut places: Vec<_> = self.contenders.iter().flat_map(|c| &c.points).map(|point| point.threads).collect();
        places.sort_unstable();
        places.dedup();
        places
    }
}

/// Peers first, the learner last.
fn rank(name: &str) -> u8 {
    match name {
        "yours" => 2,
        "reference" => 1,
        _ => 0,
    }
}

impl Contender {
    fn new(name: &str, points: &[Point], baseline: &Time, times: impl Fn(usize) -> f64) -> Option<Self> {
        let measured = |point: &Point| Measured::new(point, baseline, times(point.threads));
        let mut points: Vec<_> = points.iter().filter_map(measured).collect();
        points.sort_by_key(|point| point.threads);
        points.dedup_by_key(|point| point.threads);
        (!points.is_empty()).then(|| Self { name: name.to_owned(), points })
    }

    /// Whether it is a program of the exercise, and not a peer.
    pub fn is_own(&self) -> bool {
        rank(&self.name) > 0
    }

    /// Threads and speedup of each point.
    pub fn speedups(&self) -> Vec<(usize, f64)> {
        self.points.iter().map(|point| (point.threads, point.speedup)).collect()
    }

    /// Its point at that place.
    pub fn at(&self, threads: usize) -> Option<&Measured> {
        self.points.iter().find(|point| point.threads == threads)
    }

    /// Its last point.
    pub fn last(&self) -> &Measured {
        self.points.last().expect("a contender has a point")
    }

    /// Its fastest point; of equals the one with fewer threads.
    pub fn best(&self) -> &Measured {
        self.points.iter().rev().max_by(|a, b| a.speedup.total_cmp(&b.speedup)).expect("a contender has a point")
    }
}

impl Measured {
    fn new(point: &Point, baseline: &Time, times: f64) -> Option<Self> {
        let time = Time::new([point])?;
        // Both times are uncertain. If each interval misses with at most half of the risk, both together miss with at most
        // all of it (Bonferroni), whatever the distributions are.
        let risk = (1.0 - CONFIDENCE) / 2.0;
        let interval = match (baseline.interval(1.0 - risk), time.interval(1.0 - risk)) {
            (Some([low, high]), Some([fast, slow])) => Some([times * low / slow, times * high / fast]),
            _ => None,
        };
        Some(Self { threads: point.threads, speedup: times * baseline.median / time.median, interval, time })
    }

    /// `S / p`.
    pub fn efficiency(&self) -> f64 {
        self.speedup / self.threads as f64
    }

    /// The serial fraction of Karp and Flatt; `None` for one thread.
    pub fn serial_fraction(&self) -> Option<f64> {
        fits::serial_fraction(self.speedup, self.threads)
    }

    /// Its interval: the fraction falls where the speedup rises, so the ends change places.
    pub fn serial_interval(&self) -> Option<[f64; 2]> {
        let [low, high] = self.interval?;
        Some([fits::serial_fraction(high, self.threads)?, fits::serial_fraction(low, self.threads)?])
    }
}

impl Time {
    /// Of samples that come from a process each; `None` where none of them is a time.
    pub fn of_processes(samples: &[f64]) -> Option<Self> {
        Self::new([&Point { threads: 1, samples: samples.to_vec(), per_process: 1 }])
    }

    fn new<'a>(points: impl IntoIterator<Item = &'a Point>) -> Option<Self> {
        let (mut samples, mut units, mut all, mut known) = (Vec::new(), Vec::new(), 0, true);
        for point in points {
            known &= point.per_process > 0;
            all += point.samples.len();
            for process in point.samples.chunks(point.per_process.max(1)) {
                let mut usable: Vec<f64> = process.iter().copied().filter(|s| s.is_finite() && *s > 0.0).collect();
                usable.sort_by(f64::total_cmp);
                units.extend((!usable.is_empty()).then(|| median_of_sorted(&usable)));
                samples.append(&mut usable);
            }
        }
        samples.sort_by(f64::total_cmp);
        units.sort_by(f64::total_cmp);
        let (dropped, processes) = (all - samples.len(), known.then_some(units.len()));
        (!samples.is_empty()).then(|| Self { median: median_of_sorted(&units), samples, dropped, processes, units })
    }

    /// The narrowest pair of order statistics, equally far from both ends, that holds the true median with at least the
    /// given confidence: `[x_k, x_(n+1-k)]` misses with probability `2 P(B <= k-1)`, B being binomial(n, 1/2).
    ///
    /// At 95 % it takes 6 of them, at 97.5 % it takes 7: processes where they are known, samples elsewhere.
    pub fn interval(&self, confidence: f64) -> Option<[f64; 2]> {
        let n = self.units.len();
        // In logarithms, for 2^-n is 0 in floating point from n = 1075 on.
        let mut log_choose = -(n as f64) * std::f64::consts::LN_2;
        let mut tail = 0.0;
        let mut k = 0;
        while k < n / 2 {
            tail += log_choose.exp();
            if 2.0 * tail > 1.0 - confidence {
                break;
            }
            log_choose += ((n - k) as f64).ln() - ((k + 1) as f64).ln();
            k += 1;
        }
        (k > 0).then(|| [self.units[k - 1], self.units[n - k]])
    }
}

/// How many times as long the sequential program takes for the size of all threads as for that of one, over how many times as
/// large it is; `None` where that was not measured.
pub fn growth(curves: &Curves) -> Option<f64> {
    let weak = curves.weak.as_ref()?;
    let larger = curves.size as f64 / weak.size.max(1) as f64;
    Some(Speedups::new(curves).ok()?.baseline.median / Speedups::weak(curves).ok()?.baseline.median / larger)
}

/// Weak scaling means the same work for each thread; where the work does not go with the size, sizes cannot say that.
pub fn grows_evenly(curves: &Curves) -> bool {
    growth(curves).is_some_and(|growth| (0.8..=1.25).contains(&growth))
}

#[cfg(test)]
mod tests {
    use lab::workload::Axis;

    use super::*;

    fn point(threads: usize, samples: &[f64], per_process: usize) -> Point {
        Point { threads, samples: samples.to_vec(), per_process }
    }

    fn time(n: usize) -> Time {
        let samples: Vec<f64> = (1..=n).map(|i| i as f64).collect();
        Time::new([&point(1, &samples, 0)]).expect("samples")
    }

    #[test]
    fn intervals_are_the_tabulated_order_statistics() {
        // As in any table of the sign test; n = 15: 4th to 12th, 96.5 %.
        assert_eq!(time(15).interval(0.95), Some([4.0, 12.0]));
        assert_eq!(time(6).interval(0.95), Some([1.0, 6.0]));
        assert_eq!(time(5).interval(0.95), None);
        assert_eq!(time(20).interval(0.95), Some([6.0, 15.0]));
        assert_eq!(time(100).interval(0.95), Some([40.0, 61.0]));
        assert_eq!(time(7).interval(0.975), Some([1.0, 7.0]));
        assert!(time(5000).interval(0.95).is_some_and(|[low, high]| low > 2400.0 && high < 2600.0));
    }

    type Given<'a> = (usize, &'a [f64]);

    fn curves(contenders: &[(&str, &[Given])]) -> Curves {
        let points = |points: &[Given]| points.iter().map(|(threads, samples)| point(*threads, samples, 0)).collect();
        Curves {
            size: 1,
            size_unit: "keys".into(),
            axis: Axis::Threads,
            contenders: contenders.iter().map(|(name, list)| ((*name).to_owned(), points(list))).collect(),
            weak: None,
        }
    }

    #[test]
    fn a_speedup_is_the_ratio_of_medians_and_its_interval_holds_it() {
        let seven = [1.9, 2.0, 2.0, 2.0, 2.0, 2.0, 2.1];
        let fast = [0.9, 1.0, 1.0, 1.0, 1.0, 1.0, 1.25];
        let speedups = Speedups::new(&curves(&[("baseline", &[(1, &seven)]), ("yours", &[(2, &fast)])])).expect("a curve");
        let point = speedups.subject().last();
        assert_eq!(point.speedup, 2.0);
        assert_eq!(point.interval, Some([1.9 / 1.25, 2.1 / 0.9]));
    }

    #[test]
    fn samples_that_are_no_time_are_left_out_and_counted() {
        let wild = [f64::NAN, 0.0, -1.0, f64::INFINITY, 0.5];
        let speedups =
            Speedups::new(&curves(&[("baseline", &[(1, &[1.0])]), ("yours", &[(1, &wild), (2, &[f64::NAN])])])).expect("a curve");
        let points = &speedups.subject().points;
        assert_eq!(points.len(), 1, "a place without a usable sample is not drawn");
        assert_eq!((points[0].speedup, points[0].time.dropped, points[0].interval), (2.0, 4, None));
    }

    #[test]
    fn without_a_baseline_there_is_no_speedup() {
        assert_eq!(Speedups::new(&curves(&[("yours", &[(1, &[1.0])])])), Err(Missing::Baseline));
        assert_eq!(Speedups::new(&curves(&[("baseline", &[(1, &[0.0])]), ("yours", &[(1, &[1.0])])])), Err(Missing::Baseline));
        assert_eq!(Speedups::new(&curves(&[("baseline", &[(1, &[1.0])])])), Err(Missing::Contenders));
    }

    #[test]
    fn runs_of_one_process_count_as_one() {
        // Two regimes: whoever pools the runs sees a narrow interval around one of them.
        let two_regimes = [1.0, 1.1, 1.0, 1.1, 1.0, 1.1, 1.0, 1.1, 2.0, 2.1, 1.0, 1.1, 1.0, 1.1];
        let pooled = Time::new([&point(2, &two_regimes, 1)]).expect("samples");
        assert_eq!((pooled.interval(0.975), pooled.processes), (Some([1.0, 1.1]), Some(14)));
        let apart = Time::new([&point(2, &two_regimes, 2)]).expect("samples");
        assert_eq!((apart.interval(0.975), apart.processes), (Some([1.05, 2.05]), Some(7)));
        assert_eq!((apart.median, apart.samples.len()), (1.05, 14));
        let few = Time::new([&point(2, &two_regimes, 5)]).expect("samples");
        assert_eq!((few.interval(0.975), few.processes), (None, Some(3)), "14 runs, and only 3 processes");
    }

    #[test]
    fn a_process_without_a_usable_run_is_none() {
        let time = Time::new([&point(2, &[1.0, 1.0, f64::NAN, 0.0, 3.0, -1.0], 2)]).expect("samples");
        assert_eq!((time.processes, time.dropped, time.median), (Some(2), 3, 2.0));
    }

    #[test]
    fn efficiency_and_serial_fraction_follow_the_speedup_and_its_interval() {
        let seven = [1.9, 2.0, 2.0, 2.0, 2.0, 2.0, 2.1];
        let four = [0.5, 0.625, 0.625, 0.625, 0.625, 0.625, 0.75];
        let given = curves(&[("baseline", &[(1, &seven)]), ("yours", &[(1, &seven), (4, &four)])]);
        let speedups = Speedups::new(&given).expect("a curve");
        let points = &speedups.subject().points;
        assert_eq!((points[0].efficiency(), points[0].serial_fraction()), (1.0, None));
        assert_eq!((points[1].speedup, points[1].efficiency()), (3.2, 0.8));
        let near = |found: f64, wanted: f64| (found - wanted).abs() < 1e-12;
        // (1/3.2 - 1/4) / (1 - 1/4)
        assert!(near(points[1].serial_fraction().expect("four threads"), 0.0625 / 0.75));
        let [low, high] = points[1].serial_interval().expect("an interval");
        assert!(near(low, (0.5 / 2.1 - 0.25) / 0.75) && near(high, (0.75 / 1.9 - 0.25) / 0.75), "{low} {high}");
    }

    #[test]
    fn weak_scaling_counts_the_work_that_was_done() {
        let mut given = curves(&[]);
        assert_eq!(Speedups::weak(&given), Err(Missing::Contenders));
        let contenders = curves(&[("baseline", &[(1, &[1.0])]), ("yours", &[(1, &[1.0]), (4, &[1.25])])]).contenders;
        given.weak = Some(crate::results::Weak { size: 100, contenders });
        let speedups = Speedups::weak(&given).expect("a curve");
        assert_eq!((speedups.subject().last().speedup, speedups.subject().last().efficiency()), (3.2, 0.8));
    }
}
